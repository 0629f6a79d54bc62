import { CLIENTS, type ClientName, type Nodes, twoNodes } from './nodes.ts'
import { type RedisServer, startRedis } from './server.ts'

export interface OnRedis {
  readonly port: number
  readonly nodes: Readonly<Record<ClientName, Nodes>>
}

/** Answers with a fresh server and two nodes on each client; closes them afterwards. */
export async function onRedis<Answer>(ask: (redis: OnRedis) => Promise<Answer>): Promise<Answer> {
  const server: RedisServer = await startRedis()
  const { port } = server
  const nodes = {
    ioredis: await twoNodes('ioredis', port),
    'node-redis': await twoNodes('node-redis', port),
  }
  try {
    return await ask({ port, nodes })
  } finally {
    for (const client of CLIENTS) await nodes[client].close()
    await server.close()
  }
}
