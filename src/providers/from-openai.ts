import type { LanguageModel } from '../core/generation-source.js'
import { type ChunkLimits, checkChunkLimits } from './chunk-limits.js'
import { finishReasonOf } from './finish-reason.js'
import type { Reading } from './model-output.js'
import { modelSource } from './model-source.js'
import { toProviderError } from './provider-failure.js'
import { type BodyOf, checkCall, type RequestOptions } from './request-options.js'

/** What is needed of an `OpenAI` client, or of a client of a server that speaks its Chat Completions. */
export interface OpenAIChatClient {
  readonly chat: { readonly completions: { create(body: never, options: never): unknown } }
}

/** The parameters of a request, as the client declares them, without what the adapter sets. */
export type OpenAIChatParams<Client extends OpenAIChatClient> = Omit<
  BodyOf<Client['chat']['completions']['create']>,
  'messages' | 'stream'
>

/** What is read of one item of the stream. */
interface ChatChunk {
  readonly error?: unknown
  readonly choices?:
    | readonly {
        readonly index?: number
        readonly delta?: { readonly content?: string | null; readonly refusal?: string | null } | null
        readonly finish_reason?: string | null
      }[]
    | null
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number } | null
}

interface ChatCompletions {
  create(body: object, options: RequestOptions): PromiseLike<AsyncIterable<ChatChunk>>
}

/**
 * A model behind OpenAI's Chat Completions. Usage is asked for; a server that does not know `stream_options` gets
 * `stream_options: null` from you. Of several choices the first is read.
 *
 * @throws {InvalidOptionsError} when an argument is wrong
 */
export function fromOpenAI<Client extends OpenAIChatClient>(
  client: Client,
  params: OpenAIChatParams<Client>,
  limits?: ChunkLimits,
): LanguageModel {
  checkCall('fromOpenAI', client, ['chat', 'completions', 'create'], params)
  const checked = checkChunkLimits('fromOpenAI', limits)
  const completions = client.chat.completions as unknown as ChatCompletions
  return ({ system, prompt }, run) => {
    const messages = [...(system ? [{ role: 'system', content: system }] : []), { role: 'user', content: prompt }]
    const body = { stream_options: { include_usage: true }, ...params, messages, stream: true }
    return modelSource(run, checked, {
      open: (signal) => completions.create(body, { signal }),
      readItem: chatReader(),
    })
  }
}

function chatReader(): (chunk: ChatChunk) => Reading | undefined {
  let isRefused = false
  return ({ error, choices, usage }) => {
    if (error) throw toProviderError({ error })
    const choice = choices?.find(({ index = 0 }) => index === 0)
    if (choice?.delta?.refusal) isRefused = true // it ends with `stop` all the same
    const reason = choice?.finish_reason
    const finish = reason ? finishReasonOf(reason) : undefined
    return {
      text: choice?.delta?.content,
      finish: finish === 'stop' && isRefused ? 'content-filter' : finish,
      usage: usage ? { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens } : undefined,
    }
  }
}
