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
  const [a, b] = [await nodeOn(client, port), await nodeOn(client, port)]
  return {
    owner: a.manager,
    other: b.manager,
    close: async () => void (await Promise.all([a.close(), b.close()])),
  }
}

export interface Node {
  readonly manager: GenerationJobManager
  close(): Promise<void>
}

/** One server with a connection of its own. */
export async function nodeOn(client: ClientName, port: number): Promise<Node> {
  const connection = await connect(client, port)
  const manager = newManager({ store: createRedisJobStore({ client: connection.client, prefix: client }) })
  return {
    manager,
    async close() {
      await manager.close()
      connection.close()
    },
  }
}

async function connect(name: ClientName, port: number) {
  if (name === 'ioredis') {
    const client = new Redis({ port })
    return { client, close: () => client.disconnect() }
  }
  const client = await connectNodeRedis(port)
  return { client, close: () => client.destroy() }
}

async function connectNodeRedis(port: number) {
  const client = createClient({ socket: { host: '127.0.0.1', port } })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** A connection with nothing of ours. */
export interface BareConnection {
  publish(channel: string, message: string): Promise<unknown>
  subscribe(channel: string, onMessage: () => void): Promise<unknown>
  close(): void
}

export async function bareConnection(name: ClientName, port: number): Promise<BareConnection> {
  if (name === 'node-redis') {
    const client = await connectNodeRedis(port)
    return {
      publish: (channel, message) => client.publish(channel, message),
      subscribe: (channel, onMessage) => client.subscribe(channel, onMessage),
      close: () => client.destroy(),
    }
  }
  const client = new Redis({ port })
  return {
    publish: (channel, message) => client.publish(channel, message),
    subscribe(channel, onMessage) {
      client.on('message', onMessage)
      return client.subscribe(channel)
    },
    close: () => client.disconnect(),
  }
}
