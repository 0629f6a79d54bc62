import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CLIENT_NAMES } from './support/clients.js'
import { endless, GRACE_MS, HEARTBEAT_MS, LEASE_MS, openNode, REAPED_MS, SLACK_MS } from './support/node.js'
import { startOwner } from './support/owner.js'
import { readLog, settledRecord, whileAway } from './support/records.js'
import { hasRedis, startRedis } from './support/redis-server.js'
import { adminOf } from './support/replicated.js'
import { elapsed, until } from './support/until.js'

// Killed and restarted with its file within the lease, and for longer: failure-matrix.test.ts, DIS-15 and DIS-05.
describe.skipIf(!hasRedis).each(CLIENT_NAMES)(
  'failure matrix: Redis is killed and started again, through %s',
  (client) => {
    it('DIS-12: without its file: every owner finds its job gone, cancels it locally, writes nothing anew, and new jobs run', async () => {
      const redis = await startRedis()
      onTestFinished(() => redis.stop())
      const [a, b] = [await openNode(redis.port, { client }), await openNode(redis.port, { client })]
      let isCleaned = false
      let saves = 0
      let commit = (): void => {}
      const asked = new Promise<void>((resolve) => {
        commit = resolve
      })
      const streaming = await a.manager.register(async (run) => {
        run.defer(() => {
          isCleaned = true
        })
        await run.stream(endless())
      })
      const silent = await a.manager.register(() => new Promise<void>(() => {}))
      const saving = await a.manager.register(async (run) => {
        await asked
        await run.commit(() => {
          saves++
        })
      })
      await until('output', async () => ((await b.manager.get(streaming.jobId))?.lastSeq ?? 0) > 3)
      const waiting = b.manager.waitForCompletion(streaming.jobId)

      await redis.kill()
      await redis.start()
      commit()
      const startedAt = performance.now()
      for (const { settled } of [streaming, silent]) {
        expect(await settled).toMatchObject({ status: 'cancelled', reason: { kind: 'lease-lost' }, recorded: false })
      }
      expect(await saving.settled).toMatchObject({ commit: 'none', recorded: false })
      expect(performance.now() - startedAt).toBeLessThan(LEASE_MS + GRACE_MS + SLACK_MS)
      expect({ isCleaned, saves }).toEqual({ isCleaned: true, saves: 0 })
      expect(await waiting).toMatchObject({ settled: false, cause: 'not-found' })
      await delay(3 * HEARTBEAT_MS)
      expect(await adminOf(redis.port).keys('*')).toEqual([])
      const after = await until('a new job', () => b.manager.register(async () => 'works again').catch(whileAway))
      expect(await after.settled).toMatchObject({ status: 'completed', value: 'works again', recorded: true })
      expect(await readLog(a, after.jobId)).toMatchObject([{ type: 'complete' }])
    })

    it('DIS-03, DIS-15: with its file, and meanwhile an owner was killed: it is reaped after its lease, by the time of the server', async () => {
      const redis = await startRedis({ appendOnly: true })
      onTestFinished(() => redis.stop())
      const prefix = 'restarted'
      const node = await openNode(redis.port, { client, prefix })
      const owner = await startOwner(redis.port, prefix, 'streams')
      await until('output', async () => ((await node.manager.get(owner.jobId))?.lastSeq ?? 0) > 3)
      await redis.kill()
      await owner.kill()
      await redis.start()
      const end = settledRecord(node, owner.jobId)
      expect(await elapsed(end)).toBeLessThan(REAPED_MS)
      expect(await end).toMatchObject({ status: 'failed', error: { code: 'owner.lost' }, commit: 'none' })
      const events = await readLog(node, owner.jobId)
      expect(events.filter(({ type }) => type !== 'chunk')).toEqual([events.at(-1)])
    })
  },
)
