import type { Clock } from '../protocol/clock.js'

/** Writing takes at most a quarter of the time when there is much to write. */
const REST_FACTOR = 3
/** Below this, what a screen shows seems immediate to a person. */
const MAX_REST_MS = 100
/** Below this a timer is too coarse, and the next turn of the event loop is taken. */
const MIN_TIMER_MS = 1

/** Has something to write. */
export interface Writer {
  /** When it wrote last, by the monotonic clock. */
  readonly wroteAt: number
  write(now: number): void
}

/**
 * Lets all streams of a handler write together, in rounds. A server with little to do writes at once; the more a round takes, the longer
 * the rest after it, and what comes meanwhile is one write: a write costs more than all other work on a chunk.
 */
export class WriteRounds {
  readonly #clock: Clock
  readonly #nextTurn = new Set<Writer>()
  readonly #afterRest = new Set<Writer>()
  #restsUntil = Number.NEGATIVE_INFINITY
  #clearTimer: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `write` of the writer: at once, in the next turn of the event loop, or, unless it has enough for a write, after the rest. */
  ask(writer: Writer, hasEnough = false): void {
    const now = this.#clock.monotonic()
    const restMs = this.#restsUntil - now
    if (restMs <= 0 && writer.wroteAt < now) return this.#round([writer], now)
    if (hasEnough || restMs < MIN_TIMER_MS) {
      if (this.#nextTurn.size === 0) void this.#clock.yieldMacrotask().then(() => this.#writeAll(this.#nextTurn))
      this.#nextTurn.add(writer)
    } else {
      this.#clearTimer ??= this.#clock.setTimer(restMs, this.#onRested, { unref: true })
      this.#afterRest.add(writer)
    }
  }

  /** It writes no more. */
  forget(writer: Writer): void {
    this.#nextTurn.delete(writer)
    this.#afterRest.delete(writer)
    if (this.#afterRest.size === 0) this.#stopTimer()
  }

  readonly #onRested = (): void => {
    this.#stopTimer()
    this.#writeAll(this.#afterRest)
  }

  #stopTimer(): void {
    this.#clearTimer?.()
    this.#clearTimer = undefined
  }

  #writeAll(waiting: Set<Writer>): void {
    const writers = [...waiting]
    waiting.clear()
    this.#round(writers, this.#clock.monotonic())
  }

  #round(writers: readonly Writer[], began: number): void {
    for (const writer of writers) writer.write(began)
    const ended = this.#clock.monotonic()
    this.#restsUntil = ended + Math.min(REST_FACTOR * (ended - began), MAX_REST_MS)
  }
}
