import { setTimeout as delay } from 'node:timers/promises'
import type { RedisSubscriber } from 'generation-jobs/redis'
import { createVirtualClock } from 'generation-jobs/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { CLIENTS } from './support/clients.js'
import { faultProxy } from './support/fault-proxy.js'
import {
  CANCEL_MS,
  endless,
  GRACE_MS,
  HEARTBEAT_MS,
  LEASE_MS,
  openNode,
  REAPED_MS,
  type RedisNode,
  SLACK_MS,
} from './support/node.js'
import { startOwner } from './support/owner.js'
import { readLog, settledRecord } from './support/records.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'
import { elapsed, until } from './support/until.js'

let server: RedisServer
let prefixes = 0
const newPrefix = () => `matrix-${++prefixes}`

beforeAll(async () => {
  if (hasRedis) server = await startRedis()
})
afterAll(async () => server?.stop())

describe.skipIf(!hasRedis)('failure matrix: the owner is killed (SIGKILL)', () => {
  it('DIS-03: while running: failed with owner.lost, waiters resolve, nothing is committed', async () => {
    const prefix = newPrefix()
    const node = await openNode(server.port, { prefix })
    const owner = await startOwner(server.port, prefix, 'streams')
    await until('output', async () => ((await node.manager.get(owner.jobId))?.lastSeq ?? 0) > 3)
    const waiting = node.manager.waitForCompletion(owner.jobId)
    await owner.kill()
    expect(await elapsed(waiting)).toBeLessThan(REAPED_MS)
    expect(await waiting).toMatchObject({
      settled: true,
      outcome: { status: 'failed', error: { code: 'owner.lost' }, commit: 'none', forced: true, cleanup: 'unknown' },
    })
    expect((await readLog(node, owner.jobId)).at(-1)).toMatchObject({ type: 'error', code: 'owner.lost' })
    expect(node.logs.of('job.reaped', owner.jobId)).toHaveLength(1)
  })

  it('DIS-04: while cancelling: cancelled, with the original reason, forced, cleanup unknown', async () => {
    const prefix = newPrefix()
    const node = await openNode(server.port, { prefix, gracePeriodMs: 2_000, cancelTimeoutMs: 4_000 })
    const owner = await startOwner(server.port, prefix, 'hangs')
    const asked = node.manager.cancel(owner.jobId, { by: 'somebody' })
    expect(await owner.hears('told')).toMatchObject({ kind: 'user' })
    await owner.kill()
    expect(await elapsed(asked)).toBeLessThan(REAPED_MS)
    expect(await asked).toMatchObject({ outcome: 'cancelled', forced: true, cleanup: 'unknown', joined: false })
    const record = await settledRecord(node, owner.jobId)
    expect(record).toMatchObject({
      status: 'cancelled',
      commit: 'none',
      cancel: { reason: { kind: 'user', by: 'somebody' } },
    })
    expect((await readLog(node, owner.jobId)).map(({ type }) => type)).toEqual(['cancelling', 'cancelled'])
  })

  it('DIS-22: while committing: failed with commit.unknown', async () => {
    const prefix = newPrefix()
    const node = await openNode(server.port, { prefix })
    const owner = await startOwner(server.port, prefix, 'saves')
    await owner.hears('saving')
    await owner.kill()
    const record = await settledRecord(node, owner.jobId, REAPED_MS)
    expect(record).toMatchObject({ status: 'failed', error: { code: 'commit.unknown' }, commit: 'unknown' })
  })

  it('DIS-21: while pending: failed with owner.lost, and its producer was never called', async () => {
    const prefix = newPrefix()
    const node = await openNode(server.port, { prefix })
    const owner = await startOwner(server.port, prefix, 'waits in the queue')
    expect(await node.manager.get(owner.jobId)).toMatchObject({ status: 'pending' })
    await owner.kill()
    const record = await settledRecord(node, owner.jobId, REAPED_MS)
    expect(record).toMatchObject({ status: 'failed', error: { code: 'owner.lost' } })
    expect(record).not.toHaveProperty('startedAt')
    expect(owner.told.map(({ event }) => event)).not.toContain('producer called')
  })

  it('DIS-13: several nodes reap it: one of them says so', async () => {
    const prefix = newPrefix()
    const nodes = await Promise.all(Array.from({ length: 4 }, () => openNode(server.port, { prefix })))
    const [node] = nodes as [RedisNode]
    const owner = await startOwner(server.port, prefix, 'hangs')
    await owner.kill()
    await settledRecord(node, owner.jobId, REAPED_MS)
    await delay(2 * HEARTBEAT_MS)
    expect(nodes.flatMap(({ logs }) => logs.of('job.reaped', owner.jobId))).toHaveLength(1)
    expect(await readLog(node, owner.jobId)).toHaveLength(1)
  })
})

