import type { FinishReason, LanguageModel, ModelChunk } from 'generation-jobs'
import { ProviderError } from './provider-error.ts'
import { postForEvents } from './sse-request.ts'

export interface OpenAIOptions {
  readonly apiKey: string | undefined
  /** Also of a compatible server of your own. */
  readonly baseUrl: string
  readonly model: string
}

/** What is read of one event of a Chat Completions stream. */
interface ChatChunk {
  readonly error?: unknown
  readonly choices?: readonly { delta?: { content?: string | null }; finish_reason?: string | null }[]
  readonly usage?: { prompt_tokens?: number; completion_tokens?: number } | null
}

const FINISH_REASONS: Record<string, FinishReason> = {
  stop: 'stop',
  length: 'length',
  content_filter: 'content-filter',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
}

/** A model behind OpenAI's Chat Completions, over fetch. */
export function createOpenAIModel({ apiKey, baseUrl, model }: OpenAIOptions): LanguageModel {
  return async function* ({ system, prompt }, { signal }): AsyncGenerator<ModelChunk, void, void> {
    const messages = [...(system ? [{ role: 'system', content: system }] : []), { role: 'user', content: prompt }]
    const events = postForEvents({
      url: `${baseUrl.replace(/\/+$/, '')}/chat/completions`,
      headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {},
      body: {
        model,
        messages,
        stream: true,
        stream_options: { include_usage: true },
        response_format: { type: 'json_object' },
      },
      signal,
    })
    let finished = false
    for await (const event of events) {
      const { error, choices, usage } = event as ChatChunk
      if (error) throw new ProviderError('provider.failed')
      const [choice] = choices ?? []
      if (choice?.delta?.content) yield { text: choice.delta.content }
      if (choice?.finish_reason) {
        finished = true
        yield { finish: FINISH_REASONS[choice.finish_reason] ?? 'error' }
      }
      if (usage) {
        yield {
          usage: {
            inputTokens: usage.prompt_tokens ?? 0,
            outputTokens: usage.completion_tokens ?? 0,
            quality: 'reported',
          },
        }
      }
    }
    if (!finished) throw new ProviderError('provider.truncated')
  }
}
