import { type Awaitable, isThenable } from './awaitable.js'
import type { EventsAnswer, JobStore } from './job-store.js'

/** The first page is small: how large its events are is not known yet. */
const FIRST_PAGE = 256
const MAX_PAGE = 1_024
const PAGE_BYTES = 128 * 1024
/** Pages on their way while one is read. Measured, 10,000 chunks from Redis: 6.0 ms with none, 4.8 with one, 4.0 with two. */
const AHEAD = 2

interface PageAhead {
  readonly after: number
  readonly until: number
  readonly answer: Promise<EventsAnswer>
}

/**
 * The log of one job, page by page. A reader holds three pages at most, each of up to 1,024 events or about 128 kB; the rest stays in
 * the log. A store that answers later, and says how long its log is, is asked ahead.
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
    if (next?.after === after) return next.answer
    this.#ahead = [] // a store may answer fewer events than it was asked for
    const answer = this.#store.readEvents(this.#jobId, after, this.#size)
    this.#answersLater = isThenable(answer)
    return answer
  }

  /** Asks for what comes after a page that was read. */
  readAhead({ events, log }: Extract<EventsAnswer, { answer: 'events' }>): void {
    const last = events.at(-1)
    if (!this.#answersLater || !log || !last) return
    const fitting = Math.floor((PAGE_BYTES * log.lastSeq) / Math.max(1, log.bytes))
    this.#size = Math.max(1, Math.min(fitting, MAX_PAGE))
    let after = this.#ahead.at(-1)?.until ?? last.seq
    while (this.#ahead.length < AHEAD && after < log.lastSeq) {
      const answer = Promise.resolve(this.#store.readEvents(this.#jobId, after, this.#size))
      answer.catch(() => {}) // told when its turn comes
      const until = after + this.#size
      this.#ahead.push({ after, until, answer })
      after = until
    }
  }
}
