import { type Awaitable, isThenable } from './awaitable.js'
import type { EventsAnswer, JobStore } from './job-store.js'

/** The first page is small: how large its events are is not known yet. */
const FIRST_PAGE = 64
const MAX_PAGE = 2_048
const PAGE_BYTES = 128 * 1024
/** Pages end at multiples of this: a store may keep events in blocks, and pass on a whole one for each part that is asked for. */
const GRAIN = 16
/** Pages on their way while one is read. Measured, 10,000 chunks from Redis: 6.0 ms with none, 4.8 with one, 4.0 with two. */
const AHEAD = 2

interface PageAhead {
  readonly after: number
  readonly until: number
  readonly answer: Promise<EventsAnswer>
}

/**
 * The log of one job, page by page. A reader holds three pages at most, each of up to 2,048 events, and of about 128 kB if its events
 * are as large as those before and no fewer than 16; the rest stays in the log. A store that answers later, and says how long its log
 * is, is asked ahead.
 */
export class LogPages {
  readonly #store: JobStore
  readonly #jobId: string
  #size = FIRST_PAGE
  #answersLater = false
  #ahead: PageAhead[] = []

  constructor(store: JobStore, jobId: string) {
    this.#store = store
    this.#jobId = jobId
  }

  /** The page after a cursor. */
  read(after: number): Awaitable<EventsAnswer> {
    const next = this.#ahead.shift()
    // That it failed when it was asked for ahead says nothing about now.
    if (next?.after === after) return next.answer.catch(() => this.#readNow(after))
    return this.#readNow(after)
  }

  #readNow(after: number): Awaitable<EventsAnswer> {
    this.#ahead = []
    const limit = this.#until(after) - after
    const answer = this.#store.readEvents(this.#jobId, after, limit)
    this.#answersLater = isThenable(answer)
    if (isThenable(answer) || answer.answer !== 'events' || answer.events.length < limit) return answer
    // What answers at once has its events in this process: pages need not be small.
    if (this.#size === MAX_PAGE) return answer
    this.#size = MAX_PAGE
    return this.#readNow(after)
  }

  /** Asks for what comes after a page that was read. */
  readAhead({ events, log }: Extract<EventsAnswer, { answer: 'events' }>): void {
    const last = events.at(-1)
    if (!this.#answersLater || !last) return
    const fitting = log ? PAGE_BYTES / Math.max(1, log.eventBytes) : MAX_PAGE
    this.#size = Math.max(GRAIN, Math.min(fitting, MAX_PAGE))
    let after = this.#ahead.at(-1)?.until ?? last.seq
    while (log && this.#ahead.length < AHEAD && after < log.lastSeq) {
      const until = this.#until(after)
      const answer = Promise.resolve(this.#store.readEvents(this.#jobId, after, until - after))
      answer.catch(() => {}) // it is asked for again when its turn comes
      this.#ahead.push({ after, until, answer })
      after = until
    }
  }

  /** Nobody reads on. */
  drop(): void {
    this.#ahead = []
  }

  /** Where the page after a cursor ends. */
  #until(after: number): number {
    return Math.floor((after + this.#size) / GRAIN) * GRAIN
  }
}
