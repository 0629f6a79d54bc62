import { EventSourceParserStream } from 'eventsource-parser/stream'
import { errorForStatus, ProviderError } from './provider-error.ts'

export interface SseRequest {
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: object
  readonly signal: AbortSignal
}

/**
 * Posts the body and gives the data of each server-sent event, as JSON. Leaving the loop closes the connection.
 * @throws {ProviderError} when there is no connection, no stream, or data that is no JSON.
 * @throws the signal's reason once it is aborted.
 */
export async function* postForEvents({ url, headers, body, signal }: SseRequest): AsyncGenerator<object, void, void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
    body: JSON.stringify(body),
    signal,
  }).catch((error: unknown) => {
    throw signal.aborted ? error : new ProviderError('provider.unavailable')
  })
  if (!response.ok || response.body === null) {
    await response.body?.cancel()
    throw errorForStatus(response.status)
  }
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
  try {
    for await (const { data } of events) {
      if (data === '[DONE]') return
      yield parseData(data)
    }
  } catch (error) {
    // What a broken connection throws depends on the runtime.
    throw signal.aborted || error instanceof ProviderError ? error : new ProviderError('provider.unavailable')
  }
}

function parseData(data: string): object {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    // The parser's own message would quote the answer.
  }
  if (typeof value !== 'object' || value === null) throw new ProviderError('provider.malformed')
  return value
}
