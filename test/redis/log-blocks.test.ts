import fc from 'fast-check'
import type { JobEvent, JobStore } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLIENT_NAMES, CLIENTS, type ClientName, type OpenClient } from './support/clients.js'
import { jobEvents } from './support/job-events.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'

describe.skipIf(!hasRedis)('a log in Redis', () => {
  let server: RedisServer
  let admin: Redis
  const open = {} as Record<ClientName, OpenClient>
  const stores = {} as Record<ClientName, JobStore>
  beforeAll(async () => {
    server = await startRedis()
    admin = new Redis(server.port, '127.0.0.1')
    for (const name of CLIENT_NAMES) {
      open[name] = await CLIENTS[name](server.port)
      stores[name] = createRedisJobStore({ client: open[name].client })
    }
  })
  afterAll(async () => {
    for (const { close } of Object.values(open)) close()
    admin.disconnect()
    await server.stop()
  })

  let jobs = 0
  async function running(store: JobStore) {
    const jobId = `job-${++jobs}`
    const created = await store.create({
      jobId,
      operationId: 'create',
      nodeId: 'node',
      want: 'running',
      exclusiveInGroup: false,
      maxLogEvents: 1_000_000,
      maxLogBytes: 100_000_000,
      retentionMs: 60_000,
    })
    if (created.answer !== 'created') throw new Error(created.answer)
    return created.record
  }

  it.each([1, 2, 15, 16, 17, 33, 2_500])(
    'G10: batches of %i events are read from every cursor, in pages of every size',
    async (perBatch) => {
      const store = stores['node-redis']
      const { jobId, fencingToken, createdAt } = await running(store)
      const count = Math.max(70, 2 * perBatch)
      const events = Array.from(
        { length: count },
        (_, index): JobEvent => ({
          seq: index + 1,
          at: createdAt + index,
          type: 'chunk',
          content: `"${index}",\n\\ é`,
        }),
      )
      for (let first = 0; first < count; first += perBatch) {
        await store.append(jobId, fencingToken, events.slice(first, first + perBatch), 10)
      }
      const cursors =
        count > 100
          ? [0, 1, 15, 16, 17, 1_023, 1_024, count - 1, count]
          : Array.from({ length: count + 2 }, (_, n) => n)
      for (const after of cursors) {
        for (const limit of [1, 2, 16, 17, 1_024]) {
          const page = { answer: 'events', events: events.slice(after, after + limit), status: 'running' }
          const answer = await store.readEvents(jobId, after, limit)
          expect(answer, `${after}, ${limit}`).toMatchObject({ ...page, log: { lastSeq: count } })
        }
      }
    },
  )

  it.each(CLIENT_NAMES)('G10: any text comes back as it was, through %s', async (name) => {
    const store = stores[name]
    const { createdAt } = await running(store)
    await fc.assert(
      fc.asyncProperty(jobEvents(createdAt, { minLength: 1, maxLength: 40 }), fc.nat(40), async (events, cut) => {
        const { jobId, fencingToken, createdAt: base } = await running(store)
        const sent = events.map((event) => ({ ...event, at: event.at - createdAt + base }))
        await store.append(jobId, fencingToken, sent.slice(0, cut), 10)
        await store.append(jobId, fencingToken, sent.slice(cut), 10)
        expect(await store.readEvents(jobId, 0, 100)).toMatchObject({ answer: 'events', events: sent })
      }),
    )
  })

  it('G10: what a script writes stands behind what the owner wrote, in the same block', async () => {
    const store = stores.ioredis
    const { jobId, fencingToken, createdAt } = await running(store)
    const first: JobEvent = { seq: 1, at: createdAt - 5, type: 'chunk', content: '🙂' }
    await store.append(jobId, fencingToken, [first], 4)
    await store.requestCancel({ jobId, cancelId: 'c', reason: { kind: 'user', at: 1 } })
    expect(await store.readEvents(jobId, 0, 10)).toMatchObject({
      events: [first, { seq: 2, type: 'cancelling', kind: 'user' }],
    })
  })

  it('G10: a block that was damaged is an expired cursor', async () => {
    const store = stores.ioredis
    const { jobId, fencingToken, createdAt } = await running(store)
    const events = Array.from({ length: 40 }, (_, index): JobEvent => {
      return { seq: index + 1, at: createdAt, type: 'chunk', content: `${index}` }
    })
    await store.append(jobId, fencingToken, events, 100)
    const key = `{gen}:log:${jobId}`
    const block = (await admin.lindex(key, 1)) ?? ''
    for (const damaged of [block.slice(0, -1), block + block, 'x', '1=x', `${'9'.repeat(30)}:x`]) {
      await admin.lset(key, 1, damaged)
      expect(await store.readEvents(jobId, 0, 100), damaged).toEqual({ answer: 'expired' })
      expect(await store.readEvents(jobId, 0, 16), damaged).toMatchObject({ events: events.slice(0, 16) })
    }
  })
})
