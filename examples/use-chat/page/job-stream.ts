import type { UIMessageChunk } from 'ai'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { pause } from './pause.ts'

/** Tries in a row that bring nothing new. */
const MAX_TRIES = 6
const FIRST_PAUSE_MS = 250
const TERMINAL = new Set<string>(['finish', 'abort', 'error'])

/**
 * A job from its first event to its end. A connection that breaks is opened again after the last event that was read, so the
 * reader sees no seam; cancelling the stream closes the connection and tells the server nothing.
 */
export function jobStream(url: string, onEnd: () => void): ReadableStream<UIMessageChunk> {
  const closing = new AbortController()
  let chunks: AsyncGenerator<UIMessageChunk, void, void> | undefined
  const source: UnderlyingDefaultSource<UIMessageChunk> = {
    async pull(controller) {
      chunks ??= readJob(url, closing.signal)
      const next = await chunks.next()
      if (next.done) return controller.close()
      if (TERMINAL.has(next.value.type)) onEnd()
      controller.enqueue(next.value)
    },
    cancel: () => closing.abort(),
  }
  return new ReadableStream(source, { highWaterMark: 0 }) // asks for nothing before somebody reads
}

async function* readJob(url: string, signal: AbortSignal): AsyncGenerator<UIMessageChunk, void, void> {
  let after = 0
  for (let tries = 1; !signal.aborted; tries += 1) {
    try {
      const response = await fetch(`${url}?after=${after}`, { signal })
      if (response.status < 500 && !response.ok) throw new NoSuchJob('La génération est introuvable')
      let chunks: UIMessageChunk[] = [] // of an event whose id has not come yet
      for await (const { id, data } of frames(response)) {
        if (data === '[DONE]') return
        chunks.push(JSON.parse(data))
        if (id === undefined) continue
        yield* chunks
        chunks = []
        after = Number(id)
        tries = 0
      }
    } catch (error) {
      if (error instanceof NoSuchJob || tries >= MAX_TRIES) throw error
    }
    if (tries >= MAX_TRIES) throw new TypeError('network: the connection was lost')
    await pause(FIRST_PAUSE_MS * 2 ** tries, signal)
  }
}

class NoSuchJob extends Error {}

async function* frames(response: Response) {
  if (!response.ok || !response.body) return
  const parsed = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
  const reader = parsed.getReader() // Safari's streams are not iterable
  try {
    for (;;) {
      const next = await reader.read()
      if (next.done) return
      yield next.value
    }
  } finally {
    await reader.cancel().catch(() => undefined) // an event that cannot be read leaves no connection behind
  }
}
