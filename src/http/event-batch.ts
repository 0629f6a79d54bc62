import { isTerminalEvent, type JobEvent } from '../protocol/job-event.js'
import { EventPages } from './event-pages.js'

/** Nothing is read ahead above these; data and metadata, which are few, count as one character each. */
const MAX_EVENTS = 1_024
const MAX_CHARACTERS = 64 * 1024

/** Reads a job's events ahead of whoever takes them, one bounded batch. */
export class EventBatch {
  readonly #pages: EventPages
  readonly #onReady: () => void
  #events: JobEvent[] = []
  #characters = 0
  #isReading = false
  #isSitting = false
  #isEnded = false

  /** `onReady` is called when there is more to take, or nothing will come any more. */
  constructor(events: AsyncIterable<JobEvent>, onReady: () => void) {
    this.#pages = new EventPages(events)
    this.#onReady = onReady
  }

  get isEmpty(): boolean {
    return this.#events.length === 0
  }

  /** Whether everything was taken and no more will come: after the terminal event, an error, or `close`. */
  get isOver(): boolean {
    return this.#isEnded && this.isEmpty
  }

  /** Waits for the first events. Rejects, with the reader's error, if there is no reading them. */
  async open(): Promise<void> {
    this.#took(await this.#pages.next())
  }

  /** Reads on, unless enough is there already. */
  read(): void {
    const isFull = this.#events.length >= MAX_EVENTS || this.#characters >= MAX_CHARACTERS
    if (this.#isReading || this.#isEnded || isFull) return
    this.#isReading = true
    this.#pages.next().then(this.#took, this.#failed)
  }

  /** What is there. */
  take(): readonly JobEvent[] {
    const events = this.#events
    this.#events = []
    this.#characters = 0
    return events
  }

  /** Reads no more, but stays: a reader that is open counts. */
  sit(): void {
    this.#isSitting = true
  }

  close(): void {
    this.#isEnded = true
    this.#events = []
    this.#pages.close()
  }

  readonly #took = (page: readonly JobEvent[]): void => {
    this.#isReading = false
    if (this.#isEnded || this.#isSitting) return
    for (const event of page) {
      this.#events.push(event)
      this.#characters += event.type === 'chunk' ? event.content.length : 1
    }
    const last = page[page.length - 1]
    this.#isEnded = last === undefined || isTerminalEvent(last)
    this.#onReady()
    this.read()
  }

  /** A stream that breaks off ends without a terminal event; the client asks again by its cursor. */
  readonly #failed = (): void => {
    this.#isReading = false
    if (this.#isEnded || this.#isSitting) return
    this.#isEnded = true
    this.#onReady()
  }
}
