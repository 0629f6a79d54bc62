import type { JobEvent, JobStore } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLIENTS, type OpenClient } from './support/clients.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'

describe.skipIf(!hasRedis)('a log in Redis', () => {
  let server: RedisServer
  let open: OpenClient
  let store: JobStore
  beforeAll(async () => {
    server = await startRedis()
    open = await CLIENTS['node-redis'](server.port)
    store = createRedisJobStore({ client: open.client })
  })
  afterAll(async () => {
    open.close()
    await server.stop()
  })

  it.each([1, 2, 15, 16, 17, 33, 2_500])(
    'G10: batches of %i events are read from every cursor, in pages of every size',
    async (perBatch) => {
      const jobId = `job-${perBatch}`
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
      const { fencingToken, createdAt } = created.record
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
})
