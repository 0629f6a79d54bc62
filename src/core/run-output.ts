import type { ContentEvent, JobEvent } from '../protocol/job-event.js'
import type { Usage } from '../protocol/job-snapshot.js'
import { type Awaitable, type Deferred, deferred, isThenable } from './awaitable.js'
import { Burst } from './burst.js'
import { LogLimitError } from './errors.js'
import type { AppendAnswer } from './job-store.js'
import { textBytes } from './json-copy.js'
import type { RunEnvironment } from './run-environment.js'
import { TextBuffer } from './text-buffer.js'

/** Above these, `run.stream` waits for the store before it pulls on. */
const HIGH_WATER_EVENTS = 1_000
const HIGH_WATER_BYTES = 1024 * 1024
/** In a burst, so much waits at most for the turn to end. */
const BATCH_EVENTS = 64
const BATCH_BYTES = 64 * 1024

/** What a producer puts out: the text of a chunk, or an event of another type. */
export type OutputItem = string | Exclude<ContentEvent, { type: 'chunk' }>

/** Whose output it is. */
export interface OutputHost {
  readonly jobId: string
  readonly fencingToken: number
  /** The store takes no more events of this owner. Called once, and not after `close()`. */
  onOutputRefused(answer: Exclude<AppendAnswer, { answer: 'accepted' }>): void
}

/**
 * What a producer has put out. Numbers its events and sends them to the log in order, one batch at a time; keeps what the store
 * has not accepted yet, bounded; and sends a batch again after a failure. With a store that answers at once nothing is kept, except
 * in a burst until the turn is over, or until a batch is full (measured: a batch of 64 costs a fifth of 64 batches of one).
 */
export class RunOutput {
  readonly #env: RunEnvironment
  readonly #host: OutputHost
  readonly #burst: Burst
  /** The text of all chunks that were written. */
  readonly text = new TextBuffer()
  #deliveredLength = 0
  chunks = 0
  /** By the monotonic clock. */
  firstChunkAt: number | undefined
  dropped = 0
  step: string | undefined
  usage: Usage | undefined

  #lastSeq = 0
  #lastActivityAt: number
  #stampedAt = 0
  #bytes = 0
  #waiting: JobEvent[] = []
  #waitingBytes = 0
  #isSending = false
  #flushed: Deferred<void> | undefined
  #isClosed = false

  /** `startedAt`: when the producer started, by the monotonic clock. */
  constructor(env: RunEnvironment, host: OutputHost, startedAt: number) {
    this.#env = env
    this.#host = host
    this.#burst = new Burst(env.clock, () => this.sendHeld())
    this.#lastActivityAt = startedAt
  }

  get lastSeq(): number {
    return this.#lastSeq
  }

  /** When the newest event was written, or the producer started; by the monotonic clock. */
  get lastActivityAt(): number {
    return this.#lastActivityAt
  }

