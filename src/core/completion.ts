import type { JobStatus } from '../protocol/job-status.js'
import { type Deferred, deferred } from './awaitable.js'
import { boundedWait, TIMED_OUT } from './bounded-wait.js'
import type { CallerSignals } from './caller-signals.js'
import type { JobRecord, JobStore } from './job-store.js'
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
export type Look<T> =
  | { readonly outcome: JobOutcome<T>; readonly record: JobRecord }
  | { readonly status: JobStatus }
  | { readonly missing: true }
  | { readonly error: unknown }
/** Why a job is not followed any longer. */
type Over = 'ended' | 'aborted' | 'closed' | 'timeout'
type Followed<T> = { readonly last: Look<T>; readonly over: Over }

interface WaitLimits {
  /** On the monotonic clock. */
  readonly until: number
  readonly signal?: AbortSignal | undefined
}

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
    options: WaitLimits,
    run = this.#parts.runs.get(jobId) as Run<T> | undefined,
  ): Promise<WaitResult<T>> {
    if (!run) return this.#waitForForeign(jobId, options)
    this.#waiters++
    return new RunWait(run, options, this.#runWaits).result
  }

  async #waitForForeign<T>(jobId: string, limits: WaitLimits): Promise<WaitResult<T>> {
    const { last, over } = await this.#lookUntil<T>(jobId, limits)
    if ('outcome' in last) return { settled: true, outcome: last.outcome }
    if ('missing' in last) return { settled: false, cause: 'not-found' }
    const status = 'status' in last ? last : {}
    if (over === 'aborted') return { settled: false, ...status, cause: 'aborted' }
    if ('error' in last) throw last.error
    return { settled: false, ...status, cause: 'timeout' }
  }

  /** Waits for the end of a job of another process; answers the last look at it. Never rejects. */
  async endOf(jobId: string, until: number): Promise<Look<unknown>> {
    const { last } = await this.#lookUntil(jobId, { until })
    return last
  }

  async #lookUntil<T>(jobId: string, { until, signal }: WaitLimits): Promise<Followed<T>> {
    const { limits, signals } = this.#parts
    const first = await this.#look<T>(jobId)
    if ('outcome' in first || 'missing' in first) return { last: first, over: 'ended' }
    return this.#follow(jobId, first, async ({ promise, resolve }) => {
      const unlink = signal && signals.onAbort(signal, () => resolve('aborted'))
      this.#waiters++
      const over = await boundedWait(promise, until - limits.now(), limits)
      this.#waiters--
      unlink?.()
      return over === TIMED_OUT ? 'timeout' : over
    })
  }

  /** The outcome of a job of another process, however long it takes. Never rejects. */
  async outcomeOf<T>(jobId: string): Promise<JobOutcome<T>> {
    const { last, over } = await this.#follow<T>(jobId, { missing: true }, ({ promise }) => promise)
    if ('outcome' in last) return last.outcome
    return over === 'closed'
      ? unknownOutcome(jobId, 'manager.closed', 'The manager was closed before the job ended.')
      : unknownOutcome(jobId, 'job.expired', 'The record of the job was gone before its end could be read.')
  }

  /** Ends all waits for jobs of others. */
  close(): void {
    for (const close of [...this.#closers]) close()
  }

  /** Looks after each hint, and for all hints that come during a look once more, until it is over or `wait` ends. */
  async #follow<T>(
    jobId: string,
    first: Look<T>,
    wait: (stopped: Deferred<Over>) => Promise<Over>,
  ): Promise<Followed<T>> {
    let last = first
    const stopped = deferred<Over>()
    const close = () => stopped.resolve('closed')
    let isHinted = false
    let isLooking = false
    const look = async (): Promise<void> => {
      isHinted = true
      if (isLooking) return
      isLooking = true
      while (isHinted && this.#closers.has(close)) {
        isHinted = false
        last = await this.#look<T>(jobId)
        if ('outcome' in last || 'missing' in last) return stopped.resolve('ended') // nothing after it counts
      }
      isLooking = false
    }
    this.#closers.add(close)
    if (this.#parts.limits.isClosing) close()
    const unwatch = this.#parts.watch.watch(jobId, () => void look())
    void look()
    const over = await wait(stopped)
    this.#closers.delete(close)
    unwatch()
    return { last, over }
  }

  /** Never rejects. */
  async #look<T>(jobId: string): Promise<Look<T>> {
    try {
      const record = await this.#parts.store.read(jobId)
      if (!record) return { missing: true }
      const outcome = recordedOutcome<T>(record)
      return outcome ? { outcome, record } : { status: record.status }
    } catch (error) {
      return { error }
    }
  }
}
