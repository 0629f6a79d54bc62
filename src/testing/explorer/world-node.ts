import type { TimeZone } from './world-time.js'

/** Whether a process runs, stands still or is gone. */
export class WorldNodeState implements TimeZone {
  readonly name: string
  #state: 'runs' | 'paused' | 'crashed' = 'runs'
  #missed: (() => void)[] = []

  readonly #hears: boolean

  /** `hears`: whether hints of the store reach it. */
  constructor(name: string, hears: boolean) {
    this.name = name
    this.#hears = hears
  }

  get isActive(): boolean {
    return this.#state === 'runs'
  }

  get isCrashed(): boolean {
    return this.#state === 'crashed'
  }

  /** As SIGSTOP: time goes on, and nothing happens here. */
  pause(): void {
    if (this.#state === 'runs') this.#state = 'paused'
  }

  /** As SIGCONT: hints that came meanwhile are heard now; timers that became due are the next to fire. */
  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'runs'
    for (const call of this.#missed.splice(0)) call()
  }

  /** As SIGKILL: nothing happens here ever again, and nothing reaches the store. */
  crash(): void {
    this.#state = 'crashed'
    this.#missed = []
  }

  /** Calls `fn` now, after the pause, or never. */
  hint(fn: () => void): void {
    if (!this.#hears) return
    if (this.#state === 'runs') fn()
    else if (this.#state === 'paused') this.#missed.push(fn)
  }
}
