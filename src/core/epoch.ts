import type { Clock } from '../protocol/clock.js'

/**
 * Turns instants of the monotonic clock into epoch milliseconds, so that an event costs one reading of one clock.
 * The distance between both clocks is looked up now and then, because the wall clock may jump.
 */
export class Epoch {
  readonly #clock: Clock
  #offset = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.refresh()
  }

  refresh(): void {
    this.#offset = this.#clock.now() - this.#clock.monotonic()
  }

  at(monotonic: number): number {
    return Math.round(monotonic + this.#offset)
  }
}