describe.skipIf(!hasRedis)('failure matrix: the owner is stopped past its lease (SIGSTOP), and wakes', () => {
  it('DIS-05: it is fenced, cancels with lease-lost, cleans up, and reports the end in the record', async () => {
    const prefix = newPrefix()
    const node = await openNode(server.port, { prefix })
    const owner = await startOwner(server.port, prefix, 'streams')
    await until('output', async () => ((await node.manager.get(owner.jobId))?.lastSeq ?? 0) > 3)
    owner.stop()
    const record = await settledRecord(node, owner.jobId, REAPED_MS)
    expect(record).toMatchObject({ status: 'failed', error: { code: 'owner.lost' } })
    const before = await readLog(node, owner.jobId)
    owner.continue()
    expect(await owner.hears('told')).toMatchObject({ kind: 'lease-lost' })
    expect(await owner.hears('cleanup')).toMatchObject({ status: 'cancelled' })
    expect(await owner.hears('settled')).toMatchObject({ status: 'failed', code: 'owner.lost', recorded: true })
    expect(await readLog(node, owner.jobId)).toEqual(before)
    expect(await node.manager.get(owner.jobId)).toEqual(record)
  })

  it('DIS-05: it may not commit when it wakes', async () => {
    const prefix = newPrefix()
    const node = await openNode(server.port, { prefix })
    const owner = await startOwner(server.port, prefix, 'saves late')
    await delay(100)
    owner.stop()
    const record = await settledRecord(node, owner.jobId, REAPED_MS)
    owner.continue()
    await owner.hears('woke')
    expect(await owner.hears('settled')).toMatchObject({ status: 'failed', code: 'owner.lost', commit: 'none' })
    expect(owner.told.map(({ event }) => event)).not.toContain('saved')
    expect(await node.manager.get(owner.jobId)).toEqual(record)
  })

  it('DIS-05: stopped while it saves: save is told, and the record says commit.unknown', async () => {
    const prefix = newPrefix()
    const node = await openNode(server.port, { prefix })
    const owner = await startOwner(server.port, prefix, 'saves')
    await owner.hears('saving')
    owner.stop()
    const record = await settledRecord(node, owner.jobId, REAPED_MS)
    expect(record).toMatchObject({ status: 'failed', error: { code: 'commit.unknown' }, commit: 'unknown' })
    owner.continue()
    await owner.hears('save aborted')
    expect(await owner.hears('settled')).toMatchObject({ status: 'failed', code: 'commit.unknown' })
  })
})

