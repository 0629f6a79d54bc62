import type { FinishReason, LanguageModel, ModelChunk } from 'generation-jobs'
import { ProviderError } from './provider-error.ts'
import { postForEvents } from './sse-request.ts'

export interface AnthropicOptions {
  readonly apiKey: string
  readonly baseUrl: string
  readonly model: string
}

/** What is read of one event of a Messages stream. */
interface MessageEvent {
  readonly type?: string
  readonly message?: { usage?: { input_tokens?: number } }
  readonly delta?: { type?: string; text?: string; stop_reason?: string | null }
  readonly usage?: { output_tokens?: number }
}

const API_VERSION = '2023-06-01'
/** Enough for one node with eight choices. */
const MAX_TOKENS = 4_096

const FINISH_REASONS: Record<string, FinishReason> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  tool_use: 'tool-calls',
  refusal: 'content-filter',
}

/** A model behind Anthropic's Messages, over fetch. */
export function createAnthropicModel({ apiKey, baseUrl, model }: AnthropicOptions): LanguageModel {
  return async function* ({ system, prompt }, { signal }): AsyncGenerator<ModelChunk, void, void> {
    const events = postForEvents({
      url: `${baseUrl.replace(/\/+$/, '')}/v1/messages`,
      headers: { 'x-api-key': apiKey, 'anthropic-version': API_VERSION },
      body: {
        model,
        max_tokens: MAX_TOKENS,
        ...(system ? { system } : {}),
        messages: [{ role: 'user', content: prompt }],
        stream: true,
      },
      signal,
    })
    let inputTokens = 0
    let finished = false
    for await (const event of events) {
      const { type, message, delta, usage } = event as MessageEvent
      if (type === 'error') throw new ProviderError('provider.failed')
      if (type === 'message_start') inputTokens = message?.usage?.input_tokens ?? 0
      if (type === 'content_block_delta' && delta?.text) yield { text: delta.text }
      if (type === 'message_delta' && delta?.stop_reason) {
        finished = true
        const outputTokens = usage?.output_tokens ?? 0
        yield {
          finish: FINISH_REASONS[delta.stop_reason] ?? 'error',
          usage: { inputTokens, outputTokens, quality: 'reported' },
        }
      }
      if (type === 'message_stop') break
    }
    if (!finished) throw new ProviderError('provider.truncated')
  }
}
