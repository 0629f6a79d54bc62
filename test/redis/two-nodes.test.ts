import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAll } from '../support/read-all.js'
import { placesOf } from './support/clients.js'
import { endless, type NodeOptions, openNode } from './support/node.js'
import { hasRedis, PROGRAMS, type RedisServer, startRedis } from './support/redis-server.js'
import { until } from './support/until.js'

describe.skipIf(!hasRedis).each(placesOf(PROGRAMS))(
  'two managers on one $program.name, through $client',
  ({ program, client }) => {
    let server: RedisServer
    let count = 0
    beforeAll(async () => {
      server = await startRedis({ program })
    })
    afterAll(() => server.stop())

    async function nodes(options: NodeOptions = {}) {
      const prefix = `nodes-${++count}`
      const both = { client, prefix, ...options }
      return [await openNode(server.port, both), await openNode(server.port, both)] as const
    }

    it('DIS-01: a cancel on the other node reaches token and signal, and its answer carries what the owner recorded', async () => {
      const [a, b] = await nodes()
      let signal: AbortSignal | undefined
      const { jobId, settled } = await a.manager.register(async (run) => {
        signal = run.signal
        run.step('Generating')
        run.defer(() => Promise.reject(new Error('no')), 'release')
        await run.stream(endless())
      })
      await until('output', async () => ((await b.manager.get(jobId))?.lastSeq ?? 0) > 2)
      const result = await b.manager.cancel(jobId, { by: 'somebody' })
      expect(result).toMatchObject({
        outcome: 'cancelled',
        cleanup: 'failed',
        forced: false,
        step: 'Generating',
        joined: false,
      })
      expect(signal?.aborted).toBe(true)
      const outcome = await settled
      expect(outcome).toMatchObject({
        status: 'cancelled',
        commit: 'none',
        recorded: true,
        reason: { kind: 'user', by: 'somebody' },
      })
      expect(await b.manager.get(jobId)).toMatchObject({ status: 'cancelled', cleanup: 'failed' })
      expect(await b.manager.cancel(jobId)).toMatchObject({ outcome: 'already-settled', status: 'cancelled' })
    })

    it('G10: a reader on the other node gets every event from any cursor, live, after the end, and after the owner is gone', async () => {
      const [a, b] = await nodes()
      const { jobId, settled } = await a.manager.register(async (run) => {
        for (let index = 1; index <= 300; index++) {
          run.emit(`chunk ${index}`)
          if (index % 7 === 0) await delay(1)
        }
        return { whole: [] }
      })
      const live = await readAll(b.manager.events(jobId))
      expect(live.map(({ seq }) => seq)).toEqual(Array.from({ length: 301 }, (_, index) => index + 1))
      expect(live.at(-1)).toMatchObject({ type: 'complete', result: { whole: [] } })
      expect(await settled).toMatchObject({ status: 'completed', value: { whole: [] }, recorded: true })
      await a.manager.close()
      for (const after of [0, 1, 150, 299, 300, 301]) {
        expect(await readAll(b.manager.events(jobId, { after }))).toEqual(live.slice(after))
      }
      expect(await b.manager.waitForCompletion(jobId)).toMatchObject({
        settled: true,
        outcome: { status: 'completed', value: { whole: [] } },
      })
    })

    it('REG: the same idempotency key on two nodes at once is one job, and its producer is called once', async () => {
      const [a, b] = await nodes()
      let calls = 0
      const producer = async () => {
        calls++
        await delay(30)
        return 'done'
      }
      const same = { owner: 'o', idempotencyKey: 'k', requestFingerprint: 'f' }
      const handles = await Promise.all([a, b, a, b].map(({ manager }) => manager.register(producer, same)))
      expect(new Set(handles.map(({ jobId }) => jobId)).size).toBe(1)
      expect(handles.filter(({ created }) => created)).toHaveLength(1)
      const outcomes = await Promise.all(handles.map(({ settled }) => settled))
      expect(outcomes.map((outcome) => outcome.status === 'completed' && outcome.value)).toEqual([
        'done',
        'done',
        'done',
        'done',
      ])
      expect(calls).toBe(1)
      await expect(b.manager.register(producer, { ...same, requestFingerprint: 'another' })).rejects.toMatchObject({
        code: 'idempotency.conflict',
      })
    })

    it('REG: a group is exclusive over nodes, and a newer job replaces one of another node', async () => {
      const [a, b] = await nodes()
      const group = { owner: 'o', group: 'conversation' }
      const first = await a.manager.register(async (run) => run.stream(endless()).then(() => {}), group)
      await expect(b.manager.register(async () => 1, { ...group, onConflict: 'reject' })).rejects.toMatchObject({
        code: 'job.conflict',
        jobId: first.jobId,
      })
      const second = await b.manager.register(async () => 2, { ...group, onConflict: 'replace' })
      expect(await first.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'replaced' } })
      expect(await second.settled).toMatchObject({ status: 'completed', value: 2 })
      const listed = await a.manager.list(group)
      expect(listed.map(({ jobId, status }) => [jobId, status])).toEqual([
        [first.jobId, 'cancelled'],
        [second.jobId, 'completed'],
      ])
      expect(await a.manager.list({ ...group, status: 'completed' })).toHaveLength(1)
    })

    it('DIS-23: a committing job is too late for any node', async () => {
      const [a, b] = await nodes()
      let finish = (): void => {}
      const saved = new Promise<void>((resolve) => {
        finish = resolve
      })
      const { jobId, settled } = await a.manager.register(async (run) => {
        await run.commit(() => saved)
      })
      await until('the claim', async () => (await b.manager.get(jobId))?.status === 'committing')
      const asked = b.manager.cancel(jobId)
      await delay(50)
      finish()
      expect(await asked).toMatchObject({ outcome: 'too-late' })
      expect(await settled).toMatchObject({ status: 'completed', commit: 'done' })
    })

    it('REG: a pending job is cancelled from the other node at once, and its producer is never called', async () => {
      const [a, b] = await nodes({ maxConcurrentJobs: 1 })
      const first = await a.manager.register(async (run) => run.stream(endless()).then(() => {}))
      let called = false
      const second = await a.manager.register(async () => {
        called = true
      })
      expect(await b.manager.cancel(second.jobId)).toMatchObject({ outcome: 'cancelled', cleanup: 'clean' })
      expect(await second.settled).toMatchObject({ status: 'cancelled' })
      await first.cancel()
      expect(called).toBe(false)
    })

    it('DIS-25: viewers on two nodes: the job goes on while one is left, and is cancelled when none is', async () => {
      const [a, b] = await nodes({ onDisconnect: 'cancel', disconnectGraceMs: 300 })
      const { jobId, settled } = await a.manager.register(async (run) => run.stream(endless()).then(() => {}))
      const here = a.manager.events(jobId, { viewer: true })[Symbol.asyncIterator]()
      const there = b.manager.events(jobId, { viewer: true })[Symbol.asyncIterator]()
      await Promise.all([here.next(), there.next()])
      await here.return?.()
      await delay(700)
      expect((await a.manager.get(jobId))?.status).toBe('running')
      await there.return?.()
      expect(await settled).toMatchObject({ status: 'cancelled', reason: { kind: 'disconnect' } })
    })

    it('DIS-14: wall clocks of nodes that are minutes apart move no deadline and no lease', async () => {
      const shifted = (ms: number): NodeOptions => ({
        clock: {
          now: () => Date.now() + ms,
          monotonic: () => performance.now(),
          setTimer(after, fn, options) {
            const timer = setTimeout(fn, after)
            if (options?.unref) timer.unref()
            return () => clearTimeout(timer)
          },
          yieldMacrotask: () => new Promise((resolve) => setImmediate(resolve)),
        },
      })
      const prefix = `nodes-${++count}`
      const a = await openNode(server.port, { client, prefix, ...shifted(-600_000) })
      const b = await openNode(server.port, { client, prefix, ...shifted(600_000) })
      const { jobId, settled } = await a.manager.register(async (run) => run.stream(endless()).then(() => {}))
      await delay(1_500) // longer than the lease
      expect(await b.manager.get(jobId)).toMatchObject({ status: 'running' })
      expect(await b.manager.cancel(jobId)).toMatchObject({ outcome: 'cancelled' })
      const { queuedMs, runMs } = await settled
      expect(queuedMs).toBeLessThan(1_000)
      expect(runMs).toBeGreaterThan(1_000)
      expect(runMs).toBeLessThan(30_000)
    })
  },
)