describe.skipIf(!hasRedis)('failure matrix: Redis itself', () => {
  it.each(['ioredis', 'node-redis'] as const)(
    'DIS-15: killed and restarted with its file within the lease: the stream goes on without gap or duplicate (%s)',
    async (client) => {
      const redis = await startRedis({ appendOnly: true })
      onTestFinished(() => redis.stop())
      const leaseMs = 6_000
      const own = { client, leaseMs, gracePeriodMs: 1_000, cancelTimeoutMs: 9_000 }
      const [a, b] = [await openNode(redis.port, own), await openNode(redis.port, own)]
      let emitted = 0
      const job = await a.manager.register(async (run) => {
        while (emitted < 200) {
          run.emit(`chunk ${++emitted}`)
          await delay(5)
        }
      })
      const reading = readLog(b, job.jobId)
      await until('output', () => emitted > 40)
      await redis.kill()
      await redis.start()
      expect(await job.settled).toMatchObject({ status: 'completed', recorded: true })
      const events = await reading
      expect(events.map((event) => event.type === 'chunk' && event.content)).toEqual([
        ...Array.from({ length: 200 }, (_, index) => `chunk ${index + 1}`),
        false,
      ])
    },
  )

  it.each(['ioredis', 'node-redis'] as const)(
    'DIS-15: its script cache is flushed again and again: nothing is noticed (%s)',
    async (client) => {
      const prefix = newPrefix()
      const admin = new Redis(server.port, '127.0.0.1')
      onTestFinished(() => admin.disconnect())
      const [a, b] = [await openNode(server.port, { prefix, client }), await openNode(server.port, { prefix, client })]
      const job = await a.manager.register(async (run) => {
        for (let index = 0; index < 60; index++) {
          run.emit(`chunk ${index}`)
          await admin.script('FLUSH')
          await delay(2)
        }
      })
      expect(await readLog(b, job.jobId)).toHaveLength(61)
      expect(await job.settled).toMatchObject({ status: 'completed', recorded: true })
    },
  )

  it('DIS-12: it lost all data: the owner cancels locally, recorded false, and writes nothing anew', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const admin = new Redis(redis.port, '127.0.0.1')
    onTestFinished(() => admin.disconnect())
    const [a, b] = [await openNode(redis.port), await openNode(redis.port)]
    let cleaned = false
    const jobs = await Promise.all([
      a.manager.register(async (run) => {
        run.defer(() => {
          cleaned = true
        })
        await run.stream(endless())
      }),
      a.manager.register(async () => delay(60_000)),
    ])
    await until('output', async () => ((await b.manager.get(jobs[0].jobId))?.lastSeq ?? 0) > 2)
    const waiting = b.manager.waitForCompletion(jobs[0].jobId)
    await admin.flushall()
    for (const job of jobs) {
      expect(await job.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'lease-lost' }, recorded: false })
    }
    expect(cleaned).toBe(true)
    expect(await waiting).toMatchObject({ settled: false, cause: 'not-found' })
    await delay(3 * HEARTBEAT_MS)
    expect(await admin.keys('*')).toEqual([])
    expect(await b.manager.cancel(jobs[0].jobId)).toMatchObject({ outcome: 'not-found' })
  })

  it('DIS-05: down for longer than the lease: owners give up in time, nothing is committed, and on return it is reaped', async () => {
    const redis = await startRedis({ appendOnly: true })
    onTestFinished(() => redis.stop())
    const node = await openNode(redis.port)
    let saved = false
    let commit = (): void => {}
    const asked = new Promise<void>((resolve) => {
      commit = resolve
    })
    const streaming = await node.manager.register(async (run) => run.stream(endless()).then(() => {}))
    const saving = await node.manager.register(async (run) => {
      await asked
      await run.commit(() => {
        saved = true
      })
    })
    await delay(200)
    await redis.kill()
    commit()
    expect(await elapsed(streaming.settled)).toBeLessThan(LEASE_MS + GRACE_MS + SLACK_MS)
    expect(await streaming.settled).toMatchObject({
      status: 'cancelled',
      reason: { kind: 'lease-lost' },
      recorded: false,
    })
    expect(await saving.settled).toMatchObject({ status: 'failed', error: { code: 'commit.unproved' }, commit: 'none' })
    expect(saved).toBe(false)
    await redis.start()
    const record = await settledRecord(node, streaming.jobId)
    expect(record).toMatchObject({ status: expect.stringMatching(/failed|cancelled/) })
    expect(await settledRecord(node, saving.jobId)).toMatchObject({ status: 'failed', commit: 'none' })
    await readLog(node, streaming.jobId)
    const after = await node.manager.register(async () => 'works again')
    expect(await after.settled).toMatchObject({ status: 'completed', value: 'works again', recorded: true })
  })
})

