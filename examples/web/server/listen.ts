import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { GenerationHandler } from 'generation-jobs/http'
import { toNodeHandler } from 'generation-jobs/node'

export interface WebServer {
  readonly url: string
  /** Open responses may end for a moment, then every connection is closed. */
  close(): Promise<void>
}

/** The last bytes of an event stream are on their way for no longer than this, ms. */
const LAST_BYTES_MS = 1_000

/** Serves the app on this machine only. Port 0 is any free one. */
export async function listen(app: GenerationHandler, port: number): Promise<WebServer> {
  const server = createServer(toNodeHandler(app))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw new Error(`Port ${port} is in use. Choose another one: PORT=8080 npm run web`)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      setTimeout(() => server.closeAllConnections(), LAST_BYTES_MS).unref()
      await closed
    },
  }
}
