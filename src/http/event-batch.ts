import { isTerminalEvent, type JobEvent } from '../protocol/job-event.js'

/** A batch of so much is full, and nothing is read ahead above it; data and metadata, which are few, count as one character each. */
const MAX_EVENTS = 1_024
const MAX_CHARACTERS = 64 * 1024

/** A manager's reader: also hands over, without a promise, what is in the log. */
interface DirectReader {
  readNow(): readonly JobEvent[]
}

/**
 * Reads a job's events for whoever takes them from time to time: waits for the first, and takes along what has come since. Of a reader
 * that cannot say that, a bounded batch is read ahead.
 */
export class EventBatch {
  readonly #events: AsyncIterator<JobEvent, unknown>
  readonly #onReady: (isMuch: boolean) => void
  #batch: JobEvent[] = []
  #characters = 0
  /** Takes since one found a full batch: there is more behind it, also behind the next, where a page of the reader ends. */
  #takesSinceFull = Number.POSITIVE_INFINITY
  #state: 'idle' | 'reading' | 'sitting' | 'ended' = 'idle'

  /** `onReady` is called when there is something to take, more than fits in a batch perhaps, or nothing will come any more. */
  constructor(events: AsyncIterable<JobEvent>, onReady: (isMuch: boolean) => void) {
    this.#events = events[Symbol.asyncIterator]() as AsyncIterator<JobEvent, unknown>
    this.#onReady = onReady
  }

  get isEmpty(): boolean {
    return this.#batch.length === 0
  }

  /** Whether everything was taken and no more will come: after the terminal event, an error, or `close`. */
  get isOver(): boolean {
    return this.#state === 'ended' && this.isEmpty
  }

  /** Waits for the first event. Rejects, with the reader's error, if there is no reading it. */
  async open(): Promise<void> {
    this.#state = 'reading'
    this.#took(await this.#events.next())
  }

  /** Waits for more. */
  read(): void {
    if (this.#state !== 'idle') return
    this.#state = 'reading'
    this.#events.next().then(this.#took, this.#failed)
  }

  /** What is there. */
  take(): readonly JobEvent[] {
    if (this.#state === 'idle' && isDirect(this.#events)) for (const event of this.#events.readNow()) this.#add(event)
    const batch = this.#batch
    this.#takesSinceFull = this.#isFull ? 0 : this.#takesSinceFull + 1
    this.#batch = []
    this.#characters = 0
    return batch
  }

  /** Reads no more, but stays: a reader that is open counts. */
  sit(): void {
    if (this.#state !== 'ended') this.#state = 'sitting'
  }

  close(): void {
    this.#state = 'ended'
    this.#batch = []
    void this.#events.return?.()?.then(undefined, () => undefined)
  }

  readonly #took = (result: IteratorResult<JobEvent, unknown>): void => {
    if (this.#state !== 'reading') return
    this.#state = 'idle'
    if (result.done) this.#state = 'ended'
    else this.#add(result.value)
    this.#onReady(this.#takesSinceFull < 2 || this.#isFull)
    if (!isDirect(this.#events) && !this.#isFull) this.read()
  }

  get #isFull(): boolean {
    return this.#batch.length >= MAX_EVENTS || this.#characters >= MAX_CHARACTERS
  }

  #add(event: JobEvent): void {
    this.#batch.push(event)
    this.#characters += event.type === 'chunk' ? event.content.length : 1
    if (isTerminalEvent(event)) this.#state = 'ended'
  }

  /** A stream that breaks off ends without a terminal event; the client asks again by its cursor. */
  readonly #failed = (): void => {
    if (this.#state !== 'reading') return
    this.#state = 'ended'
    this.#onReady(true)
  }
}

function isDirect(events: object): events is DirectReader {
  return 'readNow' in events && typeof events.readNow === 'function'
}
