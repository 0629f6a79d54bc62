// A load balancer in the small: each request goes to the next server, whatever it is about. No session sticks to a server.
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { Say } from './narrator.ts'

export interface Upstream {
  readonly name: string
  readonly port: number
}

export function createProxy(upstreams: readonly Upstream[], say: Say): Server {
  let turn = 0

  async function forward(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(incoming)
    for (let tries = 0; tries < upstreams.length; tries += 1) {
      const upstream = upstreams[turn++ % upstreams.length] as Upstream
      say('proxy', `${incoming.method} ${incoming.url} → ${upstream.name}`)
      const answer = await ask(upstream, incoming, body)
      if (answer) {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        return await pipeline(answer, response)
      }
      // Asking the next one is safe: a create carries an Idempotency-Key, and a second cancel joins the first.
      say('proxy', `${upstream.name} is dead: the next one`)
    }
    response.writeHead(503).end()
  }

  return createServer((incoming, response) => {
    // A stream that breaks on one side is closed on the other; the client comes back with its cursor.
    forward(incoming, response).catch(() => response.destroy())
  })
}

async function ask({ port }: Upstream, { method, url, headers }: IncomingMessage, body: Buffer) {
  const outgoing = request({ host: '127.0.0.1', port, method, path: url, headers, agent: false })
  const [answer] = await once(outgoing.end(body), 'response').catch(() => [])
  return answer as IncomingMessage | undefined
}
