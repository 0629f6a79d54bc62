import { InvalidOptionsError, show } from '../core/errors.js'
import type { GenerationSource, LanguageModel, ModelChunk } from '../core/generation-source.js'
import { LazySource } from './lazy-source.js'
import type { ModelRun } from './model-source.js'
import { iterateSource } from './source-iterator.js'
import { Utf8Text } from './utf8-text.js'

/** A model of a chain, and what the metadata calls it. */
export interface NamedModel {
  readonly name: string
  readonly model: LanguageModel
}

/**
 * A model that asks the given ones in their order: when one fails before its first text, the next is asked, and metadata says so
 * (`used_fallback`, `fallback_from`, `fallback_to`). Once there is text its failure is final; so is that of the last model. A cancel
 * ends the chain. Give the models time limits, or one that keeps silent is waited for.
 *
 * @throws {InvalidOptionsError} when the list is wrong
 */
export function withFallback(models: readonly NamedModel[]): LanguageModel {
  const chain = checkModels(models)
  return (prompt, run) =>
    new LazySource({
      open: (signal) => new FallbackChain(chain, prompt, { ...run, signal }),
      reader: new Utf8Text(),
      signal: run.signal,
      limits: {},
      describe: (error) => error, // those of our adapters are ours; others are the application's
    })
}

function checkModels(models: readonly NamedModel[]): readonly NamedModel[] {
  if (!Array.isArray(models) || models.length === 0) {
    throw new InvalidOptionsError(`withFallback: expected a list of { name, model }, got ${show(models)}.`)
  }
  for (const entry of models as readonly (Partial<NamedModel> | null | undefined)[]) {
    if (typeof entry?.name !== 'string' || typeof entry.model !== 'function') {
      throw new InvalidOptionsError('withFallback: expected each entry to be { name: string, model: LanguageModel }.')
    }
  }
  return [...models]
}

class FallbackChain implements AsyncIterable<string | ModelChunk> {
  readonly #models: readonly NamedModel[]
  readonly #prompt: Parameters<LanguageModel>[0]
  readonly #run: ModelRun
  #at = 0
  #source: GenerationSource | undefined
  #iterator: AsyncIterator<string | ModelChunk, unknown> | undefined
  #hasText = false

  constructor(models: readonly NamedModel[], prompt: Parameters<LanguageModel>[0], run: ModelRun) {
    this.#models = models
    this.#prompt = prompt
    this.#run = run
  }

  [Symbol.asyncIterator]() {
    return this
  }

  async next(): Promise<IteratorResult<string | ModelChunk, undefined>> {
    try {
      const result = await (await this.#current()).next()
      if (result.done) return { done: true, value: undefined }
      const { value } = result
      if (typeof value === 'string' ? value : value?.text) this.#hasText = true
      return { done: false, value }
    } catch (error) {
      const failed = this.#models[this.#at]
      const next = this.#models[this.#at + 1]
      if (this.#hasText || !failed || !next || this.#run.signal.aborted) throw error
      void this.return(error) // the next model does not wait for it
      this.#iterator = undefined
      this.#at++
      const metadata = { used_fallback: true, fallback_from: failed.name, fallback_to: next.name }
      return { done: false, value: { metadata } }
    }
  }

  async return(reason?: unknown): Promise<IteratorResult<string | ModelChunk, undefined>> {
    const [source, iterator] = [this.#source, this.#iterator]
    try {
      source?.abort?.(reason)
      await iterator?.return?.()
    } catch {
      // It is closed for having failed already, or because nobody reads on.
    }
    return { done: true, value: undefined }
  }

  async #current(): Promise<AsyncIterator<string | ModelChunk, unknown>> {
    if (this.#iterator) return this.#iterator
    const source = await this.#models[this.#at]?.model(this.#prompt, this.#run)
    if (typeof source !== 'object' || source === null) {
      throw new InvalidOptionsError(`withFallback: expected the model to give a source, got ${show(source)}.`)
    }
    this.#source = source
    this.#iterator = iterateSource(source)
    if (this.#run.signal.aborted) {
      void this.return(this.#run.signal.reason) // it came too late, and may hold a request
      throw this.#run.signal.reason
    }
    return this.#iterator
  }
}
