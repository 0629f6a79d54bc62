import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { env } from 'node:process'
import { createInterface } from 'node:readline'

/** The Redis of `REDIS_URL`, or one that lives as long as this program and writes nothing. */
export async function openRedis(): Promise<{ readonly url: string; stop(): void }> {
  if (env.REDIS_URL) return { url: env.REDIS_URL, stop: () => undefined }
  const port = await freePort()
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const server = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(server, 'spawn').catch(() => {
    console.error('redis-server is not installed (Debian, Ubuntu: apt-get install redis-server). Or set REDIS_URL.')
    process.exit(1)
  })
  process.once('exit', () => server.kill())
  for await (const line of createInterface({ input: server.stdout })) if (line.includes('Ready to accept')) break
  server.stdout.resume()
  return { url: `redis://127.0.0.1:${port}`, stop: () => void server.kill() }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address ? address.port : 6379
}
