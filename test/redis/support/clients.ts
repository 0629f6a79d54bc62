import type { RedisClient } from 'generation-jobs/redis'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { programsOf, type ServerProgram } from './redis-server.js'

export interface OpenClient {
  readonly client: RedisClient
  close(): void
}

const host = '127.0.0.1'
const ignore = () => {}

/** The clients of both packages, as an application makes them. */
export const CLIENTS = {
  'node-redis': async (port: number): Promise<OpenClient> => {
    const client = createClient({ socket: { port, host } })
    client.on('error', ignore)
    await client.connect()
    return { client, close: () => client.destroy() }
  },
  ioredis: async (port: number): Promise<OpenClient> => {
    const client = new Redis(port, host)
    client.on('error', ignore)
    return { client, close: () => client.disconnect() }
  },
} as const satisfies Record<string, (port: number) => Promise<OpenClient>>

export type ClientName = keyof typeof CLIENTS
export const CLIENT_NAMES = Object.keys(CLIENTS) as ClientName[]

/** Each program through each client. */
export function placesOf(installed: readonly ServerProgram[]) {
  return programsOf(installed).flatMap((program) => CLIENT_NAMES.map((client) => ({ program, client })))
}

/** The same for a cluster. */
export const CLUSTER_CLIENTS: Readonly<Record<ClientName, (port: number) => Promise<OpenClient>>> = {
  'node-redis': async (port) => {
    const client = createCluster({ rootNodes: [{ socket: { port, host } }] })
    client.on('error', ignore)
    await client.connect()
    return { client, close: () => client.destroy() }
  },
  ioredis: async (port) => {
    const client = new Cluster([{ port, host }])
    client.on('error', ignore)
    return { client, close: () => client.disconnect() }
  },
}

/** Gives a server that was started with `--cluster-enabled` all slots: a cluster of one. */
export async function formCluster(port: number): Promise<void> {
  const admin = new Redis(port, host)
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  while (!String(await admin.cluster('INFO')).includes('cluster_state:ok')) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  admin.disconnect()
}
