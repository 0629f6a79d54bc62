import type { Clock } from '../protocol/clock.js'

/** A turn of the event loop may be kept this long before others get theirs; a timer beside a hot source is late by no more. */
const TURN_MS = 5

/**
 * Shares the event loop between the pumps of one manager and everything else.
 *
 * A source whose chunks are always ready runs on microtasks alone and would starve timers, I/O and the cancel request for ever;
 * only a macrotask lets them in (measured: process.nextTick and queueMicrotask do not).
 */
export class FairYield {
  readonly #clock: Clock
  #turnStartedAt: number
  #yielding: Promise<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#turnStartedAt = clock.monotonic()
  }

  /** A promise to wait for when this turn was kept long enough, else nothing. All pumps wait for the same one. */
  due(): Promise<void> | undefined {
    if (this.#yielding !== undefined) return this.#yielding
    if (this.#clock.monotonic() - this.#turnStartedAt < TURN_MS) return undefined
    this.#yielding = this.#clock.yieldMacrotask().then(() => {
      this.#turnStartedAt = this.#clock.monotonic()
      this.#yielding = undefined
    })
    return this.#yielding
  }
}
