import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, GenerationJobManager, type RunContext } from 'generation-jobs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/system-clock.js'
import { openRedisJobStore } from '../../src/redis/redis-job-store.js'
import { captureLogs } from '../support/captured-logs.js'
import { CLIENT_NAMES, CLIENTS } from './support/clients.js'
import { CANCEL_MS, endless, GRACE_MS, HEARTBEAT_MS, LEASE_MS, openNode, REAPED_MS, SLACK_MS } from './support/node.js'
import { startOwner } from './support/owner.js'
import { readLog, settledRecord } from './support/records.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'
import { until } from './support/until.js'

const HOUR_MS = 3_600_000
const JUMPS = [
  ['forward', HOUR_MS],
  ['backward', -HOUR_MS],
] as const

let server: RedisServer
let prefixes = 0
const newPrefix = () => `jump-${++prefixes}`
beforeAll(async () => {
  if (hasRedis) server = await startRedis()
})
afterAll(async () => server?.stop())

/** The real clock of a machine whose date can be set while the process runs. */
function jumpingClock(): Clock & { jump(ms: number): void } {
  let offsetMs = 0
  return {
    ...systemClock,
    now: () => systemClock.now() + offsetMs,
    jump(ms) {
      offsetMs += ms
    },
  }
}

describe.skipIf(!hasRedis).each(JUMPS)('failure matrix: the wall clock of one node jumps an hour %s', (_, jumpMs) => {
  it.each(CLIENT_NAMES)(
    'DIS-14: (Clock option, %s) it moves no deadline, no idle limit, no wait and no lease of that node or of another one',
    async (client) => {
      const prefix = newPrefix()
      const clock = jumpingClock()
      const [a, b] = [
        await openNode(server.port, { prefix, client, clock }),
        await openNode(server.port, { prefix, client }),
      ]
      const deadlineMs = 2_500
      const streaming = (run: RunContext) => run.stream(endless()).then(() => {})
      const limited = await a.manager.register(streaming, { deadlineMs })
      const silent = await a.manager.register(() => new Promise<void>(() => {}), { idleTimeoutMs: deadlineMs })
      const endlessly = await a.manager.register(streaming)
      const there = await b.manager.register(streaming)
      const registeredAt = performance.now()
      const waiting = a.manager.waitForCompletion(there.jobId, { timeoutMs: deadlineMs })

      clock.jump(jumpMs)
      await delay(LEASE_MS + 2 * HEARTBEAT_MS) // long enough for a lease to be lost
      for (const { jobId } of [limited, silent, endlessly, there]) {
        expect(await b.manager.get(jobId)).toMatchObject({ status: 'running' })
      }
      expect(await limited.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'deadline' }, recorded: true })
      expect(await silent.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'idle' }, recorded: true })
      expect(await waiting).toMatchObject({ settled: false, cause: 'timeout' })
      const tookMs = performance.now() - registeredAt
      expect(tookMs).toBeGreaterThan(deadlineMs - HEARTBEAT_MS)
      expect(tookMs).toBeLessThan(deadlineMs + GRACE_MS + SLACK_MS)

      expect(await b.manager.cancel(endlessly.jobId)).toMatchObject({ outcome: 'cancelled' })
      expect(await a.manager.cancel(there.jobId)).toMatchObject({ outcome: 'cancelled' })
      const { queuedMs, runMs } = await endlessly.settled
      expect(queuedMs).toBeLessThan(LEASE_MS)
      expect(runMs).toBeGreaterThan(LEASE_MS)
      expect(runMs).toBeLessThan(60_000)
      expect([...a.logs.of('job.reaped'), ...b.logs.of('job.reaped')]).toEqual([])
    },
  )

  it('DIS-14: (child process whose Date.now jumps, its Redis client with it) it keeps its lease, and hears a cancel', async () => {
    const prefix = newPrefix()
    const node = await openNode(server.port, { prefix })
    const owner = await startOwner(server.port, prefix, 'streams', { dateJumpMs: jumpMs })
    owner.signal('SIGUSR2')
    await owner.hears('date jumped')
    await delay(LEASE_MS + 2 * HEARTBEAT_MS)
    expect(await node.manager.get(owner.jobId)).toMatchObject({ status: 'running' })
    expect(await node.manager.cancel(owner.jobId)).toMatchObject({
      outcome: 'cancelled',
      cleanup: 'clean',
      forced: false,
    })
    expect(await owner.hears('settled')).toMatchObject({ status: 'cancelled', reason: 'user', recorded: true })
    expect(node.logs.of('job.reaped')).toEqual([])
  })
})

