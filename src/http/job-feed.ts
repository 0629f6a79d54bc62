import type { JobEvent } from '../protocol/job-event.js'
import { EventBatch } from './event-batch.js'
import { Frames } from './frames.js'
import type { WriteRounds, Writer } from './write-rounds.js'

/** A viewer at the live end of a job. */
export interface Follower {
  /** `seq` of the last event that it has. */
  readonly cursor: number
  /** The next events, and their frames for all who have seen exactly the events before. */
  take(events: readonly JobEvent[], frames: Frames, now: number): void
  /** No more will come. */
  close(): void
  /** It was alone, and is no more: it may follow now. */
  onCompany(): void
}

export interface JobFeedOptions {
  readonly rounds: WriteRounds
  /** Reads the job's log, for no viewer in particular. */
  readonly read: (after: number) => AsyncIterable<JobEvent>
  readonly encode: (events: readonly JobEvent[]) => string
}

/**
 * What is new in one job, read once and serialised once for all viewers that are at the live end. Who comes later, or falls behind,
 * catches up from the log by itself.
 */
export class JobFeed implements Writer {
  /** Of the job, in this handler, whether they follow or not. */
  viewers = 0
  wroteAt = Number.NEGATIVE_INFINITY
  readonly #options: JobFeedOptions
  readonly #followers = new Set<Follower>()
  #batch: EventBatch | undefined
  #lone: Follower | undefined
  /** `seq` of the last event that the followers were given. */
  #cursor = 0

  constructor(options: JobFeedOptions) {
    this.#options = options
  }

  /** Takes a viewer that has seen all that the followers have; answers whether it did. One that is alone reads for itself. */
  follow(follower: Follower): boolean {
    if (this.viewers < 2) {
      this.#lone = follower
      return false
    }
    this.#endLoneliness(follower)
    if (!this.#batch) this.#begin(follower.cursor)
    else if (follower.cursor < this.#cursor) return false
    this.#followers.add(follower)
    return true
  }

  unfollow(follower: Follower): void {
    if (this.#lone === follower) this.#lone = undefined
    this.#followers.delete(follower)
    if (this.#followers.size === 0) this.#end()
  }

  write(now: number): void {
    const events = this.#batch?.take() ?? []
    const last = events[events.length - 1]
    if (last) {
      const frames = new Frames(this.#options.encode(events), true)
      this.wroteAt = now
      this.#cursor = last.seq
      for (const follower of this.#followers) follower.take(events, frames, now)
    }
    const batch = this.#batch
    if (batch?.isOver) for (const follower of this.#followers) follower.close()
    else batch?.read()
  }

  #endLoneliness(newcomer: Follower): void {
    const lone = this.#lone
    this.#lone = undefined
    if (lone !== newcomer) lone?.onCompany()
  }

  #begin(after: number): void {
    const { rounds, read } = this.#options
    this.#cursor = after
    this.#batch = new EventBatch(read(after), (isMuch) => rounds.ask(this, isMuch))
    this.#batch.read()
  }

  #end(): void {
    this.#options.rounds.forget(this)
    this.#batch?.close()
    this.#batch = undefined
  }
}
