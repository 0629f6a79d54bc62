import { Redis } from 'ioredis'
import { createSentinel } from 'redis'
import { onTestFinished } from 'vitest'
import type { ClientName, OpenClient } from './clients.js'
import { type RedisServer, type ServerProgram, startRedis } from './redis-server.js'
import { adminOf, type Replicated, startReplicated } from './replicated.js'
import { until } from './until.js'

const host = '127.0.0.1'
const NAME = 'generation'

export interface Watched extends Replicated {
  readonly sentinel: RedisServer
  /** Where Sentinel says the primary is. */
  primaryPort(): Promise<number>
}

/** A primary and its replica, watched by a Sentinel that replaces one that is silent for half a second. */
export async function startWatched(program: ServerProgram): Promise<Watched> {
  const replicated = await startReplicated({ program })
  const sentinel = await startRedis({
    program,
    args: ['--sentinel'],
    config: [
      `sentinel monitor ${NAME} ${host} ${replicated.primary.port} 1`,
      `sentinel down-after-milliseconds ${NAME} 500`,
      `sentinel failover-timeout ${NAME} 3000`,
    ],
  })
  onTestFinished(() => sentinel.stop())
  const admin = adminOf(sentinel.port)
  await until('the replica, known to Sentinel', async () => {
    const replicas = (await admin.call('SENTINEL', 'REPLICAS', NAME)) as string[][]
    return replicas[0]?.includes('slave')
  })
  return {
    ...replicated,
    sentinel,
    primaryPort: async () => Number(((await admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as string[])[1]),
  }
}

const ignore = () => {}

/** Clients that ask Sentinel where the primary is, as an application makes them. */
export const SENTINEL_CLIENTS: Readonly<Record<ClientName, (port: number) => Promise<OpenClient>>> = {
  'node-redis': async (port) => {
    const client = createSentinel({ name: NAME, sentinelRootNodes: [{ host, port }] })
    client.on('error', ignore)
    await client.connect()
    return { client, close: () => void client.destroy() }
  },
  ioredis: async (port) => {
    const client = new Redis({ sentinels: [{ host, port }], name: NAME })
    client.on('error', ignore)
    return { client, close: () => client.disconnect() }
  },
}
