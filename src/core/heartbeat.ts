import type { Clock } from '../protocol/clock.js'

/** The one timer of a node that is no job's: it beats while the node lives and keeps no process alive. */
export class Heartbeat {
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #onBeat: (count: number) => void
  #stop: (() => void) | undefined
  #count = 0

  constructor(clock: Clock, everyMs: number, onBeat: (count: number) => void) {
    this.#clock = clock
    this.#everyMs = everyMs
    this.#onBeat = onBeat
    this.#arm()
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  #arm(): void {
    this.#stop = this.#clock.setTimer(
      this.#everyMs,
      () => {
        this.#arm()
        this.#onBeat(++this.#count)
      },
      { unref: true },
    )
  }
}
