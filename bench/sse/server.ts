import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Listener = (req: IncomingMessage, res: ServerResponse) => unknown

export interface Server {
  readonly origin: string
  close(): void
}

/** One listener per path, so that all contenders stand in one process. */
export async function serve(routes: Readonly<Record<string, Listener>>): Promise<Server> {
  const server = createServer((req, res) => void routes[(req.url ?? '').slice(1)]?.(req, res))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  return { origin: `http://127.0.0.1:${port}`, close }
}

export const SSE_HEADERS = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' } as const

/** The frame that all who write by hand send: an id to resume by, and the chunk as JSON. */
export function frame(id: number, content: string): string {
  return `id: ${id}\ndata: ${JSON.stringify({ type: 'chunk', content })}\n\n`
}
