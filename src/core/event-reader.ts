import { isTerminalEvent, type JobEvent } from '../protocol/job-event.js'
import { isSettled } from '../protocol/job-status.js'
import { whenAnswered } from './awaitable.js'
import type { CallerSignals } from './caller-signals.js'
import { CursorExpiredError, JobNotFoundError, ManagerClosedError } from './errors.js'
import type { EventsAnswer, JobStore } from './job-store.js'
import type { JobWatch } from './job-watch.js'
import { LogPages } from './log-pages.js'

/** Most characters that are read without waiting; a single event may have more. */
const READ_NOW_CHARACTERS = 64 * 1024

export interface EventReaderOptions {
  readonly store: JobStore
  readonly watch: JobWatch
  readonly signals: CallerSignals
  readonly jobId: string
  /** `seq` of the last event that the reader has seen. */
  readonly after: number
  readonly signal?: AbortSignal | undefined
  /** The first `next()` was called; answers what to do when the reader leaves. */
  readonly onOpen: (reader: EventReader) => () => void
}

type Result = IteratorResult<JobEvent, undefined>

interface Waiting {
  resolve(result: Result): void
  reject(error: unknown): void
}

const DONE: Result = { done: true, value: undefined }
const NONE: readonly JobEvent[] = []

/**
 * Reads a job's log from a cursor: first what is there, then what comes, to the terminal event; no gap, no duplicate, because
 * the log with its cursor is the only source. `return()` ends a waiting `next()` at once.
 */
export class EventReader implements AsyncIterableIterator<JobEvent, undefined> {
  readonly #options: EventReaderOptions
  readonly #pages: LogPages
  #cursor: number
  #page: readonly JobEvent[] = []
  #next = 0
  readonly #waiting: Waiting[] = []
  #state: 'unopened' | 'open' | 'ended' = 'unopened'
  #isReading = false
  #isWatching = false
  #readAgain = false
  #hasRead = false
  #isClosing = false
  #leave: (() => void)[] = []

  constructor(options: EventReaderOptions) {
    this.#options = options
    this.#pages = new LogPages(options.store, options.jobId)
    this.#cursor = options.after
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    if (this.#state === 'unopened') this.#open()
    if (this.#waiting.length === 0) {
      const event = this.#page[this.#next]
      if (event) return Promise.resolve(this.#deliver(event))
    }
    if (this.#state === 'ended') return Promise.resolve(DONE)
    const result = new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
    this.#read()
    return result
  }

  /** What is in the log now, without waiting and without a promise; nothing if the store does not answer at once. */
  readNow(): readonly JobEvent[] {
    if (this.#state !== 'open' || this.#waiting.length > 0) return NONE
    if (this.#next >= this.#page.length) this.#read()
    const events: JobEvent[] = []
    let characters = 0
    while (characters < READ_NOW_CHARACTERS) {
      const event = this.#page[this.#next]
      if (!event) break
      events.push(event)
      characters += event.type === 'chunk' ? event.content.length : 1
      this.#deliver(event)
    }
    return events
  }

  return(): Promise<Result> {
    this.#end()
    return Promise.resolve(DONE)
  }

  /** The manager closes: what is in the log is still delivered, but nothing is waited for any more. */
  close(): void {
    this.#isClosing = true
    this.#look()
  }

  #open(): void {
    const { signal, signals } = this.#options
    this.#state = 'open'
    this.#leave.push(this.#options.onOpen(this))
    if (signal) this.#leave.push(signals.onAbort(signal, () => this.#end()))
  }

  /** A job that is settled is not watched: nothing comes. What came to another before its watch is read once more. */
  #watch(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    this.#readAgain = true
    const { watch, jobId } = this.#options
    this.#leave.push(watch.watch(jobId, () => this.#look()))
  }

  #look(): void {
    if (this.#waiting.length > 0) this.#read()
  }

  #read(): void {
    if (this.#isReading) {
      this.#readAgain = true
      return
    }
    if (this.#state !== 'open') return
    this.#isReading = true
    void whenAnswered(() => this.#pages.read(this.#cursor), this.#answered, this.#failed)
  }

  readonly #answered = (answer: EventsAnswer): void => {
    this.#isReading = false
    if (this.#state !== 'open') return
    const { jobId, after } = this.#options
    if (answer.answer === 'not-found' && this.#cursor === after) return this.#end(new JobNotFoundError(jobId))
    if (answer.answer !== 'events') return this.#end(new CursorExpiredError(jobId, this.#cursor))
    this.#hasRead = true
    if (!isSettled(answer.status)) this.#watch()
    if (answer.events.length === 0) {
      if (isSettled(answer.status) || this.#isClosing) this.#end()
      else this.#lookAgain()
      return
    }
    this.#pages.readAhead(answer)
    this.#page = answer.events
    this.#next = 0
    while (this.#waiting.length > 0) {
      const event = this.#page[this.#next]
      if (!event) return this.#read()
      this.#waiting.shift()?.resolve(this.#deliver(event))
      if (this.#state !== 'open') return
    }
  }

  /** A live reader rides through a store that is away; only the first read must tell. */
  readonly #failed = (error: unknown): void => {
    this.#isReading = false
    if (this.#state !== 'open') return
    if (!this.#hasRead || this.#isClosing) return this.#end(error)
    this.#watch()
    this.#lookAgain()
  }

  #lookAgain(): void {
    if (!this.#readAgain) return
    this.#readAgain = false
    this.#look()
  }

  #deliver(event: JobEvent): Result {
    this.#next++
    this.#cursor = event.seq
    if (isTerminalEvent(event)) this.#end()
    return { done: false, value: event }
  }

  #end(error?: unknown): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#page = []
    this.#pages.drop()
    for (const leave of this.#leave.splice(0)) leave()
    const [first, ...others] = this.#waiting.splice(0)
    if (error === undefined) first?.resolve(DONE)
    else first?.reject(error)
    for (const waiting of others) waiting.resolve(DONE)
  }
}

/** A reader that can only say that the manager is closed. */
export function closedReader(): AsyncIterable<JobEvent> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new ManagerClosedError()) }) }
}
