import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { faultProxy } from './support/fault-proxy.js'
import { endless, HEARTBEAT_MS, LEASE_MS, openNode, type RedisNode, SLACK_MS } from './support/node.js'
import { endsOf, readLog, settledRecord, whileAway } from './support/records.js'
import { hasRedis } from './support/redis-server.js'
import { adminOf, startReplicated } from './support/replicated.js'
import { until } from './support/until.js'

/** Longer than elsewhere: the failover happens within the lease. */
const OPTIONS = { leaseMs: 2 * LEASE_MS, gracePeriodMs: 500, cancelTimeoutMs: 2_500 } as const
/** The least that Redis knows. */
const MAX_LAG_S = 1
const REAPED_MS = OPTIONS.leaseMs + 2 * HEARTBEAT_MS + 2 * SLACK_MS

describe.skipIf(!hasRedis)('failure matrix: a failover that loses acknowledged writes', () => {
  /** Two nodes that reach whoever is the primary by one address; the replica can be cut off from the primary. */
  async function open(more: { leaseMs?: number } = {}) {
    const links: Awaited<ReturnType<typeof faultProxy>>[] = []
    const proxyTo = async (port: number) => {
      const proxy = await faultProxy(port)
      onTestFinished(() => proxy.close())
      links.push(proxy)
      return proxy.port
    }
    const { primary, replica, caughtUp } = await startReplicated({ way: proxyTo })
    const address = await proxyTo(primary.port)
    const [link, toPrimary] = links
    const [a, b] = [await openNode(address, { ...OPTIONS, ...more }), await openNode(address, { ...OPTIONS, ...more })]
    return {
      a,
      b,
      primary: adminOf(primary.port),
      /** What is written from now on, the replica does not get. */
      cutOff: async () => {
        await caughtUp()
        await link?.set('black-hole')
      },
      failOver: async () => {
        await primary.kill()
        await adminOf(replica.port).replicaof('NO', 'ONE')
        toPrimary?.leadTo(replica.port)
      },
    }
  }

  it('G13: the end of a job was lost: who was told it keeps it, the record ends as owner.lost, and no reader sees two ends', async () => {
    const { a, b, cutOff, failOver } = await open()
    const job = await a.manager.register(async (run) => run.stream(endless()).then(() => {}))
    await until('output', async () => ((await b.manager.get(job.jobId))?.lastSeq ?? 0) > 3)
    const early = readLog(b, job.jobId)
    await cutOff()
    expect(await b.manager.cancel(job.jobId)).toMatchObject({ outcome: 'cancelled' })
    expect(await job.settled).toMatchObject({ status: 'cancelled', recorded: true })
    expect(endsOf(await early)).toEqual(['cancelled'])
    await failOver()
    const record = await settledRecord(b, job.jobId, REAPED_MS)
    expect(record).toMatchObject({ status: 'failed', error: { code: 'owner.lost' }, commit: 'none' })
    expect(endsOf(await readLog(b, job.jobId))).toEqual(['error'])
    expect(await job.settled).toMatchObject({ status: 'cancelled', commit: 'none' })
  })

  it('G10, G12: output was lost: its owner sees the gap, gives up, saves nothing, and says that it is not recorded', async () => {
    const { a, b, cutOff, failOver } = await open()
    let saves = 0
    let stop = false
    const job = await a.manager.register(async (run) => {
      for (let index = 0; !stop; index++) {
        run.emit(`chunk ${index}`)
        await delay(5)
      }
      await run.commit(() => {
        saves++
      })
    })
    const lastSeq = async () => (await b.manager.get(job.jobId).catch(whileAway))?.lastSeq ?? 0
    await until('output', async () => (await lastSeq()) > 3)
    const early = readLog(b, job.jobId)
    await cutOff()
    const known = await lastSeq()
    await until('output that is lost', async () => (await lastSeq()) > known + 20)
    await failOver()
    expect(await job.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'lease-lost' }, recorded: false })
    stop = true
    const record = await settledRecord(b, job.jobId, REAPED_MS)
    expect(record).toMatchObject({ status: 'failed', error: { code: 'owner.lost' }, commit: 'none' })
    expect(record.lastSeq).toBeLessThan(known + 20)
    expect(saves).toBe(0)
    expect(endsOf(await readLog(b, job.jobId))).toEqual(['error'])
    expect(endsOf(await early).length).toBeLessThan(2)
    expect(a.logs.of('job.fenced', job.jobId)).toHaveLength(1)
  })

  it('G6: a claim was lost, and nobody cancelled meanwhile: the save counts, and the record says so', async () => {
    const { a, b, cutOff, failOver } = await open()
    const saving = committing(a)
    const job = await saving.job
    await until('the job', async () => (await b.manager.get(job.jobId))?.status === 'running')
    await cutOff()
    await saving.begin()
    await failOver()
    await until('the new primary', async () => (await b.manager.get(job.jobId).catch(whileAway))?.status === 'running')
    saving.finish()
    expect(await job.settled).toMatchObject({ status: 'completed', commit: 'done', recorded: true })
    expect(await b.manager.get(job.jobId)).toMatchObject({ status: 'completed', commit: 'done' })
    expect(saving.saves()).toBe(1)
  })

  it('G1, G6: a claim was lost, and the new primary took a cancel: the record is cancelled, one save was made, and each reader sees one end', async () => {
    const { a, b, cutOff, failOver } = await open()
    const saving = committing(a)
    const job = await saving.job
    await cutOff()
    await saving.begin()
    await failOver()
    // What nobody can prevent without min-replicas-to-write: two decisions, of which either primary took one.
    const asked = await until('an answer', () => b.manager.cancel(job.jobId).catch(whileAway))
    expect(asked).toMatchObject({ outcome: expect.stringMatching(/^(requested|cancelled)$/) })
    saving.finish()
    expect(await job.settled).toMatchObject({ status: 'completed', commit: 'done', recorded: false })
    const record = await settledRecord(b, job.jobId, REAPED_MS)
    expect(record).toMatchObject({ status: 'cancelled', cancel: { reason: { kind: 'user' } }, commit: 'none' })
    expect(saving.saves()).toBe(1)
    for (const node of [a, b]) expect(endsOf(await readLog(node, job.jobId))).toEqual(['cancelled'])
  })

  it('DIS-26: with min-replicas-to-write, a primary without its replica takes neither claim nor cancel, so that nothing is decided twice', async () => {
    const { a, b, primary, cutOff, failOver } = await open({ leaseMs: 10_000 })
    await primary.config('SET', 'min-replicas-to-write', '1')
    await primary.config('SET', 'min-replicas-max-lag', String(MAX_LAG_S))
    const saving = committing(a)
    const [committed, cancelled] = await Promise.all([
      saving.job,
      a.manager.register((run) => new Promise<void>((resolve) => void run.token.onCancel(() => resolve()))),
    ])
    await cutOff()
    const cutAt = performance.now()
    await until('the refusal of writes', () => primary.set('anything', '').then(() => false, isNoReplicas))
    const windowMs = performance.now() - cutAt
    expect(windowMs).toBeLessThan((MAX_LAG_S + 2) * 1_000 + SLACK_MS)
    process.stdout.write(
      `min-replicas-max-lag ${MAX_LAG_S}: an isolated primary took writes for ${Math.round(windowMs)} ms\n`,
    )

    void saving.begin()
    expect(await committed.settled).toMatchObject({
      status: 'failed',
      error: { code: 'commit.unproved' },
      recorded: false,
    })
    await expect(b.manager.cancel(cancelled.jobId)).rejects.toMatchObject({ code: 'store.failed' })
    await failOver()
    const answer = await until('an answer', () => b.manager.cancel(cancelled.jobId).catch(whileAway))
    expect(answer).toMatchObject({ outcome: 'cancelled', cleanup: 'clean' })
    expect(await cancelled.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'user' }, recorded: true })
    const record = await settledRecord(b, committed.jobId, 20_000)
    expect(record).toMatchObject({ status: 'failed', error: { code: 'commit.unproved' }, commit: 'none' })
    expect(saving.saves()).toBe(0)
    for (const jobId of [committed.jobId, cancelled.jobId]) expect(endsOf(await readLog(b, jobId))).toHaveLength(1)
  })
})

/** A job that saves when it is told to, and whose save ends when it is told to. */
function committing(node: RedisNode) {
  const [begun, begin] = gate()
  const [inSave, enter] = gate()
  const [finished, finish] = gate()
  let saves = 0
  const job = node.manager.register(async (run) => {
    await begun
    await run.commit(async () => {
      saves++
      enter()
      await finished
    })
  })
  return {
    job,
    /** Resolves in the save. */
    begin: () => {
      begin()
      return inSave
    },
    finish,
    saves: () => saves,
  }
}

function gate(): [Promise<void>, () => void] {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return [opened, () => open()]
}

const isNoReplicas = (error: Error): boolean => error.message.startsWith('NOREPLICAS')
