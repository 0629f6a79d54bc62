import type { JobEvent, JobStore, NewJob } from 'generation-jobs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openRedisJobStore } from '../../src/redis/redis-job-store.js'
import { type SendScript, scriptSender } from '../../src/redis/script-runner.js'
import { type CancelRunning, runningCanceller } from '../../src/redis/scripts/cancel-running.js'
import { CLIENTS, type OpenClient } from './support/clients.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'
import { until } from './support/until.js'

const LEASE_MS = 10_000
const REQUEST = { jobId: 'job', cancelId: 'first', reason: { kind: 'user', by: 'somebody', at: 7 } } as const
const END = { commit: 'none', cleanup: 'clean', forced: false, queuedMs: 0, runMs: 0 } as const

const never = (): never => {
  throw new Error('not called')
}
const IDLE = { evalsha: never, eval: never, pipeline: never, duplicate: never }

/** A canceller sends what is urgent, and then the rest. Here it dies, or is slow, in between. */
describe.skipIf(!hasRedis)('a cancel of which only the urgent part arrived', () => {
  let server: RedisServer
  let open: OpenClient
  let store: JobStore
  let cancelRunning: CancelRunning
  let aheadMs = 0
  const prefix = () => `gen-${tests}`
  let tests = 0

  beforeAll(async () => {
    server = await startRedis()
    open = await CLIENTS.ioredis(server.port)
  })
  beforeEach(() => {
    tests++
    aheadMs = 0
    const { client } = open
    const setting = { leaseMs: LEASE_MS, aheadMs: () => aheadMs }
    store = openRedisJobStore({ client, prefix: prefix(), subscriber: undefined, heartbeatMs: 1_000, ...setting })
    const where = { root: `{${prefix()}}`, channel: prefix(), sender: 'canceller' }
    cancelRunning = runningCanceller(scriptSender(client), { ...where, ...setting })
  })
  afterAll(async () => {
    open.close()
    await server.stop()
  })

  async function running(chunks = 1, changes: Partial<NewJob> = {}) {
    const answer = await store.create({
      jobId: 'job',
      operationId: crypto.randomUUID(),
      nodeId: 'owner',
      want: 'running',
      exclusiveInGroup: false,
      maxLogEvents: 1_000,
      maxLogBytes: 100_000,
      retentionMs: 60_000,
      ...changes,
    })
    if (answer.answer !== 'created') throw new Error(answer.answer)
    const { jobId, fencingToken } = answer.record
    const chunk = (_: unknown, index: number): JobEvent => ({ seq: index + 1, at: 0, type: 'chunk', content: 'text' })
    if (chunks > 0) await store.append(jobId, fencingToken, Array.from({ length: chunks }, chunk), 4)
    return fencingToken
  }

  async function logged(): Promise<string[]> {
    const answer = await store.readEvents('job', 0, 1_000)
    if (answer.answer !== 'events') throw new Error(answer.answer)
    expect(answer.events.map(({ seq }) => seq)).toEqual(answer.events.map((_, index) => index + 1))
    return answer.events.map(({ type }) => type).filter((type) => type !== 'chunk')
  }

  it('is recorded, refuses output and a claim, and is told to the owner', async () => {
    await running(0, { jobId: 'before' })
    const fencingToken = await running()
    const hints: unknown[] = []
    const unwatch = store.watchNode('owner', (...hint) => hints.push(hint))
    await until('the owner hears', async () => {
      await store.requestCancel({ ...REQUEST, jobId: 'before' })
      return hints.length > 0
    })
    hints.length = 0
    await cancelRunning(REQUEST)
    await until('the owner is told', () => hints.some((hint) => (hint as string[])[0] === 'job'))
    unwatch()
    expect(hints).toContainEqual(['job', { fencingToken, reason: REQUEST.reason }])
    const record = await store.read('job')
    expect(record).toMatchObject({ status: 'cancelling', cancel: { reason: REQUEST.reason } })
    const more = { seq: 2, at: 0, type: 'chunk', content: 'late' } as const
    expect(await store.append('job', fencingToken, [more], 4)).toMatchObject({ answer: 'not-running' })
    const claim = { jobId: 'job', fencingToken, operationId: 'claim' }
    expect(await store.claimCommit(claim)).toMatchObject({
      answer: 'lost',
      record: { cancel: { reason: REQUEST.reason } },
    })
  })

  it.each([0, 1, 15, 16, 17])(
    'after %i chunks: the rest of it logs it and answers as if it were one step',
    async (chunks) => {
      await running(chunks)
      await cancelRunning(REQUEST)
      expect(await logged()).toEqual([])
      const answer = await store.requestCancel(REQUEST)
      expect(answer).toMatchObject({ answer: 'accepted', record: { status: 'cancelling', lastSeq: chunks + 1 } })
      expect(await logged()).toEqual(['cancelling'])
      // And once only, however often it is asked.
      await store.requestCancel(REQUEST)
      await store.requestCancel({ ...REQUEST, cancelId: 'another' })
      expect(await logged()).toEqual(['cancelling'])
    },
  )

  it('another cancel, which joins it, logs it', async () => {
    await running()
    await cancelRunning(REQUEST)
    const other = { ...REQUEST, cancelId: 'second', reason: { kind: 'shutdown', at: 8 } } as const
    expect(await store.requestCancel({ ...other, nodeId: 'owner' })).toMatchObject({
      answer: 'joined',
      record: { cancel: { reason: REQUEST.reason } },
    })
    const answer = await store.readEvents('job', 1, 10)
    expect(answer).toMatchObject({ events: [{ seq: 2, type: 'cancelling', kind: 'user' }] })
  })

  it.each([0, 15, 16])('after %i chunks: the owner, which settles first, logs both', async (chunks) => {
    const fencingToken = await running(chunks)
    await cancelRunning(REQUEST)
    const end = { status: 'cancelled', reason: { kind: 'lease-lost', at: 9 }, ...END } as const
    const settled = await store.settle({ jobId: 'job', fencingToken, operationId: 'settle', end })
    expect(settled).toMatchObject({
      answer: 'settled',
      record: { lastSeq: chunks + 2, cancel: { reason: REQUEST.reason } },
    })
    expect(await logged()).toEqual(['cancelling', 'cancelled'])
    expect(await store.requestCancel(REQUEST)).toMatchObject({ answer: 'accepted', record: { status: 'cancelled' } })
    expect(await logged()).toEqual(['cancelling', 'cancelled'])
  })

  it('the reaper, when the owner has died, logs both', async () => {
    await running()
    await cancelRunning(REQUEST)
    aheadMs = LEASE_MS + 1
    expect(await store.reap()).toMatchObject([{ status: 'cancelled', cancel: { reason: REQUEST.reason } }])
    expect(await logged()).toEqual(['cancelling', 'cancelled'])
  })

  it('changes nothing where a job does not run', async () => {
    await cancelRunning(REQUEST)
    expect(await store.read('job')).toBeUndefined()

    const fencingToken = await running()
    await store.claimCommit({ jobId: 'job', fencingToken, operationId: 'claim' })
    await cancelRunning(REQUEST)
    expect(await store.read('job')).toMatchObject({ status: 'committing', cancel: undefined })
    expect(await store.requestCancel(REQUEST)).toMatchObject({ answer: 'too-late' })

    const end = { status: 'completed', ...END } as const
    await store.settle({ jobId: 'job', fencingToken, operationId: 'settle', end })
    await cancelRunning(REQUEST)
    expect(await store.read('job')).toMatchObject({ status: 'completed', cancel: undefined })
    expect(await logged()).toEqual(['complete'])
  })

  const over = (send: SendScript) =>
    runningCanceller(send, {
      root: `{${prefix()}}`,
      channel: prefix(),
      sender: 'canceller',
      leaseMs: LEASE_MS,
      aheadMs: () => 0,
    })

  const gone = () => {
    throw new Error('gone')
  }
  it.each([
    ['rejects', () => Promise.reject(new Error('gone'))],
    ['throws', gone],
  ])('a failure of it is not told, the rest answers for both: a client that %s', async (_, evalsha) => {
    await running()
    const fails = over(scriptSender({ ...IDLE, evalsha }))
    await fails(REQUEST)
    expect(await store.requestCancel(REQUEST)).toMatchObject({ answer: 'accepted' })
    expect(await logged()).toEqual(['cancelling'])
  })

  it('is not waited for on a slow network, and may come after the rest', async () => {
    await running()
    let arrive = () => {}
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve
    })
    const sendNow = scriptSender(open.client)
    let sent: Promise<unknown> = Promise.resolve()
    const slow = over((...args) => {
      sent = arrived.then(() => sendNow(...args))
      return sent
    })
    await slow(REQUEST)
    const before = await store.requestCancel(REQUEST)
    expect(before).toMatchObject({ answer: 'accepted' })
    arrive()
    await sent
    expect(await store.read('job')).toEqual('record' in before ? before.record : undefined)
    expect(await logged()).toEqual(['cancelling'])
  })
})
