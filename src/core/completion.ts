import type { JobStatus } from '../protocol/job-status.js'
import { whenAnswered } from './awaitable.js'
import { boundedWait, TIMED_OUT } from './bounded-wait.js'
import type { CallerSignals } from './caller-signals.js'
import type { JobStore } from './job-store.js'
import type { JobWatch } from './job-watch.js'
import { type JobOutcome, recordedOutcome, unknownOutcome } from './outcome.js'
import type { Run } from './run.js'
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

const ABORTED: unique symbol = Symbol('aborted')
const CLOSED: unique symbol = Symbol('closed')

/** Waits for the end of jobs, those of this process and those of others. */
export class Completion {
  readonly #store: JobStore
  readonly #limits: TimeLimits
  readonly #watch: JobWatch
  readonly #signals: CallerSignals
  readonly #runs: ReadonlyMap<string, Run<unknown>>
  #waiters = 0
  readonly #closers = new Set<() => void>()

  constructor(parts: {
    store: JobStore
    limits: TimeLimits
    watch: JobWatch
    signals: CallerSignals
    runs: ReadonlyMap<string, Run<unknown>>
  }) {
    this.#store = parts.store
    this.#limits = parts.limits
    this.#watch = parts.watch
    this.#signals = parts.signals
    this.#runs = parts.runs
  }

  get waiters(): number {
    return this.#waiters
  }

  /**
   * Waits at most `timeoutMs` milliseconds.
   *
   * @throws {StoreError} when the store is still away when the time is over
   */
  async wait<T>(
    jobId: string,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<WaitResult<T>> {
    const { timeoutMs, signal } = options
    const run = this.#runs.get(jobId) as Run<T> | undefined
    if (signal?.aborted) return { settled: false, ...(run ? { status: run.status } : undefined), cause: 'aborted' }
    let last: Look<T> = run ? { status: run.status } : await this.#look<T>(jobId)
    if ('outcome' in last) return { settled: true, outcome: last.outcome }
    if ('missing' in last) return { settled: false, cause: 'not-found' }

    this.#waiters++
    const stops: (() => void)[] = []
    try {
      const aborted = new Promise<typeof ABORTED>((resolve) => {
        if (signal) stops.push(this.#signals.onAbort(signal, () => resolve(ABORTED)))
      })
      const ended = run
        ? run.settled
        : this.#follow<T>(jobId, stops, (look) => {
            last = look
          })
      const first = new Promise<JobOutcome<T> | typeof ABORTED | typeof CLOSED | undefined>((resolve) => {
        aborted.then(resolve, resolve as never)
        ended.then(resolve, resolve as never)
      })
      const result = await boundedWait(first, timeoutMs, this.#limits)
      if (result === ABORTED) return { settled: false, ...statusOf(run, last), cause: 'aborted' }
      if (result === TIMED_OUT || result === CLOSED) {
        if ('error' in last) throw last.error
        return { settled: false, ...statusOf(run, last), cause: 'timeout' }
      }
      return result ? { settled: true, outcome: result } : { settled: false, cause: 'not-found' }
    } finally {
      for (const stop of stops) stop()
      this.#waiters--
    }
  }

  /** The outcome of a job of another process, however long it takes. Never rejects. */
  async outcomeOf<T>(jobId: string): Promise<JobOutcome<T>> {
    const stops: (() => void)[] = []
    const outcome = await this.#follow<T>(jobId, stops, () => undefined)
    for (const stop of stops) stop()
    if (outcome === CLOSED)
      return unknownOutcome(jobId, 'manager.closed', 'The manager was closed before the job ended.')
    return (
      outcome ?? unknownOutcome(jobId, 'job.expired', 'The record of the job was gone before its end could be read.')
    )
  }

  /** Ends all waits for jobs of others. */
  close(): void {
    for (const close of [...this.#closers]) close()
  }

  /** Looks at each hint until there is an end; `undefined` when the record is gone. */
  #follow<T>(
    jobId: string,
    stops: (() => void)[],
    onLook: (look: Look<T>) => void,
  ): Promise<JobOutcome<T> | typeof CLOSED | undefined> {
    return new Promise((resolve) => {
      const close = () => resolve(CLOSED)
      this.#closers.add(close)
      const take = (look: Look<T>): void => {
        onLook(look)
        if ('outcome' in look) resolve(look.outcome)
        else if ('missing' in look) resolve(undefined)
      }
      const look = () => void this.#look<T>(jobId).then(take)
      stops.push(() => void this.#closers.delete(close), this.#watch.watch(jobId, look))
      look()
    })
  }

  async #look<T>(jobId: string): Promise<Look<T>> {
    return whenAnswered<Awaited<ReturnType<JobStore['read']>>, Look<T>>(
      () => this.#store.read(jobId),
      (record) => {
        if (!record) return { missing: true }
        const outcome = recordedOutcome<T>(record)
        return outcome ? { outcome } : { status: record.status }
      },
      (error) => ({ error }),
    )
  }
}

function statusOf(run: { readonly status: JobStatus } | undefined, look: object): { status?: JobStatus } {
  if (run) return { status: run.status }
  return 'status' in look ? { status: look.status as JobStatus } : {}
}
