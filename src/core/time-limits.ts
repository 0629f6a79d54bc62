import type { Clock } from '../protocol/clock.js'
import { LimitHeap } from './limit-heap.js'

/** A time limit: set, moved and cleared by its owner, and fired once when it is reached. */
export abstract class TimeLimit {
  /** Whether the process must stay alive until this limit is reached or cleared; the same as long as it is set. */
  abstract readonly holdsProcess: boolean
  dueAt = 0
  /** Place in the heap; -1 when not set. */
  slot = -1

  abstract fire(): void
}

class CallLimit extends TimeLimit {
  override readonly fire: () => void
  override readonly holdsProcess: boolean

  constructor(fire: () => void, holdsProcess: boolean) {
    super()
    this.fire = fire
    this.holdsProcess = holdsProcess
  }
}

/**
 * All time limits of one manager, so that a hundred thousand waiting jobs cost two timers: one for limits that hold the process,
 * one for the others. A cancel sets a limit that holds and soon clears it: so that costs one timer and not three.
 */
export class TimeLimits {
  /** No timer is kept for the next limit. */
  isClosing = false
  readonly #clock: Clock
  readonly #holding: LimitHeap
  readonly #others: LimitHeap

  constructor(clock: Clock) {
    this.#clock = clock
    this.#holding = new LimitHeap(clock, { unref: false })
    this.#others = new LimitHeap(clock, { unref: true })
  }

  get size(): number {
    return this.#holding.size + this.#others.size
  }

  /** The instant that all limits are measured from: `clock.monotonic()`. */
  now(): number {
    return this.#clock.monotonic()
  }

  /** Sets or moves a limit to `ms` milliseconds from now. */
  set(limit: TimeLimit, ms: number): void {
    this.setAt(limit, this.#clock.monotonic() + ms)
  }

  /** Sets or moves a limit to an instant of `clock.monotonic()`. */
  setAt(limit: TimeLimit, dueAt: number): void {
    this.#heapOf(limit).setAt(limit, dueAt)
  }

  /** Clears a limit; nothing happens if it is not set. */
  clear(limit: TimeLimit): void {
    if (limit.slot < 0) return
    const heap = this.#heapOf(limit)
    heap.remove(limit)
    if (limit.holdsProcess || this.isClosing) heap.trim()
  }

  /** Lets go of the timers if no limit is set. */
  trim(): void {
    this.#holding.trim()
    this.#others.trim()
  }

  /** Calls `fn` once after `ms` milliseconds; the returned function prevents it. */
  schedule(ms: number, fn: () => void, options: { holdsProcess: boolean }): () => void {
    const limit = new CallLimit(fn, options.holdsProcess)
    this.set(limit, ms)
    return () => this.clear(limit)
  }

  #heapOf(limit: TimeLimit): LimitHeap {
    return limit.holdsProcess ? this.#holding : this.#others
  }
}
