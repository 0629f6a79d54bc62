import type { JobStore, NewJob } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CLIENTS, type OpenClient } from './support/clients.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'

describe.skipIf(!hasRedis).each(['node-redis', 'ioredis'] as const)('calls of one tick, through %s', (name) => {
  let server: RedisServer
  let open: OpenClient
  let admin: Redis
  let store: JobStore
  let jobs = 0

  beforeAll(async () => {
    server = await startRedis()
    open = await CLIENTS[name](server.port)
    admin = new Redis(server.port, '127.0.0.1')
  })
  beforeEach(async () => {
    await admin.flushall()
    store = createRedisJobStore({ client: open.client })
  })
  afterAll(async () => {
    open.close()
    admin.disconnect()
    await server.stop()
  })

  const newJob = (changes: Partial<NewJob> = {}): NewJob => ({
    jobId: `job-${++jobs}`,
    operationId: `create-${jobs}`,
    nodeId: 'node-a',
    want: 'running',
    exclusiveInGroup: false,
    maxLogEvents: 1_000,
    maxLogBytes: 1_000_000,
    retentionMs: 60_000,
    ...changes,
  })
  async function create(changes: Partial<NewJob> = {}) {
    const answer = await store.create(newJob(changes))
    if (answer.answer !== 'created') throw new Error(answer.answer)
    return answer.record
  }
  const scripts = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0)
  const END = { status: 'completed', commit: 'none', cleanup: 'clean', forced: false, queuedMs: 0, runMs: 0 } as const

  it('G10: what was put out before a cancel of the same tick stands before it in the log', async () => {
    // A busy tick: what is joined waits for its end, and some of it for later turns.
    const records = await Promise.all(Array.from({ length: 100 }, () => create()))
    const cancelled = records.map(async ({ jobId, fencingToken }) => {
      const appended = store.append(jobId, fencingToken, [{ seq: 1, at: 0, type: 'chunk', content: 'last' }], 4)
      const reason = { kind: 'user', at: 7 } as const
      const cancel = store.requestCancel({ jobId, cancelId: 'c', reason, nodeId: 'node-a' })
      return [await appended, await cancel]
    })
    for (const answers of await Promise.all(cancelled)) {
      expect(answers).toMatchObject([{ answer: 'accepted' }, { answer: 'accepted', record: { lastSeq: 2 } }])
    }
  })

  it('T2: a hundred jobs that begin at once are a few commands, each with its own token and in the order asked', async () => {
    await create() // the server knows the script
    const before = await scripts()
    const records = await Promise.all(Array.from({ length: 100 }, () => create()))
    expect((await scripts()) - before).toBe(7)
    const tokens = records.map(({ fencingToken }) => fencingToken)
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b))
    const listed = (await store.list({})).map(({ jobId }) => jobId)
    expect(listed.slice(1)).toEqual(records.map(({ jobId }) => jobId))
    expect(await store.read(records[40]?.jobId ?? '')).toEqual(records[40])
  })

  it('G13: an error in one of them is the answer to that one; the others are done', async () => {
    const spoilt = newJob()
    await admin.set(`{gen}:job:${spoilt.jobId}`, 'not a record')
    const asked = [newJob(), spoilt, newJob()].map(async (job) => store.create(job))
    const [first, failed, third] = await Promise.allSettled(asked)
    expect(first).toMatchObject({ value: { answer: 'created' } })
    expect(failed).toMatchObject({
      reason: { code: 'store.failed', operation: 'create', cause: { message: expect.stringContaining('WRONGTYPE') } },
    })
    expect(third).toMatchObject({ value: { answer: 'created' } })
  })

  it('G13: two of them against each other are decided in the order asked', async () => {
    const rivals = await Promise.all(
      [1, 2, 3].map(async () => store.create(newJob({ group: 'g', exclusiveInGroup: true }))),
    )
    expect(rivals.map(({ answer }) => answer)).toEqual(['created', 'group-busy', 'group-busy'])
    const job = newJob()
    expect(await Promise.all([store.create(job), store.create(job)])).toMatchObject([
      { answer: 'created', record: { jobId: job.jobId } },
      { answer: 'created', record: { jobId: job.jobId } }, // a repeat
    ])
    const owned = { ...(await create()), operationId: 'settle' }
    const ends = [store.settle({ ...owned, end: END }), store.settle({ ...owned, operationId: 'other', end: END })]
    expect(await Promise.all(ends)).toMatchObject([{ answer: 'settled' }, { answer: 'already-settled' }])
  })

  it('G13: a server that does not know the script does each of them once', async () => {
    await admin.script('FLUSH')
    const answers = await Promise.all(Array.from({ length: 40 }, async () => store.create(newJob())))
    expect(new Set(answers.map(({ answer }) => answer))).toEqual(new Set(['created']))
    expect(await store.list({})).toHaveLength(40)
  })

  it.each([1, 3])(
    'G13: a server that takes no writes says so to the client too, which may look for another one (%i together)',
    async (together) => {
      const seen: string[] = []
      const watching = new Redis(server.port, '127.0.0.1', {
        reconnectOnError(error) {
          seen.push(error.message)
          return false
        },
      })
      const store = createRedisJobStore({ client: name === 'ioredis' ? watching : open.client })
      await admin.replicaof('127.0.0.1', '1')
      try {
        const jobs = Array.from({ length: together }, async () => store.create(newJob()))
        for (const job of await Promise.allSettled(jobs)) {
          expect(job).toMatchObject({
            reason: { code: 'store.failed', cause: { message: expect.stringMatching(/^READONLY/) } },
          })
        }
        if (name === 'ioredis') expect(seen).toEqual([expect.stringMatching(/^READONLY/)])
      } finally {
        await admin.replicaof('NO', 'ONE')
        watching.disconnect()
      }
    },
  )

  it('half of a surrogate pair in the words of a caller stands in the way of nothing', async () => {
    const half = '\ud83d'
    const texts = { owner: `o ${half}`, group: `g ${half}`, metadata: { said: half } }
    const { jobId, fencingToken } = await create({ ...texts, idempotencyKey: half })
    const reason = { kind: 'user', at: 1, by: half, message: `"${half}\n` } as const
    expect(await store.requestCancel({ jobId, cancelId: 'c', reason })).toMatchObject({ answer: 'accepted' })
    expect(await store.requestCancel({ jobId, cancelId: 'c', reason })).toMatchObject({ answer: 'accepted' })
    const end = { ...END, status: 'cancelled', reason, cancelMs: 1 } as const
    const settled = await store.settle({ jobId, fencingToken, operationId: 's', end })
    expect(settled).toMatchObject({ answer: 'settled', record: { status: 'cancelled', metadata: { said: half } } })
    expect(await store.list({ owner: texts.owner })).toHaveLength(1)
    expect(await store.create(newJob({ ...texts, idempotencyKey: half }))).toMatchObject({ answer: 'same-key' })
  })
})
