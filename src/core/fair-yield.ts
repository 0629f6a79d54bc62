import type { Clock } from '../protocol/clock.js'

/** A turn of the event loop may be kept this long before others get theirs. */
const TURN_MS = 5
/** Items between two looks at the clock grow to this while they are cheap: a look costs about half a chunk. */
const MAX_STRIDE = 64
/** As long as a look finds less than this, items are cheap. */
const CHEAP_MS = 0.5

/**
 * Shares the event loop between the pumps of one manager and everything else.
 *
 * A source whose chunks are always ready runs on microtasks alone and would starve timers, I/O and the cancel request for ever;
 * only a macrotask lets them in (measured: process.nextTick and queueMicrotask do not).
 */
export class FairYield {
  readonly #clock: Clock
  #turnStartedAt: number
  #lookedAt: number
  #stride = 1
  #untilLook = 1
  #yielding: Promise<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#turnStartedAt = clock.monotonic()
    this.#lookedAt = this.#turnStartedAt
  }

  /** Counts one item. A promise to wait for when this turn was kept long enough, else nothing; all pumps wait for the same one. */
  due(): Promise<void> | undefined {
    if (--this.#untilLook > 0) return undefined
    return this.#yielding ?? this.#look()
  }

  #look(): Promise<void> | undefined {
    const now = this.#clock.monotonic()
    const isCheap = now - this.#lookedAt < CHEAP_MS
    this.#lookedAt = now
    this.#stride = isCheap ? Math.min(2 * this.#stride, MAX_STRIDE) : 1
    this.#untilLook = this.#stride
    if (now - this.#turnStartedAt < TURN_MS) return undefined
    this.#untilLook = 0 // whoever comes now waits too
    this.#yielding = this.#clock.yieldMacrotask().then(() => {
      this.#turnStartedAt = this.#clock.monotonic()
      this.#lookedAt = this.#turnStartedAt
      this.#stride = 1
      this.#untilLook = 1
      this.#yielding = undefined
    })
    return this.#yielding
  }
}
