import type { JobSnapshot } from 'generation-jobs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { CLIENT_NAMES } from './support/clients.js'
import type { LeavingJob, LeavingOptions } from './support/leaving-process.js'
import { GRACE_MS, HEARTBEAT_MS, LEASE_MS, openNode, REAPED_MS, SLACK_MS } from './support/node.js'
import { startProcess } from './support/process.js'
import { endsOf, readLog, settledRecord } from './support/records.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'
import { elapsed, until } from './support/until.js'

/** Longer than the lease: who drains must go on renewing. */
const DRAIN_MS = 2 * LEASE_MS
/** What it gives one call to Redis. */
const STORE_MS = 1_500
/** So long ioredis waits for the server's goodbye, when an application disconnects it. */
const GOODBYE_MS = 2_000

describe.skipIf(!hasRedis).each(CLIENT_NAMES)('failure matrix: SIGTERM of the owner, through %s', (client) => {
  let server: RedisServer
  let admin: Redis
  let prefixes = 0
  beforeAll(async () => {
    server = await startRedis()
    admin = new Redis(server.port, '127.0.0.1')
  })
  afterAll(async () => {
    admin.disconnect()
    await server.stop()
  })

  async function startLeaving(port: number, prefix: string) {
    const leaving = startProcess('leaving-process.ts', {
      client,
      port,
      prefix,
      leaseMs: LEASE_MS,
      heartbeatMs: HEARTBEAT_MS,
      drainMs: DRAIN_MS,
      gracePeriodMs: GRACE_MS,
    } satisfies LeavingOptions)
    const { jobs } = await leaving.hears('registered')
    return { ...leaving, jobs: jobs as Record<LeavingJob, string> }
  }

  it('SHU-01, SHU-02: it drains within its limit, every job of it ends as another node sees it, and nothing of it is left', async () => {
    const prefix = `shutdown-${++prefixes}`
    const node = await openNode(server.port, { prefix, client })
    const isAlone = async () => (await connectionsOf(admin)) === 3 // its client and its subscriber, and the admin
    await until('the connections of the node', isAlone)
    const { jobs, ...leaving } = await startLeaving(server.port, prefix)
    const live = readLog(node, jobs.streams)
    await until('output', async () => ((await node.manager.get(jobs.streams))?.lastSeq ?? 0) > 3)
    expect(await node.manager.list({ status: 'pending' })).toMatchObject([{ jobId: jobs.waits }])

    leaving.signal('SIGTERM')
    const pendingEnd = node.manager.waitForCompletion(jobs.waits)
    expect(await elapsed(pendingEnd)).toBeLessThan(SLACK_MS)
    expect(leaving.told.map(({ event }) => event)).not.toContain('drained')
    // The save takes another half of the drain, beyond any grace period.
    expect(await elapsed(leaving.gone)).toBeLessThan(1.5 * DRAIN_MS + GRACE_MS + SLACK_MS)
    expect(await leaving.gone).toEqual({ code: 0, signal: null })

    const ends: Record<LeavingJob, Partial<JobSnapshot>> = {
      finishes: { status: 'completed', result: 'whole', forced: false },
      streams: { ...byShutdown(), cleanup: 'clean', forced: false, step: 'Generating' },
      'does not hear': { ...byShutdown(), forced: true },
      saves: { status: 'completed', commit: 'done' },
      waits: { ...byShutdown(), cleanup: 'clean', forced: false },
    }
    for (const [name, end] of Object.entries(ends)) {
      expect(await node.manager.get(jobs[name as LeavingJob]), name).toMatchObject(end)
    }
    expect((await live).slice(-2)).toMatchObject([
      { type: 'cancelling', kind: 'shutdown' },
      { type: 'cancelled', kind: 'shutdown', forced: false },
    ])
    expect(leaving.told.map(({ event }) => event).filter((event) => event !== 'registered')).toEqual([
      'refused',
      'cleanup',
      'saved',
      'drained',
      'left',
    ])
    expect(leaving.told).toContainEqual({ event: 'refused', code: 'manager.closed' })
    expect(leaving.told).toContainEqual({
      event: 'drained',
      completed: 2,
      failed: 0,
      cancelled: 3,
      forced: 1,
      waitedMs: expect.any(Number),
    })
    // Its leases were renewed to the last cleanup: nobody took its jobs for lost.
    expect(node.logs.of('job.reaped')).toEqual([])
    expect(await admin.zcard(`{${prefix}}:leases`)).toBe(0)
    expect(await admin.keys(`{${prefix}}:viewers:*`)).toEqual([])
    await until('the end of its connections', isAlone)
    expect(leaving.told.at(-1)).toMatchObject({ stats: { timers: 0, listeners: 0, cleanups: 0, waiters: 0 } })
  })

  it('SHU-01, G12: while Redis is away it leaves in bounded time too, and its jobs are reaped when Redis is back', async () => {
    const redis = await startRedis({ appendOnly: true })
    onTestFinished(() => redis.stop())
    const prefix = `shutdown-${++prefixes}`
    const node = await openNode(redis.port, { prefix, client })
    const { jobs, ...leaving } = await startLeaving(redis.port, prefix)
    await until('output', async () => ((await node.manager.get(jobs.streams))?.lastSeq ?? 0) > 3)

    redis.pause()
    leaving.signal('SIGTERM')
    expect(await elapsed(leaving.gone)).toBeLessThan(1.5 * DRAIN_MS + GRACE_MS + 2 * STORE_MS + GOODBYE_MS + SLACK_MS)
    expect(await leaving.gone).toEqual({ code: 0, signal: null })
    expect(leaving.told).toContainEqual({ event: 'cleanup', status: 'cancelled' })
    redis.resume()

    const startedAt = performance.now()
    for (const jobId of Object.values(jobs)) {
      const end = await settledRecord(node, jobId)
      expect(end.commit === 'done' ? end.status : 'completed').toBe('completed')
      expect(endsOf(await readLog(node, jobId))).toHaveLength(1)
    }
    expect(performance.now() - startedAt).toBeLessThan(REAPED_MS)
  })
})

const byShutdown = () =>
  ({
    status: 'cancelled',
    commit: 'none',
    cancel: { reason: { kind: 'shutdown', at: expect.any(Number) }, requestedAt: expect.any(Number) },
  }) as const

async function connectionsOf(admin: Redis): Promise<number> {
  const clients = String(await admin.client('LIST'))
  return clients.trim().split('\n').length
}
