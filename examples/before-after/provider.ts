import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

const WORD_MS = 5

export interface Provider {
  readonly url: string
  /** Requests that the provider is working on, and bills. */
  readonly openCalls: () => number
  close(): Promise<void>
}

/** Stands in for the service of a model: `GET /?words=20&finish=stop` streams words as lines of JSON, then how it ended; `words=0` hangs. */
export async function startProvider(): Promise<Provider> {
  let open = 0
  const server = createServer(async (request, response) => {
    open += 1
    response.once('close', () => {
      open -= 1
    })
    const query = new URL(request.url ?? '/', 'http://provider').searchParams
    const words = Number(query.get('words'))
    if (words === 0) return // no byte, not even headers
    for (let word = 1; word <= words && !response.closed; word++) {
      response.write(`${JSON.stringify({ text: `word${word} ` })}\n`)
      await wait(WORD_MS)
    }
    response.end(`${JSON.stringify({ finish: query.get('finish') })}\n`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    openCalls: () => open,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
