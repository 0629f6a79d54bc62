import type { GenerationSource, LanguageModel } from '../core/generation-source.js'
import type { ChunkLimits } from './chunk-limits.js'
import { LazySource, type LazySourceOptions } from './lazy-source.js'
import { ModelOutput, type Reading } from './model-output.js'

/** What a model works with, besides the prompt. */
export type ModelRun = Parameters<LanguageModel>[1]

/** One call of a model through its SDK, and how an item of its stream reads. */
export interface ModelCall<Item> extends Pick<LazySourceOptions<Item>, 'open' | 'beforeAbort' | 'afterAbort'> {
  readonly readItem: (item: Item) => Reading | undefined
  readonly readEnd?: (() => Reading | undefined) | undefined
}

/** The source of one model call: nothing is requested before its first `next()`. */
export function modelSource<Item>(run: ModelRun, limits: ChunkLimits, call: ModelCall<Item>): GenerationSource {
  const { readItem, readEnd, ...upstream } = call
  return new LazySource({ ...upstream, reader: new ModelOutput(readItem, readEnd), signal: run.signal, limits })
}
