import { TimeLimit, type TimeLimits } from './time-limits.js'

/** Limits of one job in milliseconds; `false` turns one off. */
export interface RunLimitOptions {
  readonly deadlineMs: number | false
  readonly idleTimeoutMs: number | false
  /** How long the job goes on without viewer, if it is cancelled then; else `false`. */
  readonly disconnectGraceMs: number | false
}

export interface RunLimitHost {
  readonly registeredAt: number
  /** When the newest event was emitted, or the run began. */
  readonly lastActivityAt: number
  onLimit(kind: 'deadline' | 'idle' | 'disconnect'): void
  /** The time of the producer and its sources to end is over. */
  onEndingOver(): void
  /** Nobody may be watching any more: have the store asked. */
  onMaybeUnwatched(): void
}

const NEVER = Number.POSITIVE_INFINITY

/**
 * The time limits of one job, one after the other in one place. First those that cancel it from inside: its deadline while pending
 * and running, idle and disconnect while running. It stands at the earliest of them; an event does not move it, the newest one is
 * looked up when the limit is reached. Then the time of a producer whose run is ending.
 */
export class RunLimits extends TimeLimit {
  readonly #limits: TimeLimits
  readonly #idleTimeoutMs: number | false
  readonly #disconnectGraceMs: number | false
  readonly #host: RunLimitHost
  readonly #deadlineAt: number
  #isRunning = false
  #isEnding = false
  #disconnectAt = NEVER

  /** Starts with the deadline, counted from `registeredAt`. */
  constructor(limits: TimeLimits, options: RunLimitOptions, host: RunLimitHost) {
    super()
    this.#limits = limits
    this.#idleTimeoutMs = options.idleTimeoutMs
    this.#disconnectGraceMs = options.disconnectGraceMs
    this.#host = host
    this.#deadlineAt = options.deadlineMs === false ? NEVER : host.registeredAt + options.deadlineMs
    this.#arm()
  }

  /** The producer and its sources have been given their last time. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  override get holdsProcess(): boolean {
    return this.#isEnding
  }

  /** The producer starts: idle time and time without viewer count from here. */
  startRunning(): void {
    this.#isRunning = true
    const disconnectGraceMs = this.#disconnectGraceMs
    if (disconnectGraceMs !== false) this.#disconnectAt = this.#limits.now() + disconnectGraceMs
    this.#arm()
  }

  /** What the store says about viewers, with every renewal of the lease. */
  noteViewers(viewers: number, unwatchedMs: number): void {
    const disconnectGraceMs = this.#disconnectGraceMs
    if (disconnectGraceMs === false || !this.#isRunning) return
    if (viewers === 0 && unwatchedMs >= disconnectGraceMs) return this.#host.onLimit('disconnect')
    this.#disconnectAt = viewers > 0 ? NEVER : this.#limits.now() + disconnectGraceMs - unwatchedMs
    this.#arm()
  }

  /** Nothing here cancels any more: a cancel, a commit or the end came first. */
  stop(): void {
    this.#isRunning = false
    this.#limits.clear(this)
  }

  /** The producer and its sources have until this instant; the process stays alive for that. */
  startEnding(until: number): void {
    this.stop()
    this.#isEnding = true
    this.#limits.setAt(this, until)
  }

  get #idleAt(): number {
    const idleTimeoutMs = this.#idleTimeoutMs
    return this.#isRunning && idleTimeoutMs !== false ? this.#host.lastActivityAt + idleTimeoutMs : NEVER
  }

  #arm(): void {
    const dueAt = Math.min(this.#deadlineAt, this.#idleAt, this.#disconnectAt)
    if (dueAt === NEVER) this.#limits.clear(this)
    else this.#limits.setAt(this, dueAt)
  }

  override fire(): void {
    if (this.#isEnding) return this.#host.onEndingOver()
    const now = this.#limits.now()
    if (this.#deadlineAt <= now) return this.#host.onLimit('deadline')
    if (this.#idleAt <= now) return this.#host.onLimit('idle')
    if (this.#disconnectAt <= now) {
      this.#disconnectAt = NEVER // until the store has answered
      this.#host.onMaybeUnwatched()
    }
    if (this.slot < 0) this.#arm()
  }
}
