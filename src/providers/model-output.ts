import { defined } from '../core/defined.js'
import type { FinishReason, ModelChunk } from '../core/generation-source.js'
import type { SourceReader } from './lazy-source.js'
import { providerFailure } from './provider-failure.js'

/** OpenAI's rule of thumb for English: what a text that ended early has cost can only be estimated. */
const CHARACTERS_PER_TOKEN = 4

/** Tokens as a provider counts them, up to now. */
export interface TokenCounts {
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
}

/** What one item of an SDK's stream says. */
export interface Reading {
  readonly text?: string | null | undefined
  readonly finish?: FinishReason | undefined
  readonly usage?: TokenCounts | undefined
  /** More model calls may follow, so this finish reason holds only if the stream ends with it. */
  readonly mayContinue?: boolean | undefined
}

/**
 * Turns the readings of one model call into chunks. Usage that comes with the finish reason or later is what the provider reports,
 * and goes into the log as metadata; until then it is estimated, so that a cancelled call has a number too.
 */
export class ModelOutput<Item> implements SourceReader<Item> {
  readonly #readItem: (item: Item) => Reading | undefined
  readonly #readEnd: (() => Reading | undefined) | undefined
  #characters = 0
  #counts: TokenCounts = {}
  #finish: FinishReason | undefined
  #mayContinue = false
  #isUsageReported = false

  /** `readEnd`: what is known only when the stream has ended. */
  constructor(readItem: (item: Item) => Reading | undefined, readEnd?: () => Reading | undefined) {
    this.#readItem = readItem
    this.#readEnd = readEnd
  }

  get progress(): 'reading' | 'finished' | 'complete' {
    if (this.#finish === undefined || this.#mayContinue) return 'reading'
    return this.#isUsageReported ? 'complete' : 'finished'
  }

  read(item: Item): ModelChunk | undefined {
    const reading = this.#readItem(item)
    return reading && this.#take(reading)
  }

  /** @throws {ProviderError} `provider.truncated` when no finish reason came */
  end(): ModelChunk | undefined {
    const reading = this.#readEnd?.()
    const chunk = reading && this.#take(reading)
    if (this.#finish === undefined) throw providerFailure('provider.truncated')
    return chunk
  }

  #take({ text, finish, usage, mayContinue = false }: Reading): ModelChunk | undefined {
    if (finish !== undefined) {
      this.#finish = finish
      this.#mayContinue = mayContinue
    }
    const isCounted = usage?.inputTokens !== undefined || usage?.outputTokens !== undefined
    if (isCounted) {
      const { inputTokens = this.#counts.inputTokens, outputTokens = this.#counts.outputTokens } = usage
      this.#counts = { inputTokens, outputTokens }
    }
    const counted = isCounted && this.#finish !== undefined ? this.#reported() : undefined
    if (text) {
      this.#characters += text.length
      return { text, usage: this.#estimated(), ...defined({ finish }), ...counted }
    }
    if (finish === undefined && !isCounted) return undefined
    return { ...defined({ finish }), ...(isCounted ? { usage: this.#estimated() } : undefined), ...counted }
  }

  #reported(): Pick<ModelChunk, 'metadata' | 'usage'> {
    this.#isUsageReported = true
    const { inputTokens, outputTokens } = this.#counts
    return {
      metadata: defined({ usage_prompt_tokens: inputTokens, usage_completion_tokens: outputTokens }),
      usage: { ...defined({ inputTokens, outputTokens }), quality: 'reported' },
    }
  }

  #estimated(): ModelChunk['usage'] {
    const { inputTokens, outputTokens = 0 } = this.#counts
    const written = Math.ceil(this.#characters / CHARACTERS_PER_TOKEN)
    const most = Math.max(outputTokens, written) || undefined // nothing yet is not a zero
    return { ...defined({ inputTokens, outputTokens: most }), quality: 'estimated' }
  }
}
