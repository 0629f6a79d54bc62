import { setTimeout as delay } from 'node:timers/promises'
import type { JobHandle, Producer } from 'generation-jobs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../support/seeded-random.js'
import { type Fault, faultProxy } from './support/fault-proxy.js'
import { faultsOf, type JobHistory } from './support/history.js'
import { LEASE_MS, openNode, type RedisNode } from './support/node.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'
import { until } from './support/until.js'

/** `CHAOS_JOBS=1000 CHAOS_SEED=…` for a long run, and to see one again. */
const JOBS = Number(process.env.CHAOS_JOBS ?? 200)
const SEED = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 1e9))
const FAULTS: readonly Fault[] = ['black-hole', 'lose-replies', 'refuse']

describe.skipIf(!hasRedis)(`three nodes, ${JOBS} jobs, and faults at random (CHAOS_SEED=${SEED})`, () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis({ appendOnly: true })
  })
  afterAll(() => server.stop())

  it('G1, G6, G10, G12: each job has one end, no commit that is not told, and no gap in its log', {
    timeout: 600_000,
  }, async () => {
    const random = seededRandom(SEED)
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
    const proxies = await Promise.all(['a', 'b', 'c'].map(() => faultProxy(server.port)))
    onTestFinished(async () => void (await Promise.all(proxies.map((proxy) => proxy.close()))))
    const nodes: RedisNode[] = []
    for (const [index, proxy] of proxies.entries()) {
      const client = index === 1 ? 'node-redis' : 'ioredis'
      nodes.push(await openNode(proxy.port, { client, maxConcurrentJobs: 30, commitTimeoutMs: 1_000 }))
    }
    const histories: JobHistory[] = []
    let isOver = false

    const faults = (async () => {
      while (!isOver) {
        await delay(random() * 300)
        if (random() < 0.08) {
          await server.kill()
          await delay(random() * 300)
          await server.start()
          continue
        }
        const proxy = pick(proxies)
        await proxy.set(pick(FAULTS))
        await delay(random() < 0.8 ? random() * 400 : LEASE_MS * (1 + random()))
        await proxy.set('none')
        proxy.reset()
      }
    })()

    async function job(): Promise<void> {
      const history: JobHistory = { jobId: '', saves: { begun: 0, done: 0 }, cancels: [] }
      const handle = await register(producerOf(history.saves))
      if (!handle) return
      Object.assign(history, { jobId: handle.jobId })
      histories.push(history)
      void handle.settled.then((outcome) => {
        history.outcome = outcome
      })
      if (random() < 0.5) {
        await delay(random() * 200)
        await cancel(history)
      }
      // Those that wait for ever are ended by somebody.
      const isSettled = () => Promise.race([handle.settled.then(() => true), delay(1_000, false)])
      while (!(await isSettled())) await cancel(history)
    }

    function cancel({ jobId, cancels }: JobHistory): Promise<unknown> {
      return pick(nodes)
        .manager.cancel(jobId)
        .then(
          ({ outcome }) => cancels.push(outcome),
          () => cancels.push('unanswered'),
        )
    }

    function register(producer: Producer<unknown>): Promise<JobHandle<unknown> | undefined> {
      return pick(nodes)
        .manager.register(producer)
        .catch(() => undefined)
    }

    function producerOf(saves: JobHistory['saves']): Producer<unknown> {
      const chunks = Math.floor(random() * 20)
      const ending = random()
      const pace = random() * 10
      return async (run) => {
        for (let count = 0; count < chunks; count++) {
          run.emit(`chunk ${count}`)
          await delay(pace)
        }
        if (ending < 0.2) throw new Error('no')
        if (ending < 0.3) return new Promise(() => {}) // until it is cancelled
        if (ending < 0.4) return 'a result'
        return run.commit(async () => {
          saves.begun++
          await delay(pace)
          saves.done++
        })
      }
    }

    const workers = Array.from({ length: 12 }, async (_, index) => {
      for (let count = index; count < JOBS; count += 12) await job()
    })
    await Promise.all(workers)
    isOver = true
    await faults
    for (const proxy of proxies) await proxy.set('none')

    const [observer] = nodes as [RedisNode]
    for (const history of histories) {
      const { jobId } = history
      history.record = await until(
        `the end of ${jobId}`,
        async () => {
          const record = await observer.manager.get(jobId).catch(() => undefined)
          return record?.settledAt === undefined ? undefined : record
        },
        LEASE_MS + 20_000,
      )
      const read = await observer.store.readEvents(jobId, 0, 10_000)
      if (read.answer === 'events') history.log = read.events
    }
    expect(histories.flatMap(faultsOf)).toEqual([])
    expect(histories.length).toBeGreaterThan(JOBS / 3)
    const live = await observer.manager.list({ status: ['pending', 'running', 'cancelling', 'committing'] })
    expect(live).toEqual([])
  })
})