  /** The text of the chunks that are in the log. */
  get deliveredText(): string {
    return this.text.slice(0, this.#deliveredLength)
  }

  /** Numbers and sends an item; answers whether it is in the log or on its way. @throws {LogLimitError} when the log is full */
  write(item: OutputItem): boolean {
    if (this.#isClosed) {
      if (typeof item === 'string') this.dropped++
      return false
    }
    return typeof item === 'string' ? this.#writeText(item) : this.#writeEvent(item)
  }

  #writeText(content: string): boolean {
    const bytes = textBytes(content)
    const event: JobEvent = { seq: this.#number(bytes), at: this.#stamp(), type: 'chunk', content }
    this.text.append(content)
    return this.#send(event, bytes)
  }

  #writeEvent(item: Exclude<OutputItem, string>): boolean {
    const bytes = textBytes(item.type === 'step' ? item.step : JSON.stringify(item.data))
    // Readers share the event; of a chunk, the log keeps only its text.
    const event: JobEvent = Object.freeze({ seq: this.#number(bytes), at: this.#stamp(), ...item })
    const isTaken = this.#send(event, bytes)
    if (isTaken && item.type === 'step') this.step = item.step
    return isTaken
  }

  /** A promise to wait for before writing on, when too much waits for the store. */
  get congestion(): Promise<void> | undefined {
    const isTooMuch = this.#waiting.length > HIGH_WATER_EVENTS || this.#waitingBytes > HIGH_WATER_BYTES
    return isTooMuch ? this.flush() : undefined
  }

  /** Waits until everything written is accepted or refused; nothing to wait for with a store that answers at once. */
  flush(): Promise<void> | undefined {
    this.sendHeld()
    if (!this.#isSending) return undefined
    this.#flushed ??= deferred<void>()
    return this.#flushed.promise
  }

  /** Sends what only waits for the end of the turn. */
  sendHeld(): void {
    if (!this.#isSending && this.#waiting.length > 0) this.#sendWaiting()
  }

  /** Sends nothing more; what was not accepted is dropped. */
  close(): void {
    this.#isClosed = true
    this.#countDropped(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    this.#endFlush()
  }

  /** The next `seq`. */
  #number(bytes: number): number {
    const { maxLogEvents, maxLogBytes } = this.#env.options
    if (this.#lastSeq >= maxLogEvents)
      throw new LogLimitError(this.#host.jobId, `${maxLogEvents} events (maxLogEvents)`)
    if (this.#bytes + bytes > maxLogBytes)
      throw new LogLimitError(this.#host.jobId, `${maxLogBytes} bytes (maxLogBytes)`)
    this.#bytes += bytes
    return ++this.#lastSeq
  }

  /** Epoch milliseconds, the same for all that wait for the end of a turn: a reading of the clock costs as much as a chunk. */
  #stamp(): number {
    if (!this.#burst.isOn || this.#waiting.length === 0) {
      this.#lastActivityAt = this.#env.limits.now()
      this.#stampedAt = this.#env.epoch.at(this.#lastActivityAt)
    }
    return this.#stampedAt
  }

  #send(event: JobEvent, bytes: number): boolean {
    if (this.#isSending || this.#burst.isOn) {
      this.#waiting.push(event)
      this.#waitingBytes += bytes
      if (this.#waiting.length >= BATCH_EVENTS || this.#waitingBytes >= BATCH_BYTES) this.sendHeld()
    } else {
      this.#burst.count()
      this.#sendBatch([event], bytes)
    }
    return !this.#isClosed
  }

  #sendBatch(batch: readonly JobEvent[], bytes: number): void {
    const { jobId, fencingToken } = this.#host
    let answer: Awaitable<AppendAnswer>
    try {
      answer = this.#env.store.append(jobId, fencingToken, batch, bytes)
    } catch (error) {
      answer = Promise.reject(error)
    }
    if (!isThenable(answer)) return this.#answered(answer, batch)
    this.#isSending = true
    answer.then(
      (late) => this.#sent(late, batch),
      () => {
        this.#isSending = false
        if (this.#isClosed) {
          this.#countDropped(batch)
          this.#endFlush()
        } else this.#sendBatch(batch, bytes) // the same numbers: a batch that arrived after all changes nothing
      },
    )
  }

  #sent(answer: AppendAnswer, sent: readonly JobEvent[]): void {
    this.#isSending = false
    this.#answered(answer, sent)
    this.sendHeld()
    if (!this.#isSending) this.#endFlush()
  }

  #sendWaiting(): void {
    const batch = this.#waiting
    const bytes = this.#waitingBytes
    this.#waiting = []
    this.#waitingBytes = 0
    this.#sendBatch(batch, bytes)
  }

  #answered(answer: AppendAnswer, batch: readonly JobEvent[]): void {
    if (answer.answer === 'accepted') return this.#countDelivered(batch)
    this.#countDropped(batch)
    if (this.#isClosed) return
    this.close()
    this.#host.onOutputRefused(answer)
  }

  #countDelivered(batch: readonly JobEvent[]): void {
    for (const event of batch) {
      if (event.type !== 'chunk') continue
      if (this.chunks++ === 0) this.firstChunkAt = this.#lastActivityAt
      this.#deliveredLength += event.content.length
    }
  }

  #countDropped(batch: readonly JobEvent[]): void {
    for (const event of batch) if (event.type === 'chunk') this.dropped++
  }

  #endFlush(): void {
    this.#flushed?.resolve()
    this.#flushed = undefined
  }
}
