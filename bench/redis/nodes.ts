import type { GenerationJobManager } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { newManager } from '../contender/ours.ts'

export const CLIENTS = ['ioredis', 'node-redis'] as const
export type ClientName = (typeof CLIENTS)[number]

export interface Nodes {
  readonly owner: GenerationJobManager
  readonly other: GenerationJobManager
  close(): Promise<void>
}

/** Two servers that share the Redis, each with a connection of its own. */
export async function twoNodes(client: ClientName, port: number): Promise<Nodes> {
  const [a, b] = [await connect(client, port), await connect(client, port)]
  const managerOn = ({ client: connection }: Connection) =>
    newManager({ store: createRedisJobStore({ client: connection, prefix: client }) })
  const [owner, other] = [managerOn(a), managerOn(b)]
  return {
    owner,
    other,
    async close() {
      await Promise.all([owner.close(), other.close()])
      a.close()
      b.close()
    },
  }
}

type Connection = Awaited<ReturnType<typeof connect>>

async function connect(name: ClientName, port: number) {
  if (name === 'ioredis') {
    const client = new Redis({ port })
    return { client, close: () => client.disconnect() }
  }
  const client = createClient({ socket: { host: '127.0.0.1', port } })
  client.on('error', () => undefined)
  await client.connect()
  return { client, close: () => client.destroy() }
}
