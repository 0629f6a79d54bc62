import type { Usage } from '../protocol/job-snapshot.js'
import type { Awaitable } from './awaitable.js'
import type { CancelToken } from './cancel-token.js'
import type { Cleanup } from './cleanup-stack.js'
import type { CommitFence } from './commit-gate.js'
import { IncompleteGenerationError, InvalidOptionsError, kindOf } from './errors.js'
import { type FinishReason, type GenerationSource, isCompleteFinish, type ModelChunk } from './generation-source.js'
import type { Logger } from './logger.js'
import { type ProducerEvent, toContentEvent } from './producer.js'
import type { Run } from './run.js'
import type { ItemTaker } from './source-pump.js'
import { TextSpan } from './text-span.js'

/** What a producer works with. */
export interface RunContext {
  readonly jobId: string
  /** Rises with each owner of a job; give it to whatever you write to, so that an older owner is refused there. */
  readonly fencingToken: number
  readonly token: CancelToken
  /** Aborts in the tick of a cancel with the {@link JobCancelledError}; never on success. Made when first read. */
  readonly signal: AbortSignal
  /** Adds the job's id to each line. Do not log prompts or generated text. */
  readonly logger: Logger
  /** Names the phase the producer is in; readers see it as an event. */
  step(name: string): void
  /**
   * Adds an event to the job's log, in order. After the eighth of one turn of the event loop, the others of that turn reach the log
   * together: when it is over, and before a cancel by this process, a commit or the end of the job.
   *
   * @throws {JobCancelledError} once a cancel is recorded, so that a loop that ignores the signal still stops
   * @throws {LogLimitError} when the log is full; the job then fails
   * @throws {InvalidOptionsError} when it is no event, its data is not JSON, or the run has ended
   */
  emit(event: ProducerEvent): void
  /** Like `emit` for callbacks: never throws; `false` when the event was not taken. */
  tryEmit(event: ProducerEvent): boolean
  /**
   * Reads a source to its end and emits each text as a chunk. Stops in the tick of a cancel, whatever the source does, is fair
   * to the event loop, and lets go of the source on every exit.
   *
   * @throws {IncompleteGenerationError} when the source ends with a finish reason other than `stop` or `unknown`
   * @throws {JobCancelledError} when the job is cancelled
   */
  stream(source: GenerationSource): Promise<StreamResult>
  /** Registers a cleanup; see {@link RunEnd}. The last registered runs first, each exactly once, however the run ends. */
  defer(cleanup: Cleanup, label?: string): void
  /**
   * Makes the result visible. `save` is called at most once, after the job has won against every cancel.
   *
   * @throws {CommitError} when `save` threw, gave no answer in time, or ownership could not be proved
   * @throws {JobCancelledError} when a cancel was recorded first
   */
  commit<V>(save: (fence: CommitFence) => Awaitable<V>): Promise<V>
}

/** The whole text of a source, why it ended, and what it reported. */
export interface StreamResult {
  readonly text: string
  readonly finish: FinishReason
  readonly usage?: Usage
}

/** The part of a run that its producer sees. `emit` and `tryEmit` can be handed on as callbacks. */
export class ProducerContext implements RunContext {
  readonly #run: Run<unknown>
  #emit: ((event: ProducerEvent) => void) | undefined
  #tryEmit: ((event: ProducerEvent) => boolean) | undefined

  constructor(run: Run<unknown>) {
    this.#run = run
  }

  get jobId(): string {
    return this.#run.jobId
  }
  get fencingToken(): number {
    return this.#run.fencingToken
  }
  get token(): CancelToken {
    return this.#run.token
  }
  get signal(): AbortSignal {
    return this.#run.token.signal
  }
  get logger(): Logger {
    return this.#run.logger
  }

  get emit(): (event: ProducerEvent) => void {
    this.#emit ??= (event) => this.#run.emit(toContentEvent(event))
    return this.#emit
  }

  get tryEmit(): (event: ProducerEvent) => boolean {
    this.#tryEmit ??= (event) => {
      try {
        this.emit(event)
        return true
      } catch {
        return false
      }
    }
    return this.#tryEmit
  }

  step(name: string): void {
    this.emit({ type: 'step', step: name })
  }

  stream(source: GenerationSource): Promise<StreamResult> {
    return handled(streamSource(this.#run, source))
  }

  defer(cleanup: Cleanup, label?: string): void {
    if (typeof cleanup !== 'function') {
      throw new InvalidOptionsError(`run.defer: expected a function, got ${kindOf(cleanup)}.`)
    }
    this.#run.cleanups.defer(cleanup, label)
  }

  commit<V>(save: (fence: CommitFence) => Awaitable<V>): Promise<V> {
    return handled(this.#run.gate.commit(save))
  }
}

const ignore = (): void => undefined

/** A producer that does not wait for its own stream must not end the process when the job is cancelled. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore)
  return promise
}

/** Not async: that was 0.25 kB in each job that waits for its model (measured). */
function streamSource(run: Run<unknown>, source: GenerationSource): Promise<StreamResult> {
  try {
    if (typeof source === 'object' && source !== null && isReadable(source)) {
      return run.pump(source, new Reading(run)) as Promise<StreamResult>
    }
    const expected = 'expected an AsyncIterable or a ReadableStream'
    throw new InvalidOptionsError(`run.stream: ${expected}, got ${kindOf(source)}.`)
  } catch (error) {
    return Promise.reject(error) // a hostile source throws when it is looked at
  }
}

function isReadable(source: object): boolean {
  return Symbol.asyncIterator in source || ('getReader' in source && typeof source.getReader === 'function')
}

/** What one source has given so far. */
class Reading implements ItemTaker<string | ModelChunk> {
  readonly #run: Run<unknown>
  #text: TextSpan | undefined
  #finish: FinishReason = 'unknown'
  #usage: Usage | undefined

  constructor(run: Run<unknown>) {
    this.#run = run
  }

  take(item: string | ModelChunk): Promise<void> | undefined {
    if (typeof item === 'string') return this.#takeText(item)
    if (typeof item !== 'object' || item === null) {
      throw new TypeError(`The source gave ${kindOf(item)} instead of a string or a ModelChunk.`)
    }
    if (!isModelChunk(item)) {
      throw new TypeError(
        'The source gave an object that is no ModelChunk; map its chunks to text, metadata, usage or finish.',
      )
    }
    const wait = typeof item.text === 'string' && item.text !== '' ? this.#takeText(item.text) : undefined
    if (item.metadata) this.#run.emit(toContentEvent({ type: 'metadata', data: item.metadata }))
    if (item.usage) {
      this.#usage = item.usage
      this.#run.noteUsage(item.usage)
    }
    if (item.finish) this.#finish = item.finish
    return wait
  }

  /** @throws {IncompleteGenerationError} when the source said that its text is not whole */
  result(): StreamResult {
    if (!isCompleteFinish(this.#finish)) throw new IncompleteGenerationError(this.#finish)
    const result = { text: this.#text?.toString() ?? '', finish: this.#finish }
    return this.#usage === undefined ? result : { ...result, usage: this.#usage }
  }

  #takeText(content: string): Promise<void> | undefined {
    this.#run.emitText(content)
    this.#text ??= new TextSpan(this.#run.text)
    this.#text.noteAppended(content)
    return this.#run.congestion
  }
}

/** Bytes of an undecoded stream, or an SDK's own chunk, would be dropped without a word. */
function isModelChunk(item: object): boolean {
  return 'text' in item || 'finish' in item || 'usage' in item || 'metadata' in item || Object.keys(item).length === 0
}
