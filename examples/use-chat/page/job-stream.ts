import type { UIMessageChunk } from 'ai'
import { connectToEvents, Refused } from './event-connection.ts'
import { pause } from './pause.ts'

/** Tries in a row that bring nothing new. */
const MAX_TRIES = 6
const FIRST_PAUSE_MS = 250
const TERMINAL = new Set<string>(['finish', 'abort', 'error'])

export interface JobStreamOptions {
  /** The job's last event was read. */
  readonly onEnd: () => void
  /** @defaultValue that of `connectToEvents` */
  readonly silenceLimitMs?: number | undefined
}

/**
 * A job from its first event to its end. A connection that breaks or falls silent is opened again after the last event that was
 * read, so the reader sees no seam; cancelling the stream closes the connection and tells the server nothing.
 */
export function jobStream(url: string, { onEnd, silenceLimitMs }: JobStreamOptions): ReadableStream<UIMessageChunk> {
  const closing = new AbortController()
  const chunks = readJob(url, closing.signal, silenceLimitMs)
  const source: UnderlyingDefaultSource<UIMessageChunk> = {
    async pull(controller) {
      const next = await chunks.next()
      if (next.done) return controller.close()
      if (TERMINAL.has(next.value.type)) onEnd()
      controller.enqueue(next.value)
    },
    cancel: () => closing.abort(),
  }
  return new ReadableStream(source, { highWaterMark: 0 }) // asks for nothing before somebody reads
}

async function* readJob(
  url: string,
  signal: AbortSignal,
  silenceLimitMs: number | undefined,
): AsyncGenerator<UIMessageChunk, void, void> {
  let after = 0
  let cause: unknown
  for (let tries = 1; !signal.aborted; tries += 1) {
    try {
      let chunks: UIMessageChunk[] = [] // of an event whose id has not come yet
      for await (const { id, data } of connectToEvents(`${url}?after=${after}`, signal, silenceLimitMs)) {
        if (data === '[DONE]') return
        chunks.push(JSON.parse(data))
        if (id === undefined) continue
        yield* chunks
        chunks = []
        after = Number(id)
        tries = 0
      }
    } catch (error) {
      if (error instanceof Refused) throw error
      cause = error
    }
    if (tries >= MAX_TRIES) throw new TypeError('network: the connection was lost', { cause })
    await pause(FIRST_PAUSE_MS * 2 ** tries, signal)
  }
}
