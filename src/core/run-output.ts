import type { ContentEvent, JobEvent } from '../protocol/job-event.js'
import type { Usage } from '../protocol/job-snapshot.js'
import { type Deferred, deferred, isThenable } from './awaitable.js'
import { LogLimitError } from './errors.js'
import type { AppendAnswer } from './job-store.js'
import { eventBytes } from './producer.js'
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

  /** Writes the next event; answers whether it is in the log or on its way. @throws {LogLimitError} when the log is full */
  write(event: ContentEvent): boolean {
    const isTaken = !this.#isClosed && this.#append(event)
    if (!isTaken) {
      this.noteRefused(event)
    } else if (event.type === 'chunk') {
      this.chunks++
      this.#text.append(event.content)
    } else if (event.type === 'step') {
      this.step = event.step
    }
    return isTaken
  }

  noteRefused(event: ContentEvent): void {
    if (event.type === 'chunk') this.dropped++
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
    this.#waiting = []
    this.#waitingBytes = 0
    this.#endFlush()
  }

  #append(event: ContentEvent): boolean {
    const { epoch, limits, options } = this.#env
    const { maxLogEvents, maxLogBytes } = options
    const bytes = eventBytes(event)
    if (this.#lastSeq >= maxLogEvents)
      throw new LogLimitError(this.#owned.jobId, `${maxLogEvents} events (maxLogEvents)`)
    if (this.#bytes + bytes > maxLogBytes)
      throw new LogLimitError(this.#owned.jobId, `${maxLogBytes} bytes (maxLogBytes)`)
    this.#bytes += bytes
    this.#lastActivityAt = limits.now()
    const seq = ++this.#lastSeq
    const at = epoch.at(this.#lastActivityAt)
    const numbered: JobEvent = Object.freeze(
      event.type === 'chunk' ? { seq, at, type: event.type, content: event.content } : { seq, at, ...event },
    )
    if (this.#isSending) {
      this.#waiting.push(numbered)
      this.#waitingBytes += bytes
    } else {
      this.#send([numbered], bytes)
    }
    return !this.#isClosed
  }

  #send(batch: readonly JobEvent[], bytes: number): void {
    const { jobId, fencingToken } = this.#owned
    const again = (): void => {
      this.#isSending = false
      if (this.#isClosed) this.#endFlush()
      else this.#send(batch, bytes) // the same numbers: a batch that arrived after all changes nothing
    }
    try {
      const answer = this.#env.store.append(jobId, fencingToken, batch, bytes)
      if (!isThenable(answer)) return this.#answered(answer)
      this.#isSending = true
      answer.then((late) => this.#sent(late), again)
    } catch {
      this.#isSending = true
      void Promise.resolve().then(again)
    }
  }

  #sent(answer: AppendAnswer): void {
    this.#isSending = false
    this.#answered(answer)
    if (this.#waiting.length === 0) return this.#endFlush()
    const batch = this.#waiting
    const bytes = this.#waitingBytes
    this.#waiting = []
    this.#waitingBytes = 0
    this.#send(batch, bytes)
  }

  #answered(answer: AppendAnswer): void {
    if (answer.answer === 'accepted' || this.#isClosed) return
    this.close()
    this.#onRefused(answer)
  }

  #endFlush(): void {
    this.#flushed?.resolve()
    this.#flushed = undefined
  }
}
