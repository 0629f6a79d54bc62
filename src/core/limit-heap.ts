import { type Clock, MAX_TIMER_MS } from '../protocol/clock.js'
import type { TimeLimit } from './time-limits.js'

/** Limits behind one timer of the clock: a binary heap by due time. */
export class LimitHeap {
  readonly #clock: Clock
  readonly #timerOptions: { readonly unref: boolean }
  readonly #heap: TimeLimit[] = []
  #armedAt = Number.POSITIVE_INFINITY
  #disarm: (() => void) | undefined

  constructor(clock: Clock, timerOptions: { readonly unref: boolean }) {
    this.#clock = clock
    this.#timerOptions = timerOptions
  }

  get size(): number {
    return this.#heap.length
  }

  setAt(limit: TimeLimit, dueAt: number): void {
    limit.dueAt = dueAt
    if (limit.slot < 0) limit.slot = this.#heap.push(limit) - 1
    this.#place(limit)
    this.#arm()
  }

  /** The timer stays as it is, and only looks when it comes: one per short job would cost a tenth of it. */
  remove(limit: TimeLimit): void {
    const last = this.#heap.pop()
    if (last && last !== limit) {
      this.#heap[limit.slot] = last
      last.slot = limit.slot
      this.#place(last)
    }
    limit.slot = -1
  }

  /** Lets go of the timer if no limit is set. */
  trim(): void {
    if (this.#heap.length > 0) return
    this.#disarm?.()
    this.#disarm = undefined
    this.#armedAt = Number.POSITIVE_INFINITY
  }

  #fireDue(): void {
    this.#disarm = undefined
    this.#armedAt = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonic()
    for (let first = this.#heap[0]; first && first.dueAt <= now; first = this.#heap[0]) {
      this.remove(first)
      first.fire()
    }
    this.#arm()
  }

  /** Keeps the timer at the earliest limit, or before it. */
  #arm(): void {
    const first = this.#heap[0]
    if (!first || (this.#disarm && this.#armedAt <= first.dueAt)) return
    this.#disarm?.()
    this.#armedAt = first.dueAt
    const ms = Math.min(Math.max(0, Math.ceil(first.dueAt - this.#clock.monotonic())), MAX_TIMER_MS)
    this.#disarm = this.#clock.setTimer(ms, () => this.#fireDue(), this.#timerOptions)
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
