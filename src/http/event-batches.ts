import { isTerminalEvent, type JobEvent } from '../protocol/job-event.js'

/** A batch ends with the event that reaches one of these; data and metadata, which are few, count as one character each. */
const MAX_EVENTS = 256
const MAX_CHARACTERS = 64 * 1024

const NONE: readonly JobEvent[] = []

/** Reads a job's events in batches: waits for the first, and takes along all that are ready with it. */
export class EventBatches {
  readonly #events: AsyncIterator<JobEvent, unknown>
  #batch: JobEvent[] = []
  #characters = 0
  #isReading = false
  #isEnded = false
  #failure: { readonly error: unknown } | undefined
  #readsSinceCheck = 0
  #waiting: { resolve(batch: readonly JobEvent[]): void; reject(error: unknown): void } | undefined

  constructor(events: AsyncIterable<JobEvent>) {
    this.#events = events[Symbol.asyncIterator]() as AsyncIterator<JobEvent, unknown>
  }

  /** The next batch, empty at the end of the events. Call it again only after it has answered. */
  next(): Promise<readonly JobEvent[]> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      if (this.#isEnded || this.#failure) return this.#answer()
      if (!this.#isReading) this.#read()
      if (this.#batch.length > 0) queueMicrotask(this.#check)
    })
  }

  /** Stops reading; a waiting `next()` ends. */
  close(): void {
    this.#isEnded = true
    this.#batch = []
    void this.#events.return?.()?.then(undefined, () => undefined)
    this.#answer()
  }

  #read(): void {
    this.#isReading = true
    this.#readsSinceCheck++
    this.#events.next().then(this.#took, this.#failed)
  }

  readonly #took = (result: IteratorResult<JobEvent, unknown>): void => {
    this.#isReading = false
    if (this.#isEnded) return
    if (result.done) {
      this.#isEnded = true
      return this.#answer()
    }
    this.#batch.push(result.value)
    this.#characters += result.value.type === 'chunk' ? result.value.content.length : 1
    if (isTerminalEvent(result.value)) this.#isEnded = true
    if (this.#isEnded || this.#batch.length >= MAX_EVENTS || this.#characters >= MAX_CHARACTERS) return this.#answer()
    if (!this.#waiting) return // read ahead by one, not more
    this.#read()
    // An event that is ready comes before this check; as long as some came, more may.
    if (this.#batch.length === 1) queueMicrotask(this.#check)
  }

  readonly #check = (): void => {
    if (!this.#waiting || this.#batch.length === 0) return
    if (this.#readsSinceCheck === 0) return this.#answer()
    this.#readsSinceCheck = 0
    queueMicrotask(this.#check)
  }

  readonly #failed = (error: unknown): void => {
    this.#isReading = false
    if (this.#isEnded) return
    this.#failure = { error }
    if (this.#batch.length === 0) this.#answer()
  }

  #answer(): void {
    const waiting = this.#waiting
    if (!waiting) return
    this.#waiting = undefined
    const batch = this.#batch
    if (batch.length > 0) {
      this.#batch = []
      this.#characters = 0
      waiting.resolve(batch)
    } else if (this.#failure) waiting.reject(this.#failure.error)
    else waiting.resolve(NONE)
  }
}
