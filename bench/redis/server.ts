import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Redis } from 'ioredis'

export interface RedisServer {
  readonly port: number
  close(): Promise<void>
}

/** A Redis of its own on a free port, without persistence: neither data nor the load of another. */
export async function startRedis(): Promise<RedisServer> {
  const port = await freePort()
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const server = spawn('redis-server', options, { stdio: 'ignore' })
  const probe = new Redis({ port, retryStrategy: () => 50, maxRetriesPerRequest: null })
  probe.on('error', () => undefined) // until the server listens
  await probe.ping()
  probe.disconnect()
  return {
    port,
    async close() {
      const exited = once(server, 'exit')
      server.kill()
      await exited
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
