// One of the servers, a process of its own. It knows of no other server: what they share is Redis.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { env } from 'node:process'
import { GenerationJobManager } from 'generation-jobs'
import { createGenerationHandler } from 'generation-jobs/http'
import { toNodeHandler } from 'generation-jobs/node'
import { createRedisJobStore } from 'generation-jobs/redis'
import { createClient } from 'redis'
import { z } from 'zod'
import type { ServerMessage } from './server-process.ts'
import { tellStory } from './story.ts'

const { NAME = 'server', REDIS_URL = 'redis://127.0.0.1:6379', KEY_PREFIX, LEASE_MS = 6_000 } = env
const tell = (message: ServerMessage) => process.connected && process.send?.(message)
const say = (_fields: object, message: string) => tell({ says: message })

const client = await createClient({ url: REDIS_URL })
  .on('error', () => {}) // it reconnects by itself
  .connect()
const leaseMs = Number(LEASE_MS)
const manager = new GenerationJobManager({
  store: createRedisJobStore({ client, prefix: KEY_PREFIX, leaseMs, heartbeatMs: leaseMs / 4 }),
  locale: 'en',
  logger: { debug: () => {}, info: say, warn: say, error: say },
})

const handler = createGenerationHandler({
  manager,
  basePath: '/stories',
  locale: 'en',
  params: z.object({ about: z.string().min(1) }),
  authorize(request) {
    const owner = request.headers.get('x-user') // your session goes here
    return owner === null ? null : { owner }
  },
  start:
    ({ about }) =>
    async (run) => {
      run.step(`Writing on ${NAME}`)
      const { text } = await run.stream(tellStory(about, run.signal))
      return text
    },
})

const server = createServer(toNodeHandler(handler)).listen(0, '127.0.0.1', () => {
  tell({ port: (server.address() as AddressInfo).port })
})

// Told to go, or left alone because the program that started it has died.
process.once('SIGTERM', close)
process.once('disconnect', close)
// Ctrl-C goes to the whole group; the program that started this process ends it in order.
process.on('SIGINT', () => {})

async function close(): Promise<void> {
  await manager.close()
  server.close()
  server.closeAllConnections()
  client.destroy()
  if (process.connected) process.disconnect()
}
