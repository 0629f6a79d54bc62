import type { Clock } from '../protocol/clock.js'

/** A turn of the event loop may be kept this long before others get theirs. */
const TURN_MS = 4
/** Items between two looks at the clock grow to this while they are cheap: a look costs about half a chunk. */
const MAX_STRIDE = 64
/** As long as a look finds less than this, items are cheap. */
const CHEAP_MS = 0.5

/**
 * Shares the event loop between the pumps of one manager and everything else.
 *
 * A source whose chunks are always ready runs on microtasks alone and would starve timers, I/O and the cancel request for ever;
 * only a macrotask lets them in (measured: process.nextTick and queueMicrotask do not). Whether one has run is asked by a probe, so
 * that a source that waits for its model by itself is never made to wait here.
 */
export class FairYield {
  readonly #clock: Clock
  #turnStartedAt: number
  #lookedAt: number
  #stride = 1
  #untilLook = 1
  /** Resolves in the next macrotask. */
  #probe: Promise<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#turnStartedAt = clock.monotonic()
    this.#lookedAt = this.#turnStartedAt
  }

  /** Counts one item. A promise to wait for when this turn was kept long enough, else nothing. */
  due(): Promise<void> | undefined {
    return --this.#untilLook > 0 ? undefined : this.#look()
  }

  #look(): Promise<void> | undefined {
    const now = this.#clock.monotonic()
    this.#stride = now - this.#lookedAt < CHEAP_MS ? Math.min(2 * this.#stride, MAX_STRIDE) : 1
    this.#untilLook = this.#stride
    this.#lookedAt = now
    if (now - this.#turnStartedAt < TURN_MS) return undefined
    if (this.#probe === undefined) {
      this.#startTurn(now) // most likely new already: this look came after a pause
      return undefined
    }
    this.#untilLook = 0 // whoever comes now waits too
    return this.#probe.then(() => {
      if (this.#probe === undefined) this.#startTurn(this.#clock.monotonic())
    })
  }

  #startTurn(now: number): void {
    this.#turnStartedAt = now
    this.#lookedAt = now
    this.#stride = 1
    this.#untilLook = 1
    this.#probe = this.#clock.yieldMacrotask().then(() => {
      this.#probe = undefined
    })
  }
}
