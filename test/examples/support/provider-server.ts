import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface ReceivedRequest {
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: Record<string, unknown>
  /** Resolves when the connection of this request is closed. */
  readonly closed: Promise<void>
}

/** A model provider on this machine; the test says what it answers. */
export async function startProvider(answer: (response: ServerResponse) => void) {
  const requests: ReceivedRequest[] = []
  const server = createServer(async (request, response) => {
    const closed = new Promise<void>((resolve) => response.on('close', resolve))
    let text = ''
    for await (const piece of request) text += piece
    requests.push({ url: request.url, headers: request.headers, body: JSON.parse(text), closed })
    answer(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

/** Answers with these events, each as one `data:` line, and ends. */
export function answerEvents(...events: readonly (object | string)[]) {
  return (response: ServerResponse) => {
    writeEvents(response, ...events)
    response.end()
  }
}

/** Writes the head and the events, and leaves the stream open. */
export function writeEvents(response: ServerResponse, ...events: readonly (object | string)[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) {
    response.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
  }
}
