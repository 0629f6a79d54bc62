import type { Clock } from '../protocol/clock.js'
import { isTerminalEvent, type JobEvent } from '../protocol/job-event.js'
import type { EventBatches } from './event-batches.js'
import type { JobFrames } from './frame-cache.js'
import type { SharedTurn } from './shared-turn.js'
import { sseFrame } from './sse-encoder.js'

/** Sent first: a browser that lost the connection asks again after this time, milliseconds. */
const RETRY_MS = 2_000
/** How long a full buffer may stay full. */
const STALL_MS = 5_000

const PREAMBLE = new TextEncoder().encode(sseFrame({ retry: RETRY_MS }))
const HEARTBEAT = new TextEncoder().encode(sseFrame({ comment: '' }))

export interface EventStreamOptions {
  readonly batches: EventBatches
  /** What was read before the answer began. */
  readonly first: readonly JobEvent[]
  readonly frames: JobFrames
  readonly clock: Clock
  readonly turn: SharedTurn
  readonly heartbeatMs: number
  readonly maxBufferBytes: number
  /** Called once, when the stream is over for whatever reason. */
  readonly onEnd: () => void
  /** Closes the connection of a viewer that is cut off. */
  readonly disconnect: (() => void) | undefined
}

/** The body of one viewer's response. What is ready together is one write, and a viewer that does not read is no burden to the job. */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>
  readonly #options: EventStreamOptions
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #first: readonly JobEvent[] | undefined
  #isOver = false
  #lastWriteAt: number
  #clearHeartbeat: () => void = () => {}
  #clearStall: (() => void) | undefined

  constructor(options: EventStreamOptions) {
    this.#options = options
    this.#first = options.first.length > 0 ? options.first : undefined
    this.#lastWriteAt = options.clock.monotonic()
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
          controller.enqueue(PREAMBLE)
          this.#beat(options.heartbeatMs)
        },
        pull: () => this.#fill(),
        cancel: () => this.#end(),
      },
      { highWaterMark: options.maxBufferBytes, size: (bytes) => bytes.byteLength },
    )
  }

  /** The viewer has gone: nothing is read for it any more. */
  close(): void {
    if (this.#isOver) return
    this.#end()
    this.#controller?.close()
  }

  /** Called while there is room. The next call comes after this promise, so what comes within one turn of the loop is one write. */
  async #fill(): Promise<void> {
    const { batches, frames, turn } = this.#options
    this.#clearStall?.()
    this.#clearStall = undefined
    const events = this.#first ?? (await this.#read(batches))
    this.#first = undefined
    if (this.#isOver) return
    const last = events[events.length - 1]
    if (last) this.#write(frames.encode(events))
    if (!last || isTerminalEvent(last)) return this.close()
    await turn.next()
  }

  /** A stream that breaks off ends without a terminal event; the client asks again by its cursor. */
  async #read(batches: EventBatches): Promise<readonly JobEvent[]> {
    try {
      return await batches.next()
    } catch {
      return []
    }
  }

  #write(bytes: Uint8Array): void {
    const { clock } = this.#options
    this.#lastWriteAt = clock.monotonic()
    this.#controller?.enqueue(bytes)
    if (this.#isFull) this.#clearStall ??= clock.setTimer(STALL_MS, () => this.#cutOff(), { unref: true })
  }

  get #isFull(): boolean {
    return (this.#controller?.desiredSize ?? 0) <= 0
  }

  /** Sends a comment after each span of silence; one timer, whatever is written meanwhile. */
  #beat(delayMs: number): void {
    const { clock, heartbeatMs } = this.#options
    this.#clearHeartbeat = clock.setTimer(
      delayMs,
      () => {
        const silentMs = clock.monotonic() - this.#lastWriteAt
        if (silentMs < heartbeatMs) return this.#beat(heartbeatMs - silentMs)
        if (!this.#isFull) this.#write(HEARTBEAT)
        this.#beat(heartbeatMs)
      },
      { unref: true },
    )
  }

  #cutOff(): void {
    this.#end()
    this.#controller?.error(new Error('The viewer reads too slowly; it may resume by its cursor.'))
    this.#options.disconnect?.()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#clearHeartbeat()
    this.#clearStall?.()
    this.#options.batches.close()
    this.#options.onEnd()
  }
}