describe.skipIf(!hasRedis)("failure matrix: the server's clock jumps (the stores' own shift of its time)", () => {
  /** All time in a script is the server's TIME plus this shift, the same for every node, as if TIME itself had jumped. */
  async function nodes() {
    const prefix = newPrefix()
    let aheadMs = 0
    const open = async () => {
      const { client, close } = await CLIENTS.ioredis(server.port)
      const options = { client, subscriber: undefined, prefix, leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS }
      const logs = captureLogs()
      const store = openRedisJobStore({ ...options, aheadMs: () => aheadMs })
      const manager = new GenerationJobManager({
        store,
        logger: logs,
        gracePeriodMs: GRACE_MS,
        cancelTimeoutMs: CANCEL_MS,
      })
      onTestFinished(async () => {
        await manager.close()
        close()
      })
      return { manager, store, logs }
    }
    const jump = (ms: number) => {
      aheadMs += ms
    }
    return { prefix, jump, a: await open(), b: await open() }
  }

  it('DIS-05: forward, beyond the lease: jobs are lost early, their owner is fenced and saves nothing; later jobs are not concerned', async () => {
    const { jump, a, b } = await nodes()
    let saves = 0
    let goOn = (): void => {}
    const reaped = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const register = () =>
      a.manager.register(async (run) => {
        run.emit('text')
        await reaped
        await run.commit(() => {
          saves++
        })
      })
    const before = await Promise.all(Array.from({ length: 10 }, register))
    // A chunk on its way would renew the lease by the time after the jump.
    for (const { jobId } of before) await until('output', async () => (await b.manager.get(jobId))?.lastSeq === 1)
    jump(10 * LEASE_MS)
    expect(await b.store.reap()).toHaveLength(before.length)
    const after = await Promise.all(Array.from({ length: 10 }, register))
    goOn()
    for (const { jobId, settled } of before) {
      expect(await settled).toMatchObject({ status: 'failed', error: { code: 'owner.lost' }, commit: 'none' })
      expect(await b.manager.get(jobId)).toMatchObject({
        status: 'failed',
        error: { code: 'owner.lost' },
        commit: 'none',
      })
      expect((await readLog(b, jobId)).filter(({ type }) => type !== 'chunk')).toMatchObject([{ type: 'error' }])
    }
    for (const { settled } of after) expect(await settled).toMatchObject({ status: 'completed', commit: 'done' })
    expect(saves).toBe(after.length)
    expect(a.logs.of('job.fenced')).toHaveLength(before.length)
  })

  it('G12: backward: a dead owner is found later by the jump, no sooner and never not', async () => {
    const { prefix, jump, b } = await nodes()
    const owner = await startOwner(server.port, prefix, 'hangs')
    const jumpMs = 2 * LEASE_MS
    jump(-jumpMs)
    const killedAt = performance.now()
    await owner.kill()
    const end = await settledRecord(b, owner.jobId)
    const tookMs = performance.now() - killedAt
    expect(tookMs).toBeGreaterThan(jumpMs)
    expect(tookMs).toBeLessThan(jumpMs + REAPED_MS)
    expect(end).toMatchObject({ status: 'failed', error: { code: 'owner.lost' } })
  })

  it("G2: backward, while somebody cancels a dead owner's job: the canceller's own limit answers requested", async () => {
    const { prefix, jump, b } = await nodes()
    const owner = await startOwner(server.port, prefix, 'hangs')
    jump(-10 * LEASE_MS)
    await owner.kill()
    const askedAt = performance.now()
    expect(await b.manager.cancel(owner.jobId)).toMatchObject({ outcome: 'requested', status: 'cancelling' })
    expect(performance.now() - askedAt).toBeLessThan(CANCEL_MS + SLACK_MS)
    jump(10 * LEASE_MS)
    const end = await settledRecord(b, owner.jobId)
    expect(end).toMatchObject({
      status: 'cancelled',
      cancel: { reason: { kind: 'user' } },
      cleanup: 'unknown',
      commit: 'none',
    })
  })
})
