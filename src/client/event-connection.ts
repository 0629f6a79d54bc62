import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { type Answer, readAnswer } from './answer.js'
import type { ClientContext } from './client-options.js'

/** Most characters of one unfinished frame; a result of 1 MiB (the server's default limit) fits many times. */
const MAX_FRAME_LENGTH = 16 * 1024 * 1024

/** A comment counts as a sign of life from here on: the one that a server sends at once proves nothing, ms. */
const HEARTBEAT_AFTER_MS = 5_000

export interface ConnectionListener {
  onOpen(): void
  onFrame(frame: EventSourceMessage): void
  /** All frames that came in one piece were given to `onFrame`. */
  onBatch(): void
  /** The connection has lived long enough to have a heartbeat. */
  onHeartbeat(): void
  /** The server's wish for the delay of the next attempt, ms. */
  onRetry(ms: number): void
  /**
   * The last call, unless `close()` came before: the server answered something else than a stream (204: there is nothing
   * after the cursor and never will be), or, without an answer, the connection is lost.
   */
  onEnd(answer?: Answer): void
}

/**
 * Opens one event stream and returns the function that closes it. After that, and after `onEnd`, the listener hears nothing
 * more, whatever still arrives. A connection that is silent for `silenceTimeoutMs` (half-open, or never answered) ends as lost.
 */
export function openConnection(context: ClientContext, path: string, listener: ConnectionListener): () => void {
  const { clock, silenceTimeoutMs, send, warn } = context
  const abort = new AbortController()
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  let isClosed = false
  let heardAt = clock.monotonic()
  let clearWatchdog = clock.setTimer(silenceTimeoutMs, watch)

  function close(): void {
    if (isClosed) return
    isClosed = true
    clearWatchdog()
    abort.abort()
    reader?.cancel().catch(() => {})
  }

  function end(answer?: Answer): void {
    close()
    listener.onEnd(answer)
  }

  function lose(code: 'stream.lost' | 'stream.silent', detail?: unknown): void {
    if (isClosed) return
    warn(code, detail)
    end()
  }

  /** One timer per silence, not one per piece. */
  function watch(): void {
    const left = heardAt + silenceTimeoutMs - clock.monotonic()
    if (left <= 0) lose('stream.silent')
    else clearWatchdog = clock.setTimer(left, watch)
  }

  async function read(): Promise<void> {
    const response = await send(path, { headers: { accept: 'text/event-stream' }, signal: abort.signal })
    const { body, headers } = response
    if (isClosed) return body?.cancel()
    if (body && headers.get('content-type')?.startsWith('text/event-stream')) return readBody(body)
    const answer = await readAnswer(response)
    if (!isClosed) end(answer)
  }

  async function readBody(body: ReadableStream<Uint8Array>): Promise<void> {
    const openedAt = clock.monotonic()
    const decoder = new TextDecoder()
    const parser = createParser({
      maxBufferSize: MAX_FRAME_LENGTH,
      onEvent: (frame) => isClosed || listener.onFrame(frame),
      onRetry: listener.onRetry,
      onComment: () => clock.monotonic() - openedAt >= HEARTBEAT_AFTER_MS && listener.onHeartbeat(),
    })
    reader = body.getReader()
    listener.onOpen()
    while (!isClosed) {
      const { done, value } = await reader.read()
      if (done) return lose('stream.lost')
      heardAt = clock.monotonic()
      parser.feed(decoder.decode(value, { stream: true })) // throws once a frame is too long
      if (!isClosed) listener.onBatch()
    }
  }

  read().catch((error: unknown) => lose('stream.lost', error))
  return close
}
