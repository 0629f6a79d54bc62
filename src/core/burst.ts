import type { Clock } from '../protocol/clock.js'

/** Events of one turn that are written one by one; those after them wait for each other. */
const PROMPT_EVENTS = 8

/**
 * Tells a hot source from a slow one: whether this turn of the event loop has brought so many events that the next ones are better
 * written together. A slow source never notices, because a turn passes between its chunks.
 */
export class Burst {
  readonly #clock: Clock
  readonly #onTurnOver: () => void
  #inTurn = 0

  /** `onTurnOver`: a turn with a burst in it is over; what waits must be written now. */
  constructor(clock: Clock, onTurnOver: () => void) {
    this.#clock = clock
    this.#onTurnOver = onTurnOver
  }

  get isOn(): boolean {
    return this.#inTurn === PROMPT_EVENTS
  }

  /** Counts an event that was written at once. */
  count(): void {
    if (this.isOn || ++this.#inTurn < PROMPT_EVENTS) return
    void this.#clock.yieldMacrotask().then(() => {
      this.#inTurn = 0
      this.#onTurnOver()
    })
  }
}
