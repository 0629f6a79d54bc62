import { randomUUID } from 'node:crypto'
import { type Processor, Worker } from 'bullmq'
import { GenerationJobManager, type RunContext } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { faultProxy } from '../redis/support/fault-proxy.js'
import { hasRedis, type RedisServer, startRedis } from '../redis/support/redis-server.js'
import { until } from '../redis/support/until.js'
import { eventLog } from '../support/event-log.js'
import { seededRandom } from '../support/seeded-random.js'
import { followQueue, type Order, openBullNode } from './support/bull.js'
import { IMPATIENT } from './support/times.js'
import { startWorker } from './support/worker.js'

const ORDER = { words: 3 }

let server: RedisServer
beforeAll(async () => {
  if (hasRedis) server = await startRedis()
})
afterAll(() => server?.stop())

/** A producer that writes its words, or waits to be stopped if there is no end to them. */
function writer() {
  const runs: RunContext[] = []
  const write = (order: Order) => async (run: RunContext) => {
    runs.push(run)
    for (let word = 1; word <= order.words; word++) run.emit(`word ${word} `)
    if (order.words === 0) await new Promise((_, reject) => run.token.onCancel(() => reject(new Error('stopped'))))
    return `${order.words} words`
  }
  return { runs, write }
}

/** A web node, a worker node (its worker not yet started), and what BullMQ tells of the queue. */
async function setting(options: Parameters<typeof openBullNode>[3] = {}) {
  const name = `q-${randomUUID()}`
  const { runs, write } = writer()
  const web = openBullNode(server.port, name, write, options)
  const other = openBullNode(server.port, name, write, options)
  return { name, runs, web, other, events: await followQueue(server.port, name) }
}

