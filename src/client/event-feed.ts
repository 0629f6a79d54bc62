import type { EventSourceMessage } from 'eventsource-parser'
import { type Answer, jobPath } from './answer.js'
import type { ClientContext, StreamEvent } from './client-options.js'
import { openConnection } from './event-connection.js'
import { backoff } from './retry.js'
import { readFrame } from './wire-event.js'

/** Attempts in a row that brought nothing new; together they take about a minute and a half. */
const MAX_FRUITLESS_ATTEMPTS = 8
/** A server may ask for another first delay, up to here. */
const LONGEST_FIRST_DELAY_MS = 30_000

export interface FeedListener {
  /** Whether a connection that has ended is to be replaced. */
  wantsMore(): boolean
  /** A connection is open. */
  onOpen(): void
  /** The next event, or only its number when it could not be read. */
  onEvent(seq: number, event?: StreamEvent): void
  /** What came in one piece has been told. */
  onBatch(): void
  /**
   * There will be no more events: the job has ended (204) or its log is gone (410), the server will not let this client read,
   * or, without an answer, too many attempts in a row brought nothing.
   */
  onEnd(answer?: Answer): void
}

/** A job's events in order, each once, over as many connections as it takes. */
export interface EventFeed {
  /** Opens a connection unless there is one. */
  open(): void
  /** Connects again after a growing delay: the attempt before brought nothing. */
  retry(): void
  close(): void
}

/** A lost, silent or gapped connection is opened again at the cursor. */
export function createEventFeed(
  context: ClientContext,
  jobId: string,
  after: number,
  listener: FeedListener,
): EventFeed {
  const { clock, warn } = context
  let cursor = after
  let fruitless = 0
  let firstDelayMs: number | undefined
  let isConnected = false
  let isClosed = false
  /** Closes the connection, or clears the wait for the next one. */
  let stop = (): void => {}

  function open(): void {
    if (isConnected || isClosed) return
    stop()
    isConnected = true
    stop = openConnection(context, `${jobPath(jobId)}/stream${cursor > 0 ? `?after=${cursor}` : ''}`, {
      ...listener,
      onFrame,
      onEnd,
      onHeartbeat() {
        fruitless = 0
      },
      onRetry(ms) {
        firstDelayMs = Math.min(ms, LONGEST_FIRST_DELAY_MS)
      },
    })
  }

  function reopen(): void {
    if (listener.wantsMore()) open()
  }

  function retry(): void {
    isConnected = false
    if (isClosed || !listener.wantsMore()) return
    if (++fruitless > MAX_FRUITLESS_ATTEMPTS) listener.onEnd()
    else stop = clock.setTimer(backoff(fruitless, firstDelayMs), reopen)
  }

  function onFrame(frame: EventSourceMessage): void {
    const { seq, event } = readFrame(frame)
    if (seq > cursor + 1) {
      warn('stream.gap', { after: cursor, seq })
      stop()
      listener.onBatch()
      return retry()
    }
    if (!event) warn('event.skipped', frame)
    if (seq !== cursor + 1) return
    cursor = seq
    fruitless = 0
    listener.onEvent(seq, event)
  }

  function onEnd(answer?: Answer): void {
    isConnected = false
    const status = answer?.status ?? 503
    if (status >= 500 || status === 429 || status === 408) retry()
    else listener.onEnd(answer)
  }

  return {
    open,
    retry,
    close() {
      isClosed = true
      stop()
    },
  }
}
