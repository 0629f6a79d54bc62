import type { LanguageModel } from '../core/generation-source.js'
import { type ChunkLimits, checkChunkLimits } from './chunk-limits.js'
import { finishReasonOf } from './finish-reason.js'
import type { Reading, TokenCounts } from './model-output.js'
import { modelSource } from './model-source.js'
import { toProviderError } from './provider-failure.js'
import { type BodyOf, checkCall, type RequestOptions } from './request-options.js'

/** What is needed of an `Anthropic` client. */
export interface AnthropicClient {
  readonly messages: { create(body: never, options: never): unknown }
}

/** The parameters of a request, as the client declares them, without what the adapter sets. */
export type AnthropicParams<Client extends AnthropicClient> = Omit<
  BodyOf<Client['messages']['create']>,
  'messages' | 'stream'
>

interface MessageUsage {
  readonly input_tokens?: number | null
  readonly cache_creation_input_tokens?: number | null
  readonly cache_read_input_tokens?: number | null
  readonly output_tokens?: number | null
}

/** What is read of one event of the stream. */
interface MessageEvent {
  readonly type: string
  readonly error?: unknown
  readonly message?: { readonly usage?: MessageUsage }
  readonly delta?: { readonly type?: string; readonly text?: string; readonly stop_reason?: string | null }
  readonly usage?: MessageUsage
}

interface Messages {
  create(body: object, options: RequestOptions): PromiseLike<AsyncIterable<MessageEvent>>
}

/**
 * A model behind Anthropic's Messages. A prompt without `system` leaves that of the parameters.
 *
 * @throws {InvalidOptionsError} when an argument is wrong
 */
export function fromAnthropic<Client extends AnthropicClient>(
  client: Client,
  params: AnthropicParams<Client>,
  limits?: ChunkLimits,
): LanguageModel {
  checkCall('fromAnthropic', client, ['messages', 'create'], params)
  const checked = checkChunkLimits('fromAnthropic', limits)
  const resource = client.messages as unknown as Messages
  return ({ system, prompt }, run) => {
    const messages = [{ role: 'user', content: prompt }]
    const body = { ...params, ...(system ? { system } : undefined), messages, stream: true }
    return modelSource(run, checked, {
      open: (signal) => resource.create(body, { signal }),
      readItem: readEvent,
    })
  }
}

function readEvent({ type, error, message, delta, usage }: MessageEvent): Reading | undefined {
  switch (type) {
    case 'error':
      throw toProviderError({ error })
    case 'message_start':
      return { usage: countsOf(message?.usage) }
    case 'content_block_delta':
      return delta?.type === 'text_delta' ? { text: delta.text } : undefined
    case 'message_delta':
      return {
        finish: delta?.stop_reason ? finishReasonOf(delta.stop_reason) : undefined,
        usage: countsOf(usage),
      }
    default:
      return undefined
  }
}

/** Anthropic counts the prompt's cached tokens apart. */
function countsOf(usage: MessageUsage | undefined): TokenCounts | undefined {
  if (!usage) return undefined
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = usage
  const inputTokens =
    typeof input_tokens === 'number'
      ? input_tokens + (cache_creation_input_tokens ?? 0) + (cache_read_input_tokens ?? 0)
      : undefined
  return { inputTokens, outputTokens: output_tokens ?? undefined }
}