describe.skipIf(!hasRedis)('the bridge over a real queue of BullMQ', () => {
  it('DIS-27: brings a job to a worker; BullMQ keeps nothing of it, our record has everything', async () => {
    const { runs, web, other, events } = await setting()
    const job = await web.bridge.enqueue(ORDER, { owner: 'ada' })
    expect(await web.queue.getJobCountByTypes('waiting')).toBe(1)
    other.work()
    expect(await job.settled).toMatchObject({ status: 'completed', value: '3 words', recorded: true })
    const told = await until('the end', () => events.find(({ event }) => event === 'completed'))
    expect(told).toMatchObject({ id: job.jobId, told: { jobId: job.jobId, status: 'completed', recorded: true } })
    expect((await eventLog(web.manager, job.jobId)).map(({ type }) => type)).toEqual([
      'chunk',
      'chunk',
      'chunk',
      'complete',
    ])
    expect(runs).toHaveLength(1)
    expect(await web.queue.getJob(job.jobId)).toBeUndefined()
  })

  it.each(['node-redis', 'a node with the bridge'])(
    'DIS-27: cancelled from %s before a worker has it, no worker runs it, and BullMQ does not try again',
    async (which) => {
      const { name, runs, web, other, events } = await setting()
      const job = await web.bridge.enqueue(ORDER)
      if (which === 'node-redis') {
        const client = createClient({ socket: { port: server.port, host: '127.0.0.1' } })
        await client.connect()
        const manager = new GenerationJobManager({
          store: createRedisJobStore({ client, prefix: name }),
          logger: false,
        })
        onTestFinished(async () => {
          await manager.close()
          client.destroy()
        })
        expect(await manager.cancel(job.jobId)).toMatchObject({ outcome: 'cancelled' })
        other.work()
        const told = await until('the end', () => events.find(({ event }) => event === 'failed'))
        expect(told).toMatchObject({ id: job.jobId, told: `Job ${job.jobId} was cancelled (user).` })
      } else {
        expect(await other.manager.cancel(job.jobId)).toMatchObject({ outcome: 'cancelled' })
        await until('the removal', () => events.find(({ event }) => event === 'removed'))
        other.work()
      }
      const next = await web.bridge.enqueue(ORDER) // behind it: when this one is done, the other would have been tried
      expect((await next.settled).status).toBe('completed')
      expect(runs.map(({ jobId }) => jobId)).toEqual([next.jobId])
      expect(events.filter(({ event, id }) => event === 'active' && id === job.jobId).length).toBeLessThan(2)
      const ends = [web, other].flatMap(({ logs }) => logs.of('job.cancelled', job.jobId))
      expect(ends).toHaveLength(1)
      expect(await web.queue.getJobCountByTypes('waiting', 'delayed', 'failed', 'completed')).toBe(0)
    },
  )

  it('DIS-27: cancelled while it runs, from another node, BullMQ does not try again', async () => {
    const { runs, web, other, events } = await setting()
    other.work()
    const job = await web.bridge.enqueue({ words: 0 })
    await until('the run', () => runs[0])
    expect(await web.manager.cancel(job.jobId)).toMatchObject({ outcome: 'cancelled', forced: false, recorded: true })
    const told = await until('the end', () => events.find(({ event }) => event === 'failed'))
    expect(told).toMatchObject({ id: job.jobId, told: `Job ${job.jobId} was cancelled (user).` })
    expect(events.filter(({ event }) => event === 'active')).toHaveLength(1)
    expect(runs[0]?.token.reason?.kind).toBe('user')
  })

  it('DIS-27: cancels that race the workers: each job ends once and is told once, and what never started was never run', async () => {
    const { runs, web, other } = await setting()
    const random = seededRandom(20_261_125)
    const workers = [web.work({ concurrency: 4 }), other.work({ concurrency: 4 })]
    await Promise.all(workers.map((worker) => worker.waitUntilReady()))
    const jobs = await Promise.all(
      Array.from({ length: 120 }, async () => {
        const job = await web.bridge.enqueue({ words: 0 })
        await until('a first run', () => runs[0]) // the workers are full soon, and the rest waits
        await new Promise((resolve) => setTimeout(resolve, 30 * random()))
        const result = await (random() < 0.5 ? web : other).manager.cancel(job.jobId)
        expect(result).toMatchObject({ outcome: 'cancelled', joined: false })
        return job.jobId
      }),
    )
    await until('an empty queue', async () => (await web.queue.getJobCountByTypes('waiting', 'active')) === 0)
    const started = new Set<string>()
    for (const job of await web.manager.list()) {
      expect(job).toMatchObject({ status: 'cancelled', commit: 'none' })
      if (job.startedAt !== undefined) started.add(job.jobId)
    }
    const ran = runs.map(({ jobId }) => jobId)
    expect(new Set(ran).size).toBe(ran.length)
    expect(ran.filter((jobId) => !started.has(jobId))).toEqual([])
    expect(started.size, 'some were cancelled in the queue, some on a worker').toBeGreaterThan(0)
    expect(started.size).toBeLessThan(jobs.length)
    const told = [web, other].flatMap(({ logs }) => logs.of('job.cancelled').map(({ fields }) => fields.job_id))
    expect(told.toSorted()).toEqual(jobs.toSorted())
  })

  it('DIS-27: BullMQ delivers it twice because its lock was lost: lockRenewalFailed cancels it, and the other delivery runs nothing', async () => {
    const { name, runs, web, other, events } = await setting()
    other.work(IMPATIENT)
    const job = await web.bridge.enqueue({ words: 0 })
    await until('the run', () => runs[0])
    const client = new Redis(server.port, '127.0.0.1')
    await client.del(`bull:${name}:${job.jobId}:lock`) // as after an outage
    client.disconnect()
    web.work(IMPATIENT)
    expect(await job.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'lease-lost' } })
    await until('the second delivery and its end', () => events.find(({ event }) => event === 'failed'))
    expect(events.some(({ event }) => event === 'stalled')).toBe(true)
    expect(runs).toHaveLength(1)
    expect(await web.manager.get(job.jobId)).toMatchObject({ status: 'cancelled', commit: 'none' })
  })

  it('DIS-03 DIS-27: its worker killed with SIGKILL while it runs: the record says owner.lost, a redelivery runs nothing', async () => {
    const { name, runs, web, events } = await setting()
    const worker = await startWorker(server.port, name, 'runs')
    const job = await web.bridge.enqueue({ words: 0 })
    await worker.hears('running')
    await worker.kill()
    web.work(IMPATIENT)
    expect(await job.settled).toMatchObject({ status: 'failed', error: { code: 'owner.lost' } })
    const told = await until('the redelivery', () => events.find(({ event }) => event === 'failed'))
    expect(told).toMatchObject({ told: `Job ${job.jobId} failed (owner.lost).` })
    expect(runs).toHaveLength(0)
  })

  it('DIS-27: its worker killed with SIGKILL before the start: it stays pending, and runs when it is delivered again', async () => {
    const { name, runs, web } = await setting()
    const worker = await startWorker(server.port, name, 'never starts')
    const job = await web.bridge.enqueue(ORDER)
    await worker.hears('received')
    await worker.kill()
    expect((await web.manager.get(job.jobId))?.status).toBe('pending')
    web.work(IMPATIENT)
    expect(await job.settled).toMatchObject({ status: 'completed', value: '3 words' })
    expect(runs).toHaveLength(1)
  })

  it('REG-15 DIS-27: at its deadline in the queue any node cancels it; a worker that comes later runs nothing', async () => {
    const { runs, web, other, events } = await setting()
    const job = await web.bridge.enqueue(ORDER, { deadlineMs: 300 })
    expect(await job.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'deadline' }, cleanup: 'clean' })
    other.work()
    await until('the end', () => events.find(({ event }) => event === 'failed'))
    expect(runs).toHaveLength(0)
    const told = [web, other].flatMap(({ logs }) => logs.events(job.jobId))
    expect(told.sort()).toEqual(['job.cancelled', 'job.registered'])
  })

  it('REG-08 DIS-27: enqueued twice with one key, from two nodes at once, it is one job and runs once', async () => {
    const { runs, web, other } = await setting()
    const jobs = await Promise.all(
      [web, other].map(({ bridge }) => bridge.enqueue(ORDER, { owner: 'ada', idempotencyKey: 'k' })),
    )
    expect(new Set(jobs.map(({ jobId }) => jobId)).size).toBe(1)
    expect(jobs.filter(({ created }) => created)).toHaveLength(1)
    other.work()
    web.work()
    expect((await jobs[0]?.settled)?.status).toBe('completed')
    await until('an empty queue', async () => (await web.queue.getJobCountByTypes('waiting', 'active')) === 0)
    expect(runs).toHaveLength(1)
  })

  it('SHU-01 DIS-27: a manager that drains gives back what its worker fetches; another worker runs it', async () => {
    const { runs, web, other, events } = await setting()
    const worker = other.work()
    await worker.waitUntilReady()
    expect(await other.manager.drain({ timeoutMs: 0 })).toMatchObject({ cancelled: 0 })
    const job = await web.bridge.enqueue(ORDER)
    await until('it is given back', () => events.find(({ event }) => event === 'delayed'))
    expect((await web.manager.get(job.jobId))?.status).toBe('pending')
    await worker.close()
    web.work()
    expect((await job.settled).status).toBe('completed')
    expect(runs).toHaveLength(1)
  })

  it('G11 SHU-01 DIS-27: a put-back that a black hole swallows is over in time, and the job is delivered again', async () => {
    const { name, runs, web, other } = await setting()
    const proxy = await faultProxy(server.port)
    const errors: Error[] = []
    const processor: Processor = async (job, token, signal) => {
      await proxy.set('black-hole')
      return other.bridge.processor(job, token, signal).catch((error: Error) => {
        errors.push(error)
        throw error
      })
    }
    const worker = new Worker(name, processor, { connection: { port: proxy.port, host: '127.0.0.1' }, ...IMPATIENT })
    worker.on('error', () => {})
    onTestFinished(async () => {
      await worker.close(true)
      await proxy.close()
    })
    await other.manager.drain({ timeoutMs: 0 })
    const job = await web.bridge.enqueue(ORDER)
    const error = await until('the end of the put-back', () => errors[0])
    expect(error).toMatchObject({ name: 'DelayedError', message: expect.stringContaining('BullMQ gave no answer') })
    web.work(IMPATIENT)
    expect(await job.settled).toMatchObject({ status: 'completed', value: '3 words' })
    expect(runs).toHaveLength(1)
    await proxy.set('none')
  })

  it('G11 DIS-27: after retention nothing of the jobs is left in Redis, neither ours nor BullMQ’s', async () => {
    const { name, web, other, events } = await setting({ retentionMs: 200 })
    const client = new Redis(server.port, '127.0.0.1')
    onTestFinished(() => client.disconnect())
    const ours = () => client.keys(`*${name}*`).then((keys) => keys.filter((key) => !key.startsWith('bull:')))
    const done = await web.bridge.enqueue(ORDER, { owner: 'ada', group: 'g', idempotencyKey: 'k' })
    expect(await ours()).not.toEqual([])
    const worker = other.work()
    await done.settled
    await worker.close()
    const overdue = await web.bridge.enqueue(ORDER, { deadlineMs: 200 })
    const cancelled = await web.bridge.enqueue(ORDER, { owner: 'ada', group: 'g' })
    await cancelled.cancel()
    await overdue.settled
    other.work()
    await until('the last delivery', () => events.find(({ event, id }) => event === 'failed' && id === overdue.jobId))
    await until('no key of ours', async () => (await ours()).length === 0)
    const ids = [done, overdue, cancelled].map(({ jobId }) => jobId)
    const left = await client.keys('bull:*')
    expect(left.filter((key) => ids.some((id) => key.includes(id)))).toEqual([])
    expect([web, other].map(({ manager }) => manager.stats().waiters)).toEqual([0, 0])
  })

  it('DIS-27: cancelJob of the worker cancels the job as signal: the processor is given BullMQ’s signal', async () => {
    const { runs, web, other } = await setting()
    const worker = other.work()
    const job = await web.bridge.enqueue({ words: 0 })
    await until('the run', () => runs[0])
    expect(worker.cancelJob(job.jobId, 'no longer wanted')).toBe(true)
    expect(await job.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'signal' } })
  })

  it('G13 DIS-27: with the queue unreachable enqueue says so, and leaves a cancelled record', async () => {
    const { web } = await setting()
    await web.queue.close()
    await expect(web.bridge.enqueue(ORDER, { jobId: 'j' })).rejects.toMatchObject({ code: 'store.failed' })
    expect(await web.manager.get('j')).toMatchObject({ status: 'cancelled', cancel: { reason: { kind: 'signal' } } })
  })

  it.each(['42', 'a:b'])('DIS-27: takes the id %s, which BullMQ refuses', async (id) => {
    const { web, other } = await setting()
    const job = await web.bridge.enqueue(ORDER, { jobId: id })
    other.work()
    expect(await job.settled).toMatchObject({ status: 'completed' })
  })

  it('DIS-27: delay and priority are BullMQ’s own; the deadline counts meanwhile', async () => {
    const { web, other, runs } = await setting()
    const late = await web.bridge.enqueue(ORDER, { deadlineMs: 300 }, { delay: 60_000 })
    const last = await web.bridge.enqueue({ words: 1 }, {}, { priority: 2 })
    const first = await web.bridge.enqueue({ words: 2 }, {}, { priority: 1 })
    other.work()
    await Promise.all([first.settled, last.settled])
    expect(runs.map(({ jobId }) => jobId)).toEqual([first.jobId, last.jobId])
    expect(await late.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'deadline' } })
  })
})
