import type { ContentEvent, JobEvent } from '../protocol/job-event.js'
import type { Usage } from '../protocol/job-snapshot.js'
import { type Awaitable, type Deferred, deferred, isThenable } from './awaitable.js'
import { LogLimitError } from './errors.js'
import type { AppendAnswer } from './job-store.js'
import { textBytes } from './json-copy.js'
import type { RunEnvironment } from './run-environment.js'
import { TextBuffer } from './text-buffer.js'

/** Above these, `run.stream` waits for the store before it pulls on. */
const HIGH_WATER_EVENTS = 1_000
const HIGH_WATER_BYTES = 1024 * 1024

type Owned = { readonly jobId: string; readonly fencingToken: number }
type OnRefused = (answer: Exclude<AppendAnswer, { answer: 'accepted' }>) => void

/**
 * What a producer has put out. Numbers its events and sends them to the log in order, one batch at a time; keeps what the store
 * has not accepted yet, bounded; and sends a batch again after a failure. With a store that answers at once nothing is kept.
 */
export class RunOutput {
  readonly #env: RunEnvironment
  readonly #owned: Owned
  readonly #onRefused: OnRefused
  readonly #text = new TextBuffer()
  chunks = 0
  /** By the monotonic clock. */
  firstChunkAt: number | undefined
  dropped = 0
  step: string | undefined
  usage: Usage | undefined

  #lastSeq = 0
  #lastActivityAt: number
  #bytes = 0
  #waiting: JobEvent[] = []
  #waitingBytes = 0
  #isSending = false
  #flushed: Deferred<void> | undefined
  #isClosed = false

  /** `onRefused`: the store takes no more events of this owner. Called once, and not after `close()`. */
  constructor(env: RunEnvironment, owned: Owned, onRefused: OnRefused) {
    this.#env = env
    this.#owned = owned
    this.#onRefused = onRefused
    this.#lastActivityAt = env.limits.now()
  }

  get lastSeq(): number {
    return this.#lastSeq
  }

  /** When the newest event was written, or this was made; by the monotonic clock. */
  get lastActivityAt(): number {
    return this.#lastActivityAt
  }

  /** All text of the chunks that were taken. */
  readonly text = (): string => this.#text.toString()

  /** Writes a chunk; answers whether it is in the log or on its way. @throws {LogLimitError} when the log is full */
  writeText(content: string): boolean {
    if (this.#isClosed) {
      this.dropped++
      return false
    }
    const bytes = textBytes(content)
    return this.#send({ seq: this.#number(bytes), at: this.#stamp(), type: 'chunk', content }, bytes)
  }

  /** Writes an event that is no chunk, likewise. */
  write(event: Exclude<ContentEvent, { type: 'chunk' }>): boolean {
    if (this.#isClosed) return false
    const bytes = textBytes(event.type === 'step' ? event.step : JSON.stringify(event.data))
    const isTaken = this.#send({ seq: this.#number(bytes), at: this.#stamp(), ...event }, bytes)
    if (isTaken && event.type === 'step') this.step = event.step
    return isTaken
  }

  /** A promise to wait for before writing on, when too much waits for the store. */
  get congestion(): Promise<void> | undefined {
    const isTooMuch = this.#waiting.length > HIGH_WATER_EVENTS || this.#waitingBytes > HIGH_WATER_BYTES
    return isTooMuch ? this.flush() : undefined
  }

  /** Waits until everything written is accepted or refused; nothing to wait for with a store that answers at once. */
  flush(): Promise<void> | undefined {
    if (!this.#isSending) return undefined
    this.#flushed ??= deferred<void>()
    return this.#flushed.promise
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
      throw new LogLimitError(this.#owned.jobId, `${maxLogEvents} events (maxLogEvents)`)
    if (this.#bytes + bytes > maxLogBytes)
      throw new LogLimitError(this.#owned.jobId, `${maxLogBytes} bytes (maxLogBytes)`)
    this.#bytes += bytes
    return ++this.#lastSeq
  }

  #stamp(): number {
    this.#lastActivityAt = this.#env.limits.now()
    return this.#env.epoch.at(this.#lastActivityAt)
  }

  #send(event: JobEvent, bytes: number): boolean {
    if (event.type !== 'chunk') Object.freeze(event) // readers share it; of a chunk, the log keeps only its text
    if (this.#isSending) {
      this.#waiting.push(event)
      this.#waitingBytes += bytes
    } else {
      this.#sendBatch([event], bytes)
    }
    return !this.#isClosed
  }

  #sendBatch(batch: readonly JobEvent[], bytes: number): void {
    const { jobId, fencingToken } = this.#owned
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
    if (this.#waiting.length === 0) return this.#endFlush()
    const batch = this.#waiting
    const bytes = this.#waitingBytes
    this.#waiting = []
    this.#waitingBytes = 0
    this.#sendBatch(batch, bytes)
    if (!this.#isSending) this.#endFlush()
  }

  #answered(answer: AppendAnswer, batch: readonly JobEvent[]): void {
    if (answer.answer === 'accepted') return this.#countDelivered(batch)
    this.#countDropped(batch)
    if (this.#isClosed) return
    this.close()
    this.#onRefused(answer)
  }

  #countDelivered(batch: readonly JobEvent[]): void {
    for (const event of batch) {
      if (event.type !== 'chunk') continue
      if (this.chunks++ === 0) this.firstChunkAt = this.#lastActivityAt
      this.#text.append(event.content)
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
