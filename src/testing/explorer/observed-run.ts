import type { Awaitable } from '../../core/awaitable.js'
import type { CancelToken } from '../../core/cancel-token.js'
import type { Cleanup, RunEnd } from '../../core/cleanup-stack.js'
import type { CommitFence } from '../../core/commit-gate.js'
import type { GenerationSource } from '../../core/generation-source.js'
import type { JobRecord } from '../../core/job-store.js'
import type { Logger } from '../../core/logger.js'
import type { ProducerEvent } from '../../core/producer.js'
import type { RunContext, StreamResult } from '../../core/run-context.js'
import type { CancelReason } from '../../protocol/cancel-reason.js'
import type { FactBody } from './facts.js'

export interface RunObserver {
  readonly job: string
  note(body: FactBody): void
  /** The record as it stands now. */
  record(): JobRecord | undefined
}

/** What a producer works with, with a note of all that it does. It changes nothing, no order of microtasks either. */
export class ObservedRun implements RunContext {
  readonly #run: RunContext
  readonly #observer: RunObserver
  readonly #cleanups = new Set<string>()
  #hasSignal = false

  constructor(run: RunContext, observer: RunObserver) {
    this.#run = run
    this.#observer = observer
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
    this.#hasSignal = true
    return this.#run.signal
  }
  get logger(): Logger {
    return this.#run.logger
  }

  /** Whether the producer looked at the signal. */
  get sawSignal(): boolean {
    return this.#hasSignal
  }

  get isSignalAborted(): boolean {
    return this.#hasSignal && this.#run.signal.aborted
  }

  /** The reason that the signal carries. */
  get signalReason(): CancelReason | undefined {
    if (!this.#hasSignal || !this.#run.signal.aborted) return undefined
    return (this.#run.signal.reason as { reason?: CancelReason } | undefined)?.reason
  }

  readonly emit = (event: ProducerEvent): void => {
    try {
      this.#run.emit(event)
    } catch (error) {
      this.#emitted(event, false)
      throw error
    }
    this.#emitted(event, true)
  }

  readonly tryEmit = (event: ProducerEvent): boolean => {
    const taken = this.#run.tryEmit(event)
    this.#emitted(event, taken)
    return taken
  }

  step(name: string): void {
    this.emit({ type: 'step', step: name })
  }

  stream(source: GenerationSource): Promise<StreamResult> {
    const { job, note } = this.#observer
    note({ type: 'streaming', job })
    const streamed = this.#run.stream(source)
    streamed.then(
      ({ text }) => note({ type: 'streamed', job, text }),
      (error) => note({ type: 'streamed', job, error: error ?? 'nothing' }),
    )
    return streamed
  }

  defer(cleanup: Cleanup, label?: string): void {
    const { job, note } = this.#observer
    const number = this.#cleanups.size + 1
    const name = label === undefined || this.#cleanups.has(label) ? `${label ?? 'cleanup'} ${number}` : label
    this.#cleanups.add(name)
    note({ type: 'deferred', job, cleanup: name })
    this.#run.defer((end) => this.#clean(cleanup, name, end), label)
  }

  commit<V>(save: (fence: CommitFence) => Awaitable<V>): Promise<V> {
    const { job, note } = this.#observer
    note({ type: 'committing', job })
    const committed = this.#run.commit((fence) => this.#save(save, fence))
    committed.then(
      () => note({ type: 'committed', job }),
      (error) => note({ type: 'committed', job, error: error ?? 'nothing' }),
    )
    return committed
  }

  #emitted(event: ProducerEvent, taken: boolean): void {
    const { job, note } = this.#observer
    const what = typeof event === 'string' ? 'chunk' : event.type
    note({ type: 'emitted', job, what, taken, isCancelled: this.#run.token.isCancelled })
  }

  #clean(cleanup: Cleanup, name: string, end: RunEnd): void | Promise<void> {
    const { job, note } = this.#observer
    const reason = end.status === 'cancelled' ? end.reason : undefined
    note({ type: 'cleaning', job, cleanup: name, status: end.status, reason, isCancelled: this.#run.token.isCancelled })
    return watched(
      () => cleanup(end),
      (error) => note({ type: 'cleaned', job, cleanup: name, ...error }),
    )
  }

  #save<V>(save: (fence: CommitFence) => Awaitable<V>, fence: CommitFence): Awaitable<V> {
    const { job, note, record } = this.#observer
    const { status, fencingToken } = record() ?? {}
    const isOwner = fencingToken === this.#run.fencingToken
    note({ type: 'saving', job, status, isCancelled: this.#run.token.isCancelled, isOwner })
    return watched(
      () => save(fence),
      (error) => note({ type: 'saved', job, ...error }),
    )
  }
}

/** Calls `fn` and tells its end; hands on what it answered or threw, as it was. */
export function watched<R>(fn: () => R, onEnd: (failure: { error: unknown } | undefined) => void): R {
  let answer: R
  try {
    answer = fn()
  } catch (error) {
    onEnd({ error: error ?? 'nothing' })
    throw error
  }
  if (answer instanceof Promise) {
    answer.then(
      () => onEnd(undefined),
      (error: unknown) => onEnd({ error: error ?? 'nothing' }),
    )
  } else {
    onEnd(undefined)
  }
  return answer
}
