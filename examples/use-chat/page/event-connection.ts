import { createParser, type EventSourceMessage } from 'eventsource-parser'

/** More than two heartbeats of the server: a connection on which nothing comes for so long is dead, ms. */
const SILENCE_LIMIT_MS = 35_000

/** Most characters of one unfinished event; no word of a model comes near it. */
const MAX_FRAME_LENGTH = 1024 * 1024

/** The server will not answer better next time. */
export class Refused extends Error {}

/**
 * One connection to an event stream, from its request to its end. It is closed when `signal` aborts, when nobody reads on, and when
 * no byte comes for too long; the last of these is an error, and so is any answer but a stream.
 *
 * @throws {Refused}
 */
export async function* connectToEvents(
  url: string,
  signal: AbortSignal,
  silenceLimitMs = SILENCE_LIMIT_MS,
): AsyncGenerator<EventSourceMessage, void, void> {
  const connection = new AbortController()
  const close = () => connection.abort()
  async function unlessSilent<T>(answer: Promise<T>): Promise<T> {
    const limit = setTimeout(close, silenceLimitMs)
    return answer.finally(() => clearTimeout(limit))
  }
  const events: EventSourceMessage[] = []
  const parser = createParser({ maxBufferSize: MAX_FRAME_LENGTH, onEvent: (event) => events.push(event) })
  const decoder = new TextDecoder()
  if (signal.aborted) return
  signal.addEventListener('abort', close)
  try {
    const { ok, status, body } = await unlessSilent(fetch(url, { signal: connection.signal }))
    if (!ok || !body) throw failureOf(status)
    const reader = body.getReader() // Safari's streams are not iterable
    for (;;) {
      const { done, value } = await unlessSilent(reader.read())
      if (done) return
      parser.feed(decoder.decode(value, { stream: true }))
      yield* events.splice(0)
    }
  } finally {
    signal.removeEventListener('abort', close)
    close()
  }
}

function failureOf(status: number): Error {
  if (status === 401 || status === 403) return new Refused('Vous n’êtes plus identifié : rechargez la page')
  if (status === 404) return new Refused('La génération est introuvable')
  const isBusy = status >= 500 || status === 429 || status === 408
  return isBusy ? new Error(`HTTP ${status}`) : new Refused(`Le serveur a répondu ${status}`)
}
