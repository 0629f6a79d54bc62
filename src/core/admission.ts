import { CapacityError } from './errors.js'
import type { ResolvedOptions } from './options.js'

type Capacity = Pick<ResolvedOptions, 'maxConcurrentJobs' | 'maxPendingJobs' | 'maxJobsPerOwner'>

/** A job's place in this process: a slot, or a place in the queue for one. Must be released when the job is over. */
export interface Ticket {
  /** Whether it has a slot already. */
  readonly hasSlot: boolean
  /** Calls `start` when the ticket has a slot: now, or when its turn comes. */
  ready(start: () => void): void
  release(): void
}

class Place implements Ticket {
  readonly owner: string | undefined
  readonly #onRelease: (place: Place) => void
  hasSlot: boolean
  start: (() => void) | undefined
  #isReleased = false

  constructor(owner: string | undefined, hasSlot: boolean, onRelease: (place: Place) => void) {
    this.owner = owner
    this.hasSlot = hasSlot
    this.#onRelease = onRelease
  }

  ready(start: () => void): void {
    if (this.#isReleased) return
    if (this.hasSlot) start()
    else this.start = start
  }

  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#onRelease(this)
  }
}

/**
 * Slots for running jobs and the queue of pending ones, in the order of registration. A place is reserved before the store is
 * asked, so that registers under way at the same time cannot exceed a limit together.
 */
export class Admission {
  readonly #capacity: Capacity
  readonly #queue = new Set<Place>()
  readonly #byOwner = new Map<string, number>()
  #running = 0
  #isFilling = false

  constructor(capacity: Capacity) {
    this.#capacity = capacity
  }

  /** @throws {CapacityError} when the owner or the queue is at its limit; nothing is reserved */
  reserve(owner: string | undefined): Ticket {
    const { maxConcurrentJobs, maxPendingJobs, maxJobsPerOwner } = this.#capacity
    const owned = owner === undefined ? 0 : (this.#byOwner.get(owner) ?? 0)
    if (owner !== undefined && owned >= maxJobsPerOwner) throw new CapacityError('capacity.owner', maxJobsPerOwner)
    const hasSlot = this.#running < maxConcurrentJobs && this.#queue.size === 0
    if (!hasSlot && this.#queue.size >= maxPendingJobs) throw new CapacityError('capacity.pending', maxPendingJobs)

    const place = new Place(owner, hasSlot, this.#release)
    if (owner !== undefined) this.#byOwner.set(owner, owned + 1)
    if (hasSlot) this.#running++
    else this.#queue.add(place)
    return place
  }

  /** A slot at once, also above the limits: whoever sends the job, a queue, has limits of its own. It counts all the same. */
  admit(owner: string | undefined): Ticket {
    this.#running++
    if (owner !== undefined) this.#byOwner.set(owner, (this.#byOwner.get(owner) ?? 0) + 1)
    return new Place(owner, true, this.#release)
  }

  readonly #release = (place: Place): void => {
    const { owner } = place
    if (owner !== undefined) {
      const left = (this.#byOwner.get(owner) ?? 1) - 1
      if (left > 0) this.#byOwner.set(owner, left)
      else this.#byOwner.delete(owner)
    }
    if (!place.hasSlot) {
      this.#queue.delete(place)
      return
    }
    this.#running--
    this.#fillSlots()
  }

  /** A job that ends in the tick of its start frees its slot inside this loop, which then goes on with it. */
  #fillSlots(): void {
    if (this.#isFilling) return
    this.#isFilling = true
    for (const next of this.#queue) {
      if (this.#running >= this.#capacity.maxConcurrentJobs) break
      this.#queue.delete(next)
      this.#running++
      next.hasSlot = true
      next.start?.() // else its record is still being made, and ready() starts it
    }
    this.#isFilling = false
  }
}
