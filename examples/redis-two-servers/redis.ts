import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { createClient } from 'redis'

export interface SharedRedis {
  readonly url: string
  /** Begins the names of all keys, so that a Redis that others use too can be given. */
  readonly prefix: string
  /** Removes the keys, and the server if it was started here. */
  close(): Promise<void>
}

/** The Redis of `REDIS_URL`, or a redis-server of our own on a free port, with nothing on disk. */
export async function openRedis(url: string | undefined): Promise<SharedRedis> {
  const prefix = `two-servers-${process.pid}`
  if (url !== undefined) return { url, prefix, close: () => removeKeys(url, prefix) }

  const port = await freePort()
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir()]
  // A group of its own: Ctrl-C must reach it last.
  const child = spawn('redis-server', args, { stdio: 'ignore', detached: true })
  await once(child, 'spawn').catch(() => {
    throw new Error(
      'redis-server is not installed (apt-get install redis-server, brew install redis). Or set REDIS_URL.',
    )
  })
  const gone = once(child, 'exit')
  const ownUrl = `redis://127.0.0.1:${port}`
  await removeKeys(ownUrl, prefix) // waits until it answers
  return {
    url: ownUrl,
    prefix,
    async close() {
      child.kill()
      await gone
    },
  }
}

async function removeKeys(url: string, prefix: string): Promise<void> {
  const client = createClient({ url, socket: { reconnectStrategy: (tries) => (tries < 100 ? 50 : false) } })
  await client.on('error', () => {}).connect()
  for await (const keys of client.scanIterator({ MATCH: `{${prefix}}*`, COUNT: 1_000 })) {
    if (keys.length > 0) await client.unlink(keys)
  }
  client.destroy()
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
