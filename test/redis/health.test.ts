import { checkRedisHealth } from 'generation-jobs/redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { CLIENT_NAMES, CLIENTS, type OpenClient } from './support/clients.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'

describe.skipIf(!hasRedis).each(CLIENT_NAMES)('the health of Redis through %s', (name) => {
  const opened: OpenClient[] = []
  const servers: RedisServer[] = []
  let safe: OpenClient
  let evicting: OpenClient

  async function start(args: readonly string[]): Promise<OpenClient> {
    const server = await startRedis({ args })
    servers.push(server)
    const client = await CLIENTS[name](server.port)
    opened.push(client)
    return client
  }

  beforeAll(async () => {
    safe = await start(['--maxmemory', '100mb', '--maxmemory-policy', 'noeviction'])
    evicting = await start(['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'])
  })
  afterAll(async () => {
    for (const { close } of opened) close()
    for (const server of servers) await server.stop()
  })

  it('says how fast it answers and what it is', async () => {
    const health = await checkRedisHealth(safe.client)
    expect(health).toEqual({
      latencyMs: expect.any(Number),
      version: expect.stringMatching(/^\d+\.\d+/),
      mayEvict: false,
    })
    expect(health.latencyMs).toBeGreaterThan(0)
  })

  it('warns of a server that may drop our keys', async () => {
    expect(await checkRedisHealth(evicting.client)).toMatchObject({ mayEvict: true })
  })

  it('DIS-10: is a StoreError in time when the server stands still, and fine again afterwards', async () => {
    const [server] = servers
    server?.pause()
    const error = await rejection(checkRedisHealth(safe.client, { timeoutMs: 50 }))
    server?.resume()
    expect(error).toMatchObject({ code: 'store.failed', operation: 'health' })
    expect(await checkRedisHealth(safe.client)).toMatchObject({ mayEvict: false })
  })

  it('refuses a time limit that is none', async () => {
    expect(await rejection(checkRedisHealth(safe.client, { timeoutMs: 0 }))).toMatchObject({ code: 'options.invalid' })
  })
})
