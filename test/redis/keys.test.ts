import { setTimeout as delay } from 'node:timers/promises'
import type { JobStore, NewJob } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openRedisJobStore } from '../../src/redis/redis-job-store.js'
import { CLIENTS, type OpenClient } from './support/clients.js'
import { endless, HEARTBEAT_MS, LEASE_MS, openNode } from './support/node.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'
import { until } from './support/until.js'

describe.skipIf(!hasRedis)('what stands in Redis', () => {
  let server: RedisServer
  let open: OpenClient
  let admin: Redis
  let store: JobStore
  let jobs = 0

  beforeAll(async () => {
    server = await startRedis()
    open = await CLIENTS['node-redis'](server.port)
    admin = new Redis(server.port, '127.0.0.1')
  })
  beforeEach(async () => {
    await admin.flushall()
    store = createRedisJobStore({ client: open.client, leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS })
  })
  afterAll(async () => {
    open.close()
    admin.disconnect()
    await server.stop()
  })

  async function create(changes: Partial<NewJob> = {}) {
    const answer = await store.create({
      jobId: `job-${++jobs}`,
      operationId: `create-${jobs}`,
      nodeId: 'node-a',
      want: 'running',
      exclusiveInGroup: false,
      maxLogEvents: 1_000_000,
      maxLogBytes: 100_000_000,
      retentionMs: 60_000,
      ...changes,
    })
    if (answer.answer !== 'created') throw new Error(answer.answer)
    return answer.record
  }
  const marks = () => ({ owner: 'o', group: 'g', idempotencyKey: `k-${jobs}`, exclusiveInGroup: false })
  const chunk = (seq: number, content = 'text') => ({ seq, at: 1, type: 'chunk', content }) as const
  const END = { status: 'completed', commit: 'none', cleanup: 'clean', forced: false, queuedMs: 0, runMs: 0 } as const

  async function expectBounded(what: string) {
    const keys = await admin.keys('*')
    expect(keys.length, what).toBeGreaterThan(0)
    for (const key of keys) expect(await admin.pttl(key), `${key}, ${what}`).toBeGreaterThan(0)
  }

  it('a job without owner, deadline or marks is not due after a lease', async () => {
    const { jobId } = await create({ want: 'pending', nodeId: undefined, deadlineMs: undefined })
    const due = Number(await admin.zscore('{gen}:leases', jobId)) - Date.now()
    expect(due).toBeGreaterThan(100 * LEASE_MS)
  })

  it('a viewer of an earlier job with the same id, of which Redis evicted the record, does not leave the new one', async () => {
    const { jobId } = await create()
    await store.touchViewers([{ jobId, viewerId: 'old', ttlMs: 60_000 }])
    await admin.del(`{gen}:job:${jobId}`)
    await create({ jobId, operationId: 'again' })
    await store.touchViewers([{ jobId, viewerId: 'old', ttlMs: 0 }])
    expect(await admin.hget(`{gen}:job:${jobId}`, 'lastViewerLeftAt')).toBeNull()
  })

  it('LIM-05: a log lives as long as its record, also of a job with a long deadline', async () => {
    const { jobId, fencingToken } = await create({ want: 'pending', nodeId: undefined, deadlineMs: 24 * 3_600_000 })
    const started = await store.start({ jobId, fencingToken, operationId: 'start', nodeId: 'node-a' })
    if (started.answer !== 'started') throw new Error(started.answer)
    await store.append(jobId, started.record.fencingToken, [chunk(1)], 4)
    const [record, log] = [await admin.pttl(`{gen}:job:${jobId}`), await admin.pttl(`{gen}:log:${jobId}`)]
    expect(record - log).toBeLessThan(1_000)
    expect(log).toBeGreaterThan(24 * 3_600_000)
  })

  it.each([0, 1])(
    'G7: where Redis has no memory left, a job with %i chunks still ends, and makes room',
    async (chunks) => {
      const { jobId, fencingToken } = await create()
      if (chunks > 0) await store.append(jobId, fencingToken, [chunk(1)], 4)
      await admin.config('SET', 'maxmemory', '1')
      try {
        await expect(store.append(jobId, fencingToken, [chunk(chunks + 1)], 4)).rejects.toThrow(/append/)
        const settled = await store.settle({ jobId, fencingToken, operationId: 'settle', end: END })
        expect(settled).toMatchObject({ answer: 'settled', record: { lastSeq: chunks + 1 } })
      } finally {
        await admin.config('SET', 'maxmemory', '0')
      }
    },
  )

  it('LIM-05: Redis keeps the record of a job in one piece, also when it is settled', async () => {
    const { jobId, fencingToken } = await create()
    const spans = { queuedMs: 0.1 + 0.2, runMs: 1e5 / 3 } // as clocks give them
    await store.settle({ jobId, fencingToken, operationId: 's', end: { ...END, ...spans, result: 1 } })
    expect(await store.read(jobId)).toMatchObject({ ...END, queuedMs: 0.3, runMs: 33_333.33, result: 1 })
    expect(await admin.object('ENCODING', `{gen}:job:${jobId}`)).toBe('listpack')
  })

  it('LIM-05: every key has a time to live at any moment of a job', async () => {
    const job = await create(marks())
    await expectBounded('created')
    await store.append(job.jobId, job.fencingToken, [chunk(1)], 4)
    await store.touchViewers([{ jobId: job.jobId, viewerId: 'v', ttlMs: 1_000 }])
    await expectBounded('running')
    await store.renewLeases([job])
    await store.claimCommit({ ...job, operationId: 'claim' })
    await expectBounded('committing')
    await store.settle({ ...job, operationId: 'settle', end: END })
    await expectBounded('settled')
    const cancelled = await create({ ...marks(), want: 'pending' })
    await store.requestCancel({ jobId: cancelled.jobId, cancelId: 'c', reason: { kind: 'user', at: 1 } })
    const { nodeId: _, ...queued } = { ...marks(), want: 'pending' as const, nodeId: undefined }
    await create({ ...queued, nodeId: undefined, deadlineMs: 86_400_000 })
    await expectBounded('with one that was cancelled, and one in a queue')
  })

  it('LIM-05: a record lives as long as its owner beats, and an index as long as what it names', async () => {
    const short = await create(marks())
    const long = await create({ ...marks(), retentionMs: 7 * 86_400_000 })
    await store.settle({ ...long, operationId: 'settle', end: END })
    const ttl = (key: string) => admin.pttl(`{gen}:${key}`)
    const record = await ttl(`job:${long.jobId}`)
    expect(record).toBeGreaterThan(7 * 86_400_000)
    for (const index of ['jobs', 'settled', 'owner:o', 'group:g'])
      expect(await ttl(index), index).toBeGreaterThanOrEqual(record)
    // As if an hour had passed without a heartbeat, but not two:
    for (const key of await admin.keys(`*${short.jobId}`)) await admin.pexpire(key, 1_000_000)
    await store.renewLeases([short])
    for (const key of await admin.keys(`*${short.jobId}`)) expect(await admin.pttl(key), key).toBeGreaterThan(3_600_000)
  })

  it('LIM-05: nothing is left after retention, whatever the end', async () => {
    const options = { retentionMs: 200, maxConcurrentJobs: 3 }
    const node = await openNode(server.port, options)
    const other = await openNode(server.port, options)
    const own = () => ({ owner: 'o', group: 'g', idempotencyKey: `key ${++jobs}`, metadata: { a: [] } })
    const handles = [
      await node.manager.register(async () => 'a result', own()),
      await node.manager.register(async () => Promise.reject(new Error('no')), own()),
      await node.manager.register(async (run) => run.commit(() => 'saved'), own()),
      await node.manager.register(async (run) => run.stream(endless()).then(() => {}), own()),
    ]
    for await (const event of other.manager.events(handles[3]?.jobId ?? '', { viewer: true }))
      if (event.seq === 3) break
    await other.manager.cancel(handles[3]?.jobId ?? '')
    for (const { settled } of handles) await settled
    await until('an empty server', async () => (await admin.keys('*')).length === 0)
    expect(await admin.dbsize()).toBe(0)
  })

  it('all keys of a store are in one slot of a cluster, whatever ids hold', async () => {
    const job = await create({ ...marks(), jobId: 'a{b}c', owner: '{o}', group: 'g}{' })
    await store.append(job.jobId, job.fencingToken, [chunk(1)], 4)
    await store.touchViewers([{ jobId: job.jobId, viewerId: 'v', ttlMs: 1_000 }])
    await store.settle({ ...(await create(marks())), operationId: 's', end: END })
    const cluster = await startRedis({ args: ['--cluster-enabled', 'yes'] })
    const slots = new Redis(cluster.port, '127.0.0.1')
    const found = new Set<unknown>()
    const keys = await admin.keys('*')
    for (const key of keys) found.add(await slots.cluster('KEYSLOT', key))
    expect(keys.length).toBeGreaterThan(10)
    expect(found.size).toBe(1)
    slots.disconnect()
    await cluster.stop()
  })

  it.each([
    [1, 1.5],
    [8, 1.5],
    [32, 1.5],
  ])('a 60-byte chunk in batches of %i costs at most %f times its size', async (perBatch, ratio) => {
    const { jobId, fencingToken, createdAt } = await create()
    const chunks = 3_200
    for (let seq = 1; seq <= chunks; seq += perBatch) {
      const batch = Array.from({ length: perBatch }, (_, index) => ({
        ...chunk(seq + index, `${seq + index}`.padEnd(60, 'x')),
        at: createdAt + (seq + index) * 25,
      }))
      await store.append(jobId, fencingToken, batch, 60 * perBatch)
    }
    const bytes = Number(await admin.memory('USAGE', `{gen}:log:${jobId}`, 'SAMPLES', '0')) / chunks
    expect(bytes / 60, `${bytes.toFixed(1)} bytes per chunk`).toBeLessThanOrEqual(ratio)
  })

  it('T2: one job alone takes two round trips, three with a commit, and one more for its output', async () => {
    const node = await openNode(server.port, { client: 'node-redis' })
    const scripts = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0)
    const measure = async (work: () => Promise<unknown>) => {
      // The heartbeat's own scripts run beside it, so the quietest of several counts.
      const counts: number[] = []
      for (let round = 0; round < 10; round++) {
        const before = await scripts()
        await work()
        counts.push((await scripts()) - before)
      }
      return Math.min(...counts)
    }
    const job = async (producer: Parameters<typeof node.manager.register>[0]) =>
      (await node.manager.register(producer)).settled
    await job(async () => 1)
    expect(await measure(() => job(async () => 1))).toBe(2)
    expect(await measure(() => job(async (run) => run.commit(() => 1)))).toBe(3)
    expect(await measure(() => job(async (run) => void run.emit('text')))).toBe(3)
  })

  it('batches: many jobs are renewed, listed, reaped and swept, none left out and none twice', async () => {
    const count = 350
    const records = await Promise.all(Array.from({ length: count }, () => create({ owner: 'o', retentionMs: 1 })))
    expect((await store.renewLeases(records)).filter(({ answer }) => answer === 'renewed')).toHaveLength(count)
    expect((await store.list({ owner: 'o' })).map(({ jobId }) => jobId)).toEqual(records.map(({ jobId }) => jobId))
    await delay(LEASE_MS + 50)
    const reaped = (await Promise.all([store.reap(), store.reap()])).flat()
    expect(new Set(reaped.map(({ jobId }) => jobId)).size).toBe(count)
    expect(reaped).toHaveLength(count)
    await delay(5)
    await store.sweep()
    expect(await admin.keys('*')).toEqual([])
  })

  describe('DIS-17: a record of another version', () => {
    async function foreign(changes: Partial<NewJob> = {}) {
      const job = await create({ ...marks(), ...changes })
      await admin.hset(`{gen}:job:${job.jobId}`, 'v', '2')
      return job
    }
    const dump = async (jobId: string) => [
      await admin.hgetall(`{gen}:job:${jobId}`),
      await admin.lrange(`{gen}:log:${jobId}`, 0, -1),
    ]

    it('every operation on it says so, and changes nothing', async () => {
      const job = await foreign({ idempotencyKey: 'known' })
      const { jobId, fencingToken } = job
      const before = await dump(jobId)
      const owned = { jobId, fencingToken, operationId: 'op' }
      const operations: Record<string, () => unknown> = {
        create: () => create({ jobId }),
        start: () => store.start({ ...owned, nodeId: 'node-a' }),
        append: () => store.append(jobId, fencingToken, [chunk(1)], 4),
        claimCommit: () => store.claimCommit(owned),
        settle: () => store.settle({ ...owned, end: END }),
        requestCancel: () => store.requestCancel({ jobId, cancelId: 'c', reason: { kind: 'user', at: 1 } }),
        renewLeases: () => store.renewLeases([job]),
        touchViewers: () => store.touchViewers([{ jobId, viewerId: 'v', ttlMs: 1_000 }]),
        read: () => store.read(jobId),
        readEvents: () => store.readEvents(jobId, 0, 10),
        list: () => store.list({}),
      }
      for (const [operation, ask] of Object.entries(operations)) {
        await expect(Promise.resolve().then(ask), operation).rejects.toMatchObject({
          code: 'store.failed',
          operation,
          message: expect.stringContaining('version 2'),
        })
      }
      const sameKey = { ...marks(), idempotencyKey: 'known', jobId: undefined as never }
      await expect(create({ ...sameKey, jobId: 'another' })).rejects.toMatchObject({ operation: 'create' })
      expect(await dump(jobId)).toEqual(before)
    })

    it('reap and sweep leave it to a node that knows it, and do their work on the others', async () => {
      const before = await Promise.all(
        Array.from({ length: 120 }, async () => {
          const { jobId } = await foreign()
          return [jobId, await dump(jobId)] as const
        }),
      )
      const known = await create({ retentionMs: 1 })
      await delay(LEASE_MS + 50)
      expect((await store.reap()).map(({ jobId }) => jobId)).toEqual([known.jobId])
      await delay(5)
      await store.sweep()
      expect(await store.read(known.jobId)).toBeUndefined()
      for (const [jobId, dumped] of before) expect(await dump(jobId)).toEqual(dumped)
    })
  })

  it('G10: a log that Redis evicted is an expired cursor, never a silent hole', async () => {
    const { jobId, fencingToken } = await create()
    const expired = { answer: 'expired' }
    for (let seq = 1; seq <= 36; seq++) await store.append(jobId, fencingToken, [chunk(seq)], 4)
    for (const [evictedAt, refilledTo] of [
      [36, 47],
      [47, 64],
      [64, 65],
    ] as const) {
      const read = (after: number) => store.readEvents(jobId, after, 10)
      const next = evictedAt + 1
      expect(await read(evictedAt - 2)).toMatchObject({ events: [{ seq: evictedAt - 1 }, { seq: evictedAt }] })
      await admin.del(`{gen}:log:${jobId}`)
      expect(await read(evictedAt - 1), `${evictedAt}`).toEqual(expired)
      expect(await read(evictedAt)).toMatchObject({ answer: 'events', events: [] })
      await store.append(jobId, fencingToken, [chunk(next)], 4)
      for (const after of [0, 16, 32, evictedAt - 1]) expect(await read(after), `${evictedAt}`).toEqual(expired)
      expect(await read(evictedAt)).toMatchObject({ answer: 'events', events: [{ seq: next }] })
      await expectBounded('made again')
      for (let seq = next + 1; seq <= refilledTo; seq++) await store.append(jobId, fencingToken, [chunk(seq)], 4)
    }
  })

  it('LIM-05: an index that Redis evicted is made again, with a time to live, by the next sign of life', async () => {
    const signs: Record<string, (job: { jobId: string; fencingToken: number }) => unknown> = {
      'an append': ({ jobId, fencingToken }) => store.append(jobId, fencingToken, [chunk(1)], 4),
      'a heartbeat': (job) => store.renewLeases([job]),
      'a claim': (job) => store.claimCommit({ ...job, operationId: 'claim' }),
    }
    for (const [sign, give] of Object.entries(signs)) {
      const job = await create()
      await admin.del('{gen}:leases')
      await give(job)
      expect(await admin.zscore('{gen}:leases', job.jobId), sign).not.toBeNull()
      await expectBounded(sign)
    }
  })

  it('G1: what cannot be renewed or reaped stands in the way of no other job', async () => {
    const [first, spoilt] = [await create(), await create()]
    const due = async () => Number(await admin.zscore('{gen}:leases', first.jobId))
    await store.touchViewers([{ jobId: spoilt.jobId, viewerId: 'v', ttlMs: 1_000 }])
    await admin.set(`{gen}:viewers:${spoilt.jobId}`, 'no viewers')
    const before = await due()
    await delay(5)
    await expect(store.renewLeases([first, spoilt])).rejects.toMatchObject({
      cause: { message: expect.stringContaining('WRONGTYPE') },
    })
    expect(await due()).toBeGreaterThan(before)

    await admin.hdel(`{gen}:job:${spoilt.jobId}`, 'limits')
    await admin.zadd('{gen}:leases', '1', first.jobId, '2', spoilt.jobId)
    await expect(store.reap()).rejects.toMatchObject({ operation: 'reap' })
    expect(await store.read(first.jobId)).toMatchObject({ status: 'failed', error: { code: 'owner.lost' } })
    expect(await admin.zrange('{gen}:leases', '0', '-1')).toEqual([spoilt.jobId])
    expect(await admin.zrange('{gen}:settled', '0', '-1')).toEqual([first.jobId])
  })

  it('G3: a job whose creation failed half-way has a lease, so that it is reaped', async () => {
    await admin.set('{gen}:owner:o', 'not an index')
    const creating = create({ owner: 'o' })
    await expect(creating).rejects.toMatchObject({ cause: { message: expect.stringContaining('WRONGTYPE') } })
    expect(await admin.exists(`{gen}:job:job-${jobs}`)).toBe(1)
    expect(await admin.zscore('{gen}:leases', `job-${jobs}`)).not.toBeNull()
  })

  it('what an eviction left of an earlier job with the same id does not shine through', async () => {
    const { jobId, fencingToken } = await create()
    await store.append(jobId, fencingToken, [chunk(1), chunk(2)], 8)
    await store.touchViewers([{ jobId, viewerId: 'v', ttlMs: 60_000 }])
    await admin.del(`{gen}:job:${jobId}`)
    const again = await create({ jobId })
    expect(again.fencingToken).toBeGreaterThan(fencingToken)
    expect(await store.readEvents(jobId, 0, 10)).toMatchObject({ answer: 'events', events: [] })
    expect(await store.renewLeases([again])).toMatchObject([{ answer: 'renewed', viewers: 0 }])
    await store.touchViewers([{ jobId, viewerId: 'w', ttlMs: 60_000 }])
    expect(await store.renewLeases([again])).toMatchObject([{ answer: 'renewed', viewers: 1 }])
    expect((await store.list({})).map((record) => record.jobId)).toEqual([jobId])
  })

  it('viewers of a settled job leave no key behind', async () => {
    const job = await create()
    await store.touchViewers([{ jobId: job.jobId, viewerId: 'v', ttlMs: 60_000 }])
    await store.settle({ ...job, operationId: 'settle', end: END })
    await store.touchViewers([{ jobId: job.jobId, viewerId: 'v', ttlMs: 60_000 }])
    expect(await admin.exists(`{gen}:viewers:${job.jobId}`)).toBe(0)
  })

  it("a clock of the server that jumps back changes neither the order of jobs nor the rise of an id's tokens", async () => {
    let aheadMs = 0
    const settings = { client: open.client, subscriber: undefined, prefix: 'gen', leaseMs: 6_000, heartbeatMs: 1_000 }
    store = openRedisJobStore({ ...settings, aheadMs: () => aheadMs })
    const jobs: { jobId: string; fencingToken: number }[] = [await create()]
    aheadMs = -60_000
    jobs.push(await create(), await create({ want: 'pending', nodeId: undefined }))
    const queued = jobs[2]
    expect((await store.list({})).map(({ jobId }) => jobId)).toEqual(jobs.map(({ jobId }) => jobId))
    const tokens = jobs.map(({ fencingToken }) => fencingToken)
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b))
    expect(new Set(tokens).size).toBe(3)
    const started = await store.start({ ...(queued as NonNullable<typeof queued>), operationId: 's', nodeId: 'node-b' })
    expect('record' in started ? started.record.fencingToken : 0).toBeGreaterThan(queued?.fencingToken ?? 0)
  })

  it("keys and channels fit together where the client puts a prefix before its keys (ioredis' keyPrefix)", async () => {
    const client = new Redis(server.port, '127.0.0.1', { keyPrefix: 'app:' })
    const prefixed = createRedisJobStore({ client, leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS })
    store = prefixed
    const job = await create(marks())
    let woken = 0
    const stop = prefixed.watchJob(job.jobId, () => woken++)
    await until('the first look', () => woken > 0)
    expect(await prefixed.list({})).toHaveLength(1)
    await until('an expired lease', async () => (await prefixed.reap()).length === 1)
    const keys = await admin.keys('*')
    expect(keys.every((key) => key.startsWith('app:{gen}:'))).toBe(true)
    stop()
    client.disconnect()
  })
})
