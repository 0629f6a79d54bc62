import type { CancelReason } from '../protocol/cancel-reason.js'
import type { CleanupStatus } from '../protocol/job-snapshot.js'
import { boundedWait, TIMED_OUT } from './bounded-wait.js'
import { CallerCallback } from './caller-context.js'
import type { TimeLimits } from './time-limits.js'

/** How a run ended, as its cleanups see it. `signal` is fresh: it aborts only when the time for cleanups is over. */
export type RunEnd = { readonly signal: AbortSignal } & (
  | { readonly status: 'completed' }
  | { readonly status: 'cancelled'; readonly reason: CancelReason }
  | { readonly status: 'failed'; readonly error: unknown }
)

/** A run's end before its cleanups. */
export type FixedEnd =
  | { readonly status: 'completed' }
  | { readonly status: 'cancelled'; readonly reason: CancelReason }
  | { readonly status: 'failed'; readonly error: unknown }

export type Cleanup = (end: RunEnd) => void | Promise<void>

/**
 * The cleanups of one run: each is started exactly once, the last registered first, one after the other, isolated from the
 * others. When the time is over, those not yet started are all started and nobody is waited for.
 */
export class CleanupStack {
  readonly #limits: TimeLimits
  readonly #onError: (error: unknown, label: string | undefined) => void
  readonly #stack: Entry[] = []
  /** Cleanups deferred while the others run: started already, waited for like them. */
  readonly #late: Promise<void>[] = []
  #end: FreshEnd | undefined
  #failed = false

  constructor(limits: TimeLimits, onError: (error: unknown, label: string | undefined) => void) {
    this.#limits = limits
    this.#onError = onError
  }

  /** How many cleanups were not started yet. */
  get size(): number {
    return this.#stack.length
  }

  /** Registers a cleanup; once the cleanups run, it starts at once. */
  defer(cleanup: Cleanup, label?: string): void {
    const entry = { cleanup: new CallerCallback(cleanup), label }
    if (!this.#end) {
      this.#stack.push(entry)
      return
    }
    const running = this.#start(entry, this.#end)
    if (running !== undefined) this.#late.push(running)
  }

  /** Runs all cleanups, once, until an instant of the monotonic clock at the latest; answers at once if there is none. */
  run(fixed: FixedEnd, until: number): CleanupStatus | Promise<CleanupStatus> {
    this.#end = new FreshEnd(fixed)
    return this.#stack.length === 0 ? 'clean' : this.#runAll(this.#end, until)
  }

  async #runAll(end: FreshEnd, until: number): Promise<CleanupStatus> {
    while (this.#stack.length > 0 || this.#late.length > 0) {
      const entry = this.#stack.pop()
      const running = entry ? this.#start(entry, end) : this.#late.shift()
      if (!running) continue
      const left = until - this.#limits.now()
      const result = left > 0 ? await boundedWait(running, left, this.#limits, { holdsProcess: true }) : TIMED_OUT
      if (result === TIMED_OUT) {
        end.timeIsOver()
        for (let rest = this.#stack.pop(); rest; rest = this.#stack.pop()) void this.#start(rest, end)
        return 'timed-out'
      }
    }
    return this.#failed ? 'failed' : 'clean'
  }

  /** Starts one cleanup; a promise if it must be waited for. Never throws, never rejects. */
  #start(entry: Entry, end: FreshEnd): Promise<void> | undefined {
    const fail = (error: unknown): void => {
      this.#failed = true
      this.#onError(error, entry.label)
    }
    try {
      const running = entry.cleanup.call(end as RunEnd)
      if (typeof running !== 'object' || running === null || !('then' in running)) return undefined
      return Promise.resolve(running).then(() => undefined, fail)
    } catch (error) {
      fail(error)
      return undefined
    }
  }
}

interface Entry {
  readonly cleanup: CallerCallback<RunEnd>
  readonly label: string | undefined
}

/** A {@link RunEnd} whose signal is made only for the cleanup that reads it. */
class FreshEnd {
  readonly status: FixedEnd['status']
  readonly reason?: CancelReason
  readonly error?: unknown
  #controller: AbortController | undefined
  #isOver = false

  constructor(fixed: FixedEnd) {
    this.status = fixed.status
    if (fixed.status === 'cancelled') this.reason = fixed.reason
    if (fixed.status === 'failed') this.error = fixed.error
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#isOver) this.timeIsOver()
    }
    return this.#controller.signal
  }

  timeIsOver(): void {
    this.#isOver = true
    this.#controller?.abort(new DOMException('The time for cleanups is over.', 'TimeoutError'))
  }
}
