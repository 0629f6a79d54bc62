import type { Clock } from '../protocol/clock.js'

/** Writing takes at most a quarter of the time when there is much to write. */
const REST_FACTOR = 3
/** Never longer than one picture of a screen lasts. */
const MAX_REST_MS = 16
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
 * the rest until the next, and what comes meanwhile is one write. A write costs more than all other work on a chunk.
 */
export class WriteRounds {
  readonly #clock: Clock
  #waiting = new Set<Writer>()
  #isDue = false
  #restsUntil = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `write` of the writer: at once, or in the next round. */
  ask(writer: Writer): void {
    this.#waiting.add(writer)
    if (this.#isDue) return
    const now = this.#clock.monotonic()
    const restMs = this.#restsUntil - now
    if (restMs <= 0 && writer.wroteAt < now) return this.#round()
    this.#isDue = true
    if (restMs < MIN_TIMER_MS) void this.#clock.yieldMacrotask().then(this.#round)
    else this.#clock.setTimer(restMs, this.#round, { unref: true })
  }

  /** It writes no more. */
  forget(writer: Writer): void {
    this.#waiting.delete(writer)
  }

  readonly #round = (): void => {
    const began = this.#clock.monotonic()
    const writers = this.#waiting
    this.#waiting = new Set()
    for (const writer of writers) writer.write(began)
    const ended = this.#clock.monotonic()
    this.#restsUntil = ended + Math.min(REST_FACTOR * (ended - began), MAX_REST_MS)
    this.#isDue = false
    const [next] = this.#waiting // who asked during the round
    if (next) this.ask(next)
  }
}
