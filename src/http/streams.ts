import { TimeLimits } from '../core/time-limits.js'
import type { JobEvent } from '../protocol/job-event.js'
import { framesText } from './frames.js'
import { JobFeed } from './job-feed.js'
import type { ResolvedHandlerOptions } from './options.js'
import { Viewer } from './viewer.js'
import { WriteRounds } from './write-rounds.js'

/** All viewers of a handler, and what they share: the rounds in which they write, one timer, and a feed for each job. */
export class Streams {
  readonly #options: ResolvedHandlerOptions
  readonly #rounds: WriteRounds
  readonly #limits: TimeLimits
  /** Of jobs that have viewers here. */
  readonly #feeds = new Map<string, JobFeed>()

  constructor(options: ResolvedHandlerOptions) {
    this.#options = options
    this.#rounds = new WriteRounds(options.clock)
    this.#limits = new TimeLimits(options.clock)
  }

  /** `after`: what the viewer has seen. `onEnd` is called when it is gone. */
  enter(jobId: string, after: number, onEnd: () => void): Viewer {
    const { manager, heartbeatMs } = this.#options
    const feed = this.#feedOf(jobId)
    feed.viewers++
    return new Viewer({
      after,
      read: (cursor) => manager.events(jobId, { after: cursor, viewer: true }),
      encode: this.#encode,
      feed,
      rounds: this.#rounds,
      limits: this.#limits,
      heartbeatMs,
      onEnd: () => {
        if (--feed.viewers === 0) this.#feeds.delete(jobId)
        onEnd()
      },
    })
  }

  #feedOf(jobId: string): JobFeed {
    let feed = this.#feeds.get(jobId)
    if (!feed) {
      const { manager } = this.#options
      feed = new JobFeed({
        rounds: this.#rounds,
        read: (after) => manager.events(jobId, { after }),
        encode: this.#encode,
      })
      this.#feeds.set(jobId, feed)
    }
    return feed
  }

  readonly #encode = (events: readonly JobEvent[]): string => framesText(events, this.#options.messages)
}
