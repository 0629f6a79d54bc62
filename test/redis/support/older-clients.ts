import { Redis as Redis5 } from 'ioredis5'
import { createClient as createClient5 } from 'redis5'
import type { OpenClient } from './clients.js'

const host = '127.0.0.1'
const ignore = () => {}

/** The major versions before. */
export const OLDER_CLIENTS: Readonly<Record<string, (port: number) => Promise<OpenClient>>> = {
  'node-redis 5': async (port) => {
    const client = createClient5({ socket: { port, host } })
    client.on('error', ignore)
    await client.connect()
    return { client, close: () => client.destroy() }
  },
  'ioredis 5': async (port) => {
    const client = new Redis5(port, host)
    client.on('error', ignore)
    return { client, close: () => client.disconnect() }
  },
}
