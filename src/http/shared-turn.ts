import type { Clock } from '../protocol/clock.js'

/** One turn of the event loop that all viewers wait for together, instead of one timer for each. */
export class SharedTurn {
  readonly #clock: Clock
  #turn: Promise<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  next(): Promise<void> {
    this.#turn ??= this.#clock.yieldMacrotask().then(this.#isOver)
    return this.#turn
  }

  readonly #isOver = (): void => {
    this.#turn = undefined
  }
}
