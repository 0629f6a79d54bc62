import { setTimeout as delay } from 'node:timers/promises'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { OpenClient } from './support/clients.js'
import { faultProxy } from './support/fault-proxy.js'
import { endless, HEARTBEAT_MS, LEASE_MS, openNode } from './support/node.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'
import { elapsed, until } from './support/until.js'

const host = '127.0.0.1'

/** How applications set their clients so that nothing waits for ever: what was sent may then still be done, late. */
const SETTINGS: Record<string, (port: number) => Promise<OpenClient>> = {
  'ioredis, as it comes': (port) => ofIoredis(port, {}),
  'ioredis with commandTimeout': (port) => ofIoredis(port, { commandTimeout: 100 }),
  'ioredis without offline queue': (port) => ofIoredis(port, { enableOfflineQueue: false, maxRetriesPerRequest: 0 }),
  'node-redis, as it comes': (port) => ofNodeRedis(port, false),
  'node-redis without offline queue': (port) => ofNodeRedis(port, true),
}

async function ofIoredis(
  port: number,
  options: { commandTimeout?: number; enableOfflineQueue?: boolean; maxRetriesPerRequest?: number },
): Promise<OpenClient> {
  const client = new Redis(port, host, { ...options, lazyConnect: true })
  client.on('error', () => {})
  await client.connect()
  return { client, close: () => client.disconnect() }
}

async function ofNodeRedis(port: number, disableOfflineQueue: boolean): Promise<OpenClient> {
  const client = createClient({ socket: { port, host }, disableOfflineQueue })
  client.on('error', () => {})
  await client.connect()
  return { client, close: () => client.destroy() }
}

describe.skipIf(!hasRedis)('what reaches Redis late', () => {
  let server: RedisServer
  let prefixes = 0
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  it('G13: a create that was given up and is done after all: its producer is never called, and it is reaped', async () => {
    const own = { prefix: `late-${++prefixes}` }
    const [a, b] = [await openNode(server.port, own), await openNode(server.port, own)]
    let called = false
    server.pause()
    const asked = a.manager.register(
      async () => {
        called = true
      },
      { jobId: 'late' },
    )
    await expect(asked).rejects.toMatchObject({ code: 'store.failed', operation: 'create' })
    server.resume()
    await until('the record', () => b.manager.get('late'))
    expect(await b.manager.waitForCompletion('late', { timeoutMs: LEASE_MS + 3_000 })).toMatchObject({
      settled: true,
      outcome: { status: 'failed', error: { code: 'owner.lost' }, commit: 'none' },
    })
    expect(called).toBe(false)
  })

  it('DIS-09: a claim that was given up and is done after all: nothing is saved, and the record says so', async () => {
    const own = { prefix: `late-${++prefixes}`, leaseMs: 6_000, gracePeriodMs: 500, cancelTimeoutMs: 1_500 }
    const [a, b] = [await openNode(server.port, own), await openNode(server.port, own)]
    let saved = false
    let commit = (): void => {}
    const asked = new Promise<void>((resolve) => {
      commit = resolve
    })
    const { jobId, settled } = await a.manager.register(async (run) => {
      await asked
      await run.commit(() => {
        saved = true
      })
    })
    server.pause()
    commit()
    const outcome = await settled
    server.resume()
    expect(outcome).toMatchObject({
      status: 'failed',
      error: { code: 'commit.unproved' },
      commit: 'none',
      recorded: false,
    })
    const record = await until('the end', async () => {
      const seen = await b.manager.get(jobId)
      return seen?.settledAt === undefined ? undefined : seen
    })
    expect(record).toMatchObject({ status: 'failed', error: { code: 'commit.unproved' }, commit: 'none' })
    expect(saved).toBe(false)
  })

  it.each(Object.entries(SETTINGS))(
    'DIS-10: a cut cable (%s): each call ends in time, and goes on when it is mended',
    async (_, open) => {
      const prefix = `late-${++prefixes}`
      const proxy = await faultProxy(server.port)
      onTestFinished(() => proxy.close())
      const { client, close } = await open(proxy.port)
      onTestFinished(close)
      const { manager, store } = await openNode(server.port, { prefix })
      const { manager: far } = await openNode(proxy.port, {
        store: createRedisJobStore({ client, prefix, leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS }),
      })
      const { jobId, settled } = await manager.register(async (run) => run.stream(endless(20)).then(() => {}))
      expect(await far.get(jobId)).toMatchObject({ status: 'running' })
      await proxy.set('black-hole')
      for (const call of [() => far.get(jobId), () => far.cancel(jobId), () => far.register(async () => 1)]) {
        const asked = call()
        expect(await elapsed(asked)).toBeLessThan(3_000)
        await expect(asked).rejects.toMatchObject({ code: 'store.failed' })
      }
      await proxy.set('none')
      proxy.reset()
      await until('an answer', () => far.cancel(jobId).catch(() => undefined))
      expect(await settled).toMatchObject({ status: 'cancelled', reason: { kind: 'user' } })
      const log = await store.readEvents(jobId, 0, 1_000)
      const ends = log.answer === 'events' ? log.events.filter(({ type }) => type === 'cancelled') : []
      expect(ends).toHaveLength(1)
    },
  )

  it.each(['ioredis', 'node-redis'] as const)(
    'DIS-26, DIS-18: a primary without replicas takes no claim and no cancel, changes nothing, and can be asked again (%s)',
    async (client) => {
      const own = { prefix: `late-${++prefixes}`, client, leaseMs: 6_000, gracePeriodMs: 500, cancelTimeoutMs: 1_500 }
      const [a, b] = [await openNode(server.port, own), await openNode(server.port, own)]
      const admin = new Redis(server.port, host)
      let saved = false
      let commit = (): void => {}
      const asked = new Promise<void>((resolve) => {
        commit = resolve
      })
      const streaming = await a.manager.register(
        async (run) => new Promise<void>((resolve) => run.token.onCancel(() => resolve())),
      )
      const saving = await a.manager.register(async (run) => {
        await asked
        await run.commit(() => {
          saved = true
        })
      })
      const before = await b.manager.get(streaming.jobId)
      await admin.config('SET', 'min-replicas-to-write', '1')
      await expect(b.manager.cancel(streaming.jobId)).rejects.toMatchObject({
        code: 'store.failed',
        operation: 'requestCancel',
      })
      expect(await b.manager.get(streaming.jobId)).toEqual(before)
      commit()
      expect(await saving.settled).toMatchObject({
        status: 'failed',
        error: { code: 'commit.unproved' },
        commit: 'none',
      })
      expect(saved).toBe(false)
      await admin.config('SET', 'min-replicas-to-write', '0')
      admin.disconnect()
      expect(await b.manager.cancel(streaming.jobId)).toMatchObject({ outcome: 'cancelled' })
      await delay(2 * HEARTBEAT_MS)
      expect(await b.manager.get(saving.jobId)).toMatchObject({ status: 'failed', commit: 'none' })
    },
  )
})
