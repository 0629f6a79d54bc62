import type { Usage } from '../protocol/job-snapshot.js'
import type { Awaitable } from './awaitable.js'

/**
 * Why a source ended. `stop` is complete; so is `unknown`: the source gave no reason and ended by itself.
 * Every other reason means that the text is not whole, and nothing is committed.
 */
export type FinishReason = 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'unknown'

/** One piece of a model's output. A chunk without text is allowed, to carry usage or the finish reason. */
export interface ModelChunk {
  readonly text?: string | null | undefined
  readonly metadata?: object | undefined
  readonly usage?: Usage | undefined
  readonly finish?: FinishReason | null | undefined
}

/**
 * What generates text: anything that can be iterated, a web stream, or a Node Readable.
 *
 * `abort`, if there, is called before `return()`/`cancel()` on every exit but a complete end, so that a pending read can let go.
 */
export type GenerationSource = (AsyncIterable<string | ModelChunk> | ReadableStream<string | ModelChunk>) & {
  abort?: ((reason: unknown) => void) | undefined
}

/** A model: from a prompt to a source. The signal aborts when the job is cancelled. */
export type LanguageModel = (
  prompt: { system?: string | undefined; prompt: string },
  run: { signal: AbortSignal; jobId: string },
) => Awaitable<GenerationSource>

/** Whether a finish reason lets a text pass as whole. */
export function isCompleteFinish(finish: FinishReason): boolean {
  return finish === 'stop' || finish === 'unknown'
}
