import type { Clock } from '../protocol/clock.js'
import type { ContentEvent, JobEvent } from '../protocol/job-event.js'
import type { Epoch } from './epoch.js'
import { LogLimitError } from './errors.js'
import type { AppendAnswer } from './job-store.js'
import { eventBytes } from './producer.js'
import { isThenable, type StoreCalls } from './store-calls.js'

/** Above these, `run.stream` waits for the store before it pulls on. */
const HIGH_WATER_EVENTS = 1_000
const HIGH_WATER_BYTES = 1024 * 1024

export interface EventWriterOptions {
  readonly store: StoreCalls
  readonly clock: Clock
  readonly epoch: Epoch
  readonly jobId: string
  readonly fencingToken: number
  readonly maxLogEvents: number
  readonly maxLogBytes: number
  /** The store no longer takes events of this owner. Not called after `close()`. */
  readonly onRefused: (answer: Exclude<AppendAnswer, { answer: 'accepted' }>) => void
}

/**
 * The owner's ordered road to the log: numbers events, sends them one batch at a time, keeps what the store has not accepted
 * yet (bounded), and sends a batch again after a failure. With a store that answers at once, nothing is ever kept.
 */
export class EventWriter {
  readonly #options: EventWriterOptions
  #lastSeq = 0
  #lastEventAt: number
  #count = 0
  #bytes = 0
  #waiting: JobEvent[] = []
  #waitingBytes = 0
  #sending: Promise<void> | undefined
  #drained: { promise: Promise<void>; resolve: () => void } | undefined
  #closed = false

  constructor(options: EventWriterOptions) {
    this.#options = options
    this.#lastEventAt = options.clock.monotonic()
  }

  /** When the newest event was written, by the monotonic clock; at first, when the writer was made. */
  get lastEventAt(): number {
    return this.#lastEventAt
  }

  get lastSeq(): number {
    return this.#lastSeq
  }

  /**
   * Adds the next event; answers whether it is in the log or on its way there.
   *
   * @throws {LogLimitError} when the log would exceed its limit; the event is not added
   */
  write(body: ContentEvent): boolean {
    if (this.#closed) return false
    const { maxLogEvents, maxLogBytes, clock, epoch, jobId } = this.#options
    const bytes = eventBytes(body)
    if (this.#count >= maxLogEvents) throw new LogLimitError(jobId, `${maxLogEvents} events (maxLogEvents)`)
    if (this.#bytes + bytes > maxLogBytes) throw new LogLimitError(jobId, `${maxLogBytes} bytes (maxLogBytes)`)
    this.#count++
    this.#bytes += bytes
    const seq = ++this.#lastSeq
    this.#lastEventAt = clock.monotonic()
    const at = epoch.at(this.#lastEventAt)
    const event: JobEvent = Object.freeze(
      body.type === 'chunk' ? { seq, at, type: body.type, content: body.content } : { seq, at, ...body },
    )
    if (this.#sending !== undefined) {
      this.#waiting.push(event)
      this.#waitingBytes += bytes
    } else {
      this.#send([event], bytes)
    }
    return !this.#closed
  }

  /** A promise to wait for before writing more, when too much waits for the store. */
  get congestion(): Promise<void> | undefined {
    const tooMuch = this.#waiting.length > HIGH_WATER_EVENTS || this.#waitingBytes > HIGH_WATER_BYTES
    return tooMuch ? this.flush() : undefined
  }

  /** Waits until everything written is accepted or refused; nothing to wait for with a store that answers at once. */
  flush(): Promise<void> | undefined {
    if (!this.#sending) return undefined
    if (!this.#drained) {
      let resolve = () => {}
      const promise = new Promise<void>((done) => {
        resolve = done
      })
      this.#drained = { promise, resolve }
    }
    return this.#drained.promise
  }

  /** Sends nothing more; what was not accepted is dropped. */
  close(): void {
    this.#closed = true
    this.#waiting = []
    this.#waitingBytes = 0
    this.#finishFlush()
  }

  #send(batch: readonly JobEvent[], bytes: number): void {
    const { store, jobId, fencingToken } = this.#options
    try {
      const answer = store.append(jobId, fencingToken, batch, bytes)
      if (!isThenable(answer)) return this.#answered(answer)
      this.#sending = answer.then(
        (late) => this.#sent(late),
        () => this.#again(batch, bytes),
      )
    } catch {
      this.#sending = Promise.resolve().then(() => this.#again(batch, bytes))
    }
  }

  #sent(answer: AppendAnswer): void {
    this.#sending = undefined
    this.#answered(answer)
    if (this.#waiting.length === 0) return this.#finishFlush()
    const batch = this.#waiting
    const bytes = this.#waitingBytes
    this.#waiting = []
    this.#waitingBytes = 0
    this.#send(batch, bytes)
  }

  /** The same numbers again: a batch that arrived after all is accepted a second time and changes nothing. */
  #again(batch: readonly JobEvent[], bytes: number): void {
    this.#sending = undefined
    if (this.#closed) this.#finishFlush()
    else this.#send(batch, bytes)
  }

  #answered(answer: AppendAnswer): void {
    if (answer.answer === 'accepted' || this.#closed) return
    this.close()
    this.#options.onRefused(answer)
  }

  #finishFlush(): void {
    this.#drained?.resolve()
    this.#drained = undefined
  }
}
