import type { JobStatus } from '../protocol/job-status.js'
import { deferred } from './awaitable.js'
import { boundedWait, TIMED_OUT } from './bounded-wait.js'
import type { CallerSignals } from './caller-signals.js'
import type { JobStore } from './job-store.js'
import type { JobWatch } from './job-watch.js'
import { type JobOutcome, recordedOutcome, unknownOutcome } from './outcome.js'
import type { Run } from './run.js'
import { RunWait } from './run-wait.js'
import type { TimeLimits } from './time-limits.js'

/** The answer to a wait: the outcome, or why there is none. A wait that ends early changes nothing for the job. */
export type WaitResult<T> =
  | { readonly settled: true; readonly outcome: JobOutcome<T> }
  | {
      readonly settled: false
      readonly status?: JobStatus
      readonly cause: 'timeout' | 'aborted' | 'not-found'
    }

/** What a look into the store gave: the end, the status of a live job, no record, or no answer. */
type Look<T> = { outcome: JobOutcome<T> } | { status: JobStatus } | { missing: true } | { error: unknown }
/** Why a wait is over before its time. */
type Over<T> = { outcome: JobOutcome<T> } | { cause: 'missing' | 'aborted' | 'closed' }

interface CompletionParts {
  readonly store: JobStore
  readonly limits: TimeLimits
  readonly watch: JobWatch
  readonly signals: CallerSignals
  readonly runs: ReadonlyMap<string, Run<unknown>>
}

/** Waits for the end of jobs, those of this process and those of others. A wait that is over leaves nothing behind. */
export class Completion {
  readonly #parts: CompletionParts
  readonly #closers = new Set<() => void>()
  readonly #runWaits
  #waiters = 0

  constructor(parts: CompletionParts) {
    const { limits, signals } = parts
    this.#parts = parts
    this.#runWaits = { limits, signals, onOver: () => void this.#waiters-- }
  }

  get waiters(): number {
    return this.#waiters
  }

  /**
   * Waits until an instant of the monotonic clock at the latest.
   *
   * @throws {StoreError} when the store is still away when the time is over
   */
  wait<T>(
    jobId: string,
    options: { until: number; signal?: AbortSignal | undefined },
    run = this.#parts.runs.get(jobId) as Run<T> | undefined,
  ): Promise<WaitResult<T>> {
    if (!run) return this.#waitForForeign(jobId, options)
    this.#waiters++
    return new RunWait(run, options, this.#runWaits).result
  }

  async #waitForForeign<T>(
    jobId: string,
    { until, signal }: { until: number; signal?: AbortSignal | undefined },
  ): Promise<WaitResult<T>> {
    let last = await this.#look<T>(jobId)
    if ('outcome' in last) return { settled: true, outcome: last.outcome }
    if ('missing' in last) return { settled: false, cause: 'not-found' }

    const over = deferred<Over<T>>()
    const stopFollowing = this.#follow<T>(jobId, over.resolve, (look) => {
      last = look
    })
    const unlink = signal && this.#parts.signals.onAbort(signal, () => over.resolve({ cause: 'aborted' }))
    this.#waiters++
    const result = await boundedWait(over.promise, until - this.#parts.limits.now(), this.#parts.limits)
    this.#waiters--
    stopFollowing()
    unlink?.()

    if (result !== TIMED_OUT && 'outcome' in result) return { settled: true, outcome: result.outcome }
    if (result !== TIMED_OUT && result.cause === 'missing') return { settled: false, cause: 'not-found' }
    const status = 'status' in last ? last : {}
    if (result !== TIMED_OUT && result.cause === 'aborted') return { settled: false, ...status, cause: 'aborted' }
    if ('error' in last) throw last.error
    return { settled: false, ...status, cause: 'timeout' }
  }

  /** The outcome of a job of another process, however long it takes. Never rejects. */
  async outcomeOf<T>(jobId: string): Promise<JobOutcome<T>> {
    const over = deferred<Over<T>>()
    const stop = this.#follow<T>(jobId, over.resolve)
    const result = await over.promise
    stop()
    if ('outcome' in result) return result.outcome
    return result.cause === 'closed'
      ? unknownOutcome(jobId, 'manager.closed', 'The manager was closed before the job ended.')
      : unknownOutcome(jobId, 'job.expired', 'The record of the job was gone before its end could be read.')
  }

  /** Ends all waits for jobs of others. */
  close(): void {
    for (const close of [...this.#closers]) close()
  }

  /** Looks after each hint until it is stopped; for all hints that come during a look, once more. Returns what stops it. */
  #follow<T>(jobId: string, onOver: (over: Over<T>) => void, onLook?: (look: Look<T>) => void): () => void {
    const close = () => onOver({ cause: 'closed' })
    let isHinted = false
    let isLooking = false
    const look = async (): Promise<void> => {
      isHinted = true
      if (isLooking) return
      isLooking = true
      while (isHinted && this.#closers.has(close)) {
        isHinted = false
        const seen = await this.#look<T>(jobId)
        onLook?.(seen)
        if ('outcome' in seen) onOver(seen)
        else if ('missing' in seen) onOver({ cause: 'missing' })
      }
      isLooking = false
    }
    this.#closers.add(close)
    if (this.#parts.limits.isClosing) close()
    const unwatch = this.#parts.watch.watch(jobId, () => void look())
    void look()
    return () => {
      this.#closers.delete(close)
      unwatch()
    }
  }

  /** Never rejects. */
  async #look<T>(jobId: string): Promise<Look<T>> {
    try {
      const record = await this.#parts.store.read(jobId)
      if (!record) return { missing: true }
      const outcome = recordedOutcome<T>(record)
      return outcome ? { outcome } : { status: record.status }
    } catch (error) {
      return { error }
    }
  }
}
