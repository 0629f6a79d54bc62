import { type Clock, MAX_TIMER_MS } from '../protocol/clock.js'

/** A time limit: set, moved and cleared by its owner, and fired once when it is reached. */
export abstract class TimeLimit {
  /** Whether the process must stay alive until this limit is reached or cleared. */
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
 * All time limits of one manager behind one timer of the clock: a binary heap by due time, so that a hundred thousand
 * waiting jobs cost one timer. The timer holds the process only while a limit does that asks for it.
 */
export class TimeLimits {
  /** The timer goes with the last limit: it is not kept for the next one. */
  isClosing = false
  readonly #clock: Clock
  readonly #heap: TimeLimit[] = []
  #holding = 0
  #armedAt = Number.POSITIVE_INFINITY
  #armedHolding = false
  #disarm: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#heap.length
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
    limit.dueAt = dueAt
    if (limit.slot < 0) {
      if (limit.holdsProcess) this.#holding++
      limit.slot = this.#heap.push(limit) - 1
    }
    this.#place(limit)
    this.#arm()
  }

  /** Clears a limit; nothing happens if it is not set. */
  clear(limit: TimeLimit): void {
    if (limit.slot < 0) return
    this.#remove(limit)
    this.#arm()
  }

  /** Lets go of the timer if no limit is set. */
  trim(): void {
    if (this.#heap.length > 0) return
    this.#disarm?.()
    this.#disarm = undefined
    this.#armedAt = Number.POSITIVE_INFINITY
    this.#armedHolding = false
  }

  /** Calls `fn` once after `ms` milliseconds; the returned function prevents it. */
  schedule(ms: number, fn: () => void, options: { holdsProcess: boolean }): () => void {
    const limit = new CallLimit(fn, options.holdsProcess)
    this.set(limit, ms)
    return () => this.clear(limit)
  }

  #fireDue(): void {
    this.#disarm = undefined
    this.#armedAt = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonic()
    for (let first = this.#heap[0]; first && first.dueAt <= now; first = this.#heap[0]) {
      this.#remove(first)
      first.fire()
    }
    this.#arm()
  }

  /** Keeps one timer at the earliest limit. A timer that comes too early only looks and arms again. */
  #arm(): void {
    const first = this.#heap[0]
    const holding = this.#holding > 0
    if (!first && !this.#armedHolding && !this.isClosing) return // a timer per short job would cost a tenth of it; trim() lets go
    if (!first) return this.trim()
    if (this.#disarm && this.#armedAt <= first.dueAt && this.#armedHolding === holding) return
    this.#disarm?.()
    this.#armedAt = first.dueAt
    this.#armedHolding = holding
    const ms = Math.min(Math.max(0, Math.ceil(first.dueAt - this.#clock.monotonic())), MAX_TIMER_MS)
    this.#disarm = this.#clock.setTimer(ms, () => this.#fireDue(), { unref: !holding })
  }

  #remove(limit: TimeLimit): void {
    const last = this.#heap.pop()
    if (last && last !== limit) {
      this.#heap[limit.slot] = last
      last.slot = limit.slot
      this.#place(last)
    }
    limit.slot = -1
    if (limit.holdsProcess) this.#holding--
  }

  /** Moves a limit up or down until the heap is in order again. */
  #place(limit: TimeLimit): void {
    const heap = this.#heap
    let slot = limit.slot
    for (let parent = (slot - 1) >> 1; slot > 0; slot = parent, parent = (slot - 1) >> 1) {
      const above = heap[parent]
      if (!above || above.dueAt <= limit.dueAt) break
      heap[slot] = above
      above.slot = slot
    }
    for (let child = 2 * slot + 1; child < heap.length; child = 2 * slot + 1) {
      const left = heap[child]
      const right = heap[child + 1]
      const below = right && left && right.dueAt < left.dueAt ? right : left
      if (!below || below === limit || below.dueAt >= limit.dueAt) break
      const next = below.slot
      heap[slot] = below
      below.slot = slot
      slot = next
    }
    heap[slot] = limit
    limit.slot = slot
  }
}
