import { finishReasonOf } from './finish-reason.js'
import type { Reading, TokenCounts } from './model-output.js'
import { providerFailure } from './provider-failure.js'

/** What is read of a message, or of a chunk of one. */
interface Message {
  readonly content?: string | readonly { readonly type?: string; readonly text?: string }[]
  readonly response_metadata?: Facts
  readonly additional_kwargs?: Facts
  readonly usage_metadata?: { readonly input_tokens?: number; readonly output_tokens?: number }
}

type Facts = Readonly<Record<string, unknown>>

/** What is read of the end of a model, as LangChain's callbacks tell it. */
interface ModelEnd {
  readonly generations?: readonly (readonly { readonly generationInfo?: Facts; readonly message?: Message }[])[]
}

/** How the providers' packages call it. */
const FINISH_KEYS = ['finish_reason', 'stop_reason', 'finishReason', 'stopReason']

/** Reads what the stream of a runnable gives: strings, chunks of a message, or events of `streamEvents`. */
export class LangChainOutput {
  #counts: Required<TokenCounts> | undefined
  #end: Reading | undefined

  /** A handler for the runnable's configuration, which hears of each model's end. */
  readonly callbacks = {
    awaitHandlers: true, // before the stream ends
    handleLLMEnd: ({ generations }: ModelEnd): void => {
      const generation = generations?.[0]?.[0]
      if (generation) this.#end = endOf(generation.message, generation.generationInfo) ?? this.#end
    },
  }

  read(item: unknown): Reading | undefined {
    if (typeof item === 'string') return { text: item }
    if (typeof item !== 'object' || item === null) throw providerFailure('provider.malformed')
    return 'event' in item ? readEvent(item) : this.#readChunk(item)
  }

  /** What only the callbacks told. */
  end(): Reading | undefined {
    return this.#end
  }

  #readChunk(chunk: Message): Reading {
    const { input_tokens = 0, output_tokens = 0 } = chunk.usage_metadata ?? {}
    const isCounted = chunk.usage_metadata !== undefined
    // LangChain's counts are those of each chunk: they add up.
    if (isCounted) {
      const { inputTokens = 0, outputTokens = 0 } = this.#counts ?? {}
      this.#counts = { inputTokens: inputTokens + input_tokens, outputTokens: outputTokens + output_tokens }
    }
    return { ...endOf(chunk), text: textOf(chunk), usage: isCounted ? this.#counts : undefined }
  }
}

/** Events of several models may follow each other, so the last one's finish reason counts. */
function readEvent(item: object): Reading | undefined {
  const { event, data } = item as { event: unknown; data?: { chunk?: Message; output?: Message } }
  if (event === 'on_chat_model_stream') return { text: textOf(data?.chunk) }
  const end = event === 'on_chat_model_end' ? endOf(data?.output) : undefined
  return end && { ...end, mayContinue: true }
}

function endOf(message: Message | undefined, generationInfo?: Facts): Reading | undefined {
  const reason = [message?.response_metadata, generationInfo, message?.additional_kwargs]
    .flatMap((facts) => FINISH_KEYS.map((key) => facts?.[key]))
    .find((value) => typeof value === 'string' && value !== '')
  if (typeof reason !== 'string') return undefined
  const { input_tokens, output_tokens } = message?.usage_metadata ?? {}
  const usage = message?.usage_metadata && { inputTokens: input_tokens, outputTokens: output_tokens }
  return { finish: finishReasonOf(reason), usage }
}

function textOf(message: Message | undefined): string | undefined {
  const content = message?.content
  if (typeof content === 'string' || content === undefined) return content
  return content.map(({ type, text }) => (type === 'text' || type === 'text_delta' ? (text ?? '') : '')).join('')
}