describe.skipIf(!hasRedis).each(['ioredis', 'node-redis'] as const)(
  'failure matrix: the way to Redis, through %s',
  (client) => {
    async function behindProxy() {
      const prefix = newPrefix()
      const proxy = await faultProxy(server.port)
      onTestFinished(() => proxy.close())
      const far = await openNode(proxy.port, { prefix, client })
      const near = await openNode(server.port, { prefix, client })
      return { proxy, far, near }
    }

    it.each(['black-hole', 'refuse'] as const)(
      'DIS-10: %s: a remote cancel is a StoreError in time and never a success; afterwards it works',
      async (fault) => {
        const { proxy, far, near } = await behindProxy()
        const { jobId, settled } = await near.manager.register(async (run) => run.stream(endless()).then(() => {}))
        await proxy.set(fault)
        const asked = far.manager.cancel(jobId)
        expect(await elapsed(asked)).toBeLessThan(CANCEL_MS + SLACK_MS)
        await expect(asked).rejects.toMatchObject({ code: 'store.failed' })
        await proxy.set('none')
        if (fault === 'black-hole') proxy.reset()
        // Late or sent again: it was asked for, and it is done once.
        const again = await until('an answer', () => far.manager.cancel(jobId).catch(() => undefined))
        expect(again).toMatchObject({ outcome: expect.stringMatching(/^(cancelled|already-settled)$/) })
        expect(await settled).toMatchObject({ status: 'cancelled', reason: { kind: 'user' }, recorded: true })
        expect((await readLog(near, jobId)).filter(({ type }) => type === 'cancelling')).toHaveLength(1)
      },
    )

    it.each(['black-hole', 'refuse'] as const)(
      'DIS-24: %s: a local cancel settles in the grace period, recorded false, and is written when Redis is back',
      async (fault) => {
        const { proxy, far, near } = await behindProxy()
        const job = await far.manager.register(async (run) => run.stream(endless()).then(() => {}))
        await until('output', async () => ((await near.manager.get(job.jobId))?.lastSeq ?? 0) > 2)
        await proxy.set(fault)
        const result = await job.cancel()
        expect(result).toMatchObject({ outcome: 'cancelled', recorded: false })
        expect(await job.settled).toMatchObject({ status: 'cancelled', recorded: false, commit: 'none' })
        await proxy.set('none')
        if (fault === 'black-hole') proxy.reset()
        const record = await settledRecord(near, job.jobId)
        expect(record.status).toMatch(/^(cancelled|failed)$/) // the write that is repeated, or the reaper
        await readLog(near, job.jobId)
      },
    )

    it('DIS-06: a black hole shorter than the lease aborts nothing', async () => {
      const prefix = newPrefix()
      const proxy = await faultProxy(server.port)
      onTestFinished(() => proxy.close())
      const own = { prefix, client, leaseMs: 4_000, gracePeriodMs: 1_000, cancelTimeoutMs: 3_000 }
      const [far, near] = [await openNode(proxy.port, own), await openNode(server.port, own)]
      let stop = false
      const job = await far.manager.register(async (run) => {
        for (let index = 0; !stop; index++) {
          run.emit(`chunk ${index}`)
          await delay(5)
        }
      })
      await until('output', async () => ((await near.manager.get(job.jobId))?.lastSeq ?? 0) > 2)
      await proxy.set('black-hole')
      await delay(1_000)
      await proxy.set('none')
      proxy.reset()
      const seen = (await near.manager.get(job.jobId))?.lastSeq ?? 0
      await until('more output', async () => ((await near.manager.get(job.jobId))?.lastSeq ?? 0) > seen + 10)
      stop = true
      expect(await job.settled).toMatchObject({ status: 'completed', recorded: true })
      await readLog(near, job.jobId)
    })

    it('DIS-09: every reply is lost: what was done is done once', async () => {
      const prefix = newPrefix()
      const proxy = await faultProxy(server.port)
      onTestFinished(() => proxy.close())
      const own = { prefix, client, leaseMs: 4_000, gracePeriodMs: 1_000, cancelTimeoutMs: 3_000 }
      const [far, near] = [await openNode(proxy.port, own), await openNode(server.port, own)]
      let saves = 0
      let goOn = (): void => {}
      const faulty = new Promise<void>((resolve) => {
        goOn = resolve
      })
      const job = await far.manager.register(async (run) => {
        run.emit('first')
        await faulty
        for (let index = 0; index < 20; index++) run.emit(`chunk ${index}`)
        await run.commit(() => {
          saves++
        })
      })
      await until('output', async () => (await near.manager.get(job.jobId))?.lastSeq === 1)
      await proxy.set('lose-replies')
      goOn()
      await delay(200)
      await proxy.set('none')
      proxy.reset()
      expect(await job.settled).toMatchObject({ status: 'completed', commit: 'done', recorded: true })
      expect(saves).toBe(1)
      expect(await readLog(near, job.jobId)).toHaveLength(22)
    })

    it('DIS-02: the hint of a cancel meets a cut connection: the owner is told with the first repeat, 250 ms later', async () => {
      const prefix = newPrefix()
      const proxy = await faultProxy(server.port)
      onTestFinished(() => proxy.close())
      const ears = await CLIENTS[client](proxy.port)
      onTestFinished(() => ears.close())
      const admin = new Redis(server.port, '127.0.0.1')
      onTestFinished(() => admin.disconnect())
      const channels = async () => (await admin.pubsub('CHANNELS', `${prefix}:node:*`)) as string[]
      const unhurried = { prefix, client, leaseMs: 60_000, heartbeatMs: 20_000, cancelTimeoutMs: 9_000 }
      const subscriber = ears.client as unknown as RedisSubscriber
      const a = await openNode(server.port, { ...unhurried, subscriber })
      const [ear = ''] = await until('its subscription', async () => {
        const heard = await channels()
        return heard.length > 0 && heard
      })
      const job = await a.manager.register((run) => new Promise<void>((resolve) => run.token.onCancel(() => resolve())))
      await proxy.set('refuse')
      await until('the cut', async () => (await channels()).length === 0)
      const clock = createVirtualClock()
      const b = await openNode(server.port, { ...unhurried, clock })
      const asked = b.manager.cancel(job.jobId)
      await until('the request', async () => (await b.manager.get(job.jobId))?.status === 'cancelling')
      await proxy.set('none')
      await until('its subscription again', async () => (await channels()).includes(ear))
      expect(job.snapshot().status).toBe('running')
      await clock.advance(250)
      await until('the end, before a heartbeat', () => job.snapshot().status === 'cancelled')
      expect(await asked).toMatchObject({ outcome: 'cancelled', joined: false, forced: false })
      expect(b.manager.stats()).toMatchObject({ timers: 0, waiters: 0 })
      expect((await readLog(b, job.jobId)).map(({ type }) => type)).toEqual(['cancelling', 'cancelled'])
    })

    it('DIS-02: no hint at all: each of 200 cancels reaches its job with the next append or heartbeat', async () => {
      const prefix = newPrefix()
      const deaf = { prefix, client, isDeaf: true, leaseMs: 6_000 }
      const [a, b] = [await openNode(server.port, deaf), await openNode(server.port, deaf)]
      const told: number[] = []
      const jobs = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          a.manager.register(async (run) => {
            run.token.onCancel(({ at }) => told.push(Date.now() - at))
            if (index % 2 === 0) return run.stream(endless()).then(() => {})
            return new Promise<void>((resolve) => run.token.onCancel(() => resolve()))
          }),
        ),
      )
      await delay(2 * HEARTBEAT_MS)
      for (const { jobId } of jobs) {
        const reason = { kind: 'user', at: Date.now() } as const
        expect(await b.store.requestCancel({ jobId, cancelId: jobId, reason })).toMatchObject({ answer: 'accepted' })
      }
      for (const { settled } of jobs) expect(await settled).toMatchObject({ status: 'cancelled', recorded: true })
      expect(told).toHaveLength(200)
      expect(Math.max(...told)).toBeLessThan(HEARTBEAT_MS + SLACK_MS)
    })
  },
)
