import { systemClock } from '../../core/system-clock.js'
import { type Clock, MAX_TIMER_MS } from '../../protocol/clock.js'
import { ExplorerError } from './explorer-error.js'

/** A timer of a node that is set and has neither fired nor been cleared. */
export interface WorldTimer {
  readonly dueAt: number
  readonly node: TimeZone
  readonly fn: () => void
}

/** Whose clock it is: its timers fire only while it runs. */
export interface TimeZone {
  readonly isActive: boolean
}

const STARTED_AT = Date.UTC(2026, 0, 1)
const MAX_READINGS = 1_000_000
const MAX_YIELD_ROUNDS = 100

/** The one time of a world. It stands still; only the explorer moves it, from timer to timer. */
export class WorldTime {
  now = 0
  readonly #timers = new Set<WorldTimer>()
  #yields: (() => void)[] = []
  #readings = 0

  /** A clock in this time. */
  clock(node: TimeZone): Clock {
    const read = (): number => {
      if (++this.#readings > MAX_READINGS) {
        throw new ExplorerError('The clock was read a million times in one step: a loop waits for time to pass.')
      }
      return this.now
    }
    return {
      now: () => STARTED_AT + read(),
      monotonic: read,
      setTimer: (ms, fn) => {
        if (!(ms <= MAX_TIMER_MS)) throw new RangeError(`setTimer(${ms}): not a delay of at most ${MAX_TIMER_MS} ms`)
        const timer: WorldTimer = { dueAt: this.now + Math.max(0, ms), node, fn }
        this.#timers.add(timer)
        return () => void this.#timers.delete(timer)
      },
      yieldMacrotask: () => new Promise((resolve) => this.#yields.push(resolve)),
    }
  }

  /** The timers of all nodes that are not paused or gone. */
  get timers(): readonly WorldTimer[] {
    return [...this.#timers].filter(({ node }) => node.isActive)
  }

  /** The timer that fires next, if time may go on as far as that. */
  next(horizonMs: number): WorldTimer | undefined {
    let first: WorldTimer | undefined
    for (const timer of this.#timers) {
      if (timer.node.isActive && (!first || timer.dueAt < first.dueAt)) first = timer
    }
    return first && first.dueAt <= horizonMs ? first : undefined
  }

  /** Time goes on to this timer, and it fires. */
  fire(timer: WorldTimer): void {
    this.#timers.delete(timer)
    this.now = Math.max(this.now, timer.dueAt)
    timer.fn()
  }

  /** Lets everything run out that needs no time: microtasks, and what waits for a macrotask of this time. */
  async drain(runOut: () => Promise<void>): Promise<void> {
    this.#readings = 0
    await runOut()
    for (let round = 0; this.#yields.length > 0 && round < MAX_YIELD_ROUNDS; round++) {
      for (const resolve of this.#yields.splice(0)) resolve()
      await runOut()
    }
  }
}

/** A turn of the event loop: all microtasks run before it, and the runtime tells of rejections that nobody handled. */
export const macrotask = systemClock.yieldMacrotask

const { nextTick } = (globalThis as { process?: { nextTick?: (fn: () => void) => void } }).process ?? {}

/** All microtasks run before it. In Node without a turn of the event loop, which costs ten times as much. */
export const afterMicrotasks: () => Promise<void> = nextTick
  ? () => new Promise((resolve) => nextTick(resolve))
  : macrotask

/** Waits in real time, to see whether something moves that the world did not move. */
export function realTime(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.setTimer(ms, resolve))
}
