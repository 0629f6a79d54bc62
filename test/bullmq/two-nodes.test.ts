import { StoreError } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { eventLog } from '../support/event-log.js'
import { within } from '../support/within.js'
import { shop } from './support/shop.js'

const HEARTBEAT = 1_000
const LEASE = 6_000
const ORDER = { words: 3 }
const SUMMARIES = ['job.cancelled', 'job.completed', 'job.failed']

const summariesOf = (nodes: readonly { logs: { events(jobId: string): unknown[] } }[], jobId: string) =>
  nodes.flatMap(({ logs }) => logs.events(jobId).filter((event) => SUMMARIES.includes(String(event))))

describe('a queued job', () => {
  it('DIS-27: is recorded pending, runs on the worker that gets it, and is told to BullMQ when it is released', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const job = await web.bridge.enqueue(ORDER, { owner: 'ada', group: 'chat', metadata: { tone: 'dry' } })
    expect(job.created).toBe(true)
    expect(await worker.manager.get(job.jobId)).toMatchObject({ status: 'pending', owner: 'ada', group: 'chat' })
    expect(queue.waiting).toMatchObject([
      { id: job.jobId, options: { attempts: 1, removeOnComplete: true, removeOnFail: true } },
    ])

    await clock.advance(2 * LEASE)
    expect((await web.manager.get(job.jobId))?.status).toBe('pending') // nobody owns it, so no lease ends
    let isTold = false
    const seen = queue.give(queue.take(), worker.bridge.processor).finally(() => {
      isTold = true
    })
    await clock.settle()
    expect(worker.orders).toEqual([ORDER])
    expect(web.orders).toEqual([])
    let release = () => {}
    worker.runs[0]?.defer(
      () =>
        new Promise<void>((resolve) => {
          release = resolve
        }),
    )
    worker.model.give('one')
    worker.model.give('end')
    await clock.settle()
    expect(isTold).toBe(false)
    release()
    expect(await within(clock, 0, seen)).toEqual({
      state: 'completed',
      value: { jobId: job.jobId, status: 'completed', recorded: true },
    })
    const outcome = await within(clock, HEARTBEAT, job.settled)
    expect(outcome).toMatchObject({ status: 'completed', value: 'done', queuedMs: 2 * LEASE })
    expect((await eventLog(web.manager, job.jobId)).map(({ type }) => type)).toEqual(['chunk', 'complete'])
    expect(summariesOf([web, worker], job.jobId)).toEqual(['job.completed'])
    expect([web, worker].map(({ logs }) => logs.of('job.registered', job.jobId).length)).toEqual([1, 0])
  })

  it.each(['with a bridge', 'without one'])(
    'DIS-27: cancelled from a node %s before a worker has it, its producer is never called, and BullMQ does not try again',
    async (which) => {
      const { clock, queue, open, join } = shop()
      const [web, worker] = [open(), open()]
      const other = join()
      const job = await web.bridge.enqueue(ORDER)
      const taken = queue.take() // on its way to a worker: it cannot be removed any more
      const canceller = which === 'with a bridge' ? worker : other
      const result = await canceller.manager.cancel(job.jobId, { by: 'ada' })
      expect(result).toMatchObject({
        outcome: 'cancelled',
        forced: false,
        cleanup: 'clean',
        reason: { kind: 'user', by: 'ada' },
      })

      expect(await queue.give(taken, worker.bridge.processor)).toEqual({
        state: 'failed',
        message: `Job ${job.jobId} was cancelled (user).`,
      })
      await clock.settle()
      expect(worker.orders).toEqual([])
      expect((await web.manager.get(job.jobId))?.status).toBe('cancelled')
      expect(summariesOf([web, worker, other], job.jobId)).toEqual(['job.cancelled'])
      const [line] = worker.logs.of('job.cancelled', job.jobId)
      expect(line?.message).toContain('étape: en attente')
    },
  )

  it('DIS-27: cancelled on a node with a bridge, it leaves the queue, and its end is told once', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const settled: unknown[] = []
    web.manager.on('settled', ({ job }) => settled.push(job.jobId))
    const job = await web.bridge.enqueue(ORDER, { owner: 'ada' })
    const other = await web.bridge.enqueue(ORDER)
    await web.manager.cancelMany({ owner: 'ada' })
    await clock.settle()
    expect(queue.waiting.map(({ id }) => id)).toEqual([other.jobId])
    expect(summariesOf([web, worker], job.jobId)).toEqual(['job.cancelled'])
    expect(settled).toEqual([job.jobId])
    await other.cancel()
  })

  it('DIS-27: cancelled while a worker fetches it, its end is told once, though BullMQ removes what is gone without a word', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const job = await web.bridge.enqueue(ORDER)
    const taken = queue.take()
    const getJob = queue.getJob.bind(queue)
    queue.getJob = async (id) => {
      const found = await getJob(id)
      return found && { getState: found.getState, remove: async () => 1 }
    }
    await job.cancel()
    await queue.give(taken, worker.bridge.processor)
    await clock.settle()
    expect(summariesOf([web, worker], job.jobId)).toEqual(['job.cancelled'])
  })

  it('G11 DIS-27: BullMQ’s answer about a cancelled job is waited for no longer than a store’s, and nothing is asked after it', async () => {
    const { clock, queue, open } = shop({ storeTimeoutMs: 1_500 })
    const [web, worker] = [open(), open()]
    let answer = () => {}
    const asked: string[] = []
    queue.getJob = async () => {
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      const note = (call: string) => async () => `${asked.push(call)}`
      return { getState: note('getState'), remove: note('remove') }
    }
    const job = await web.bridge.enqueue(ORDER)
    expect(await job.cancel()).toMatchObject({ outcome: 'cancelled' })
    expect(web.manager.stats().timers).toBe(1)
    await clock.advance(1_500)
    expect(web.manager.stats().timers).toBe(0)
    answer()
    await clock.settle()
    expect(asked).toEqual([])
    await queue.give(queue.take(), worker.bridge.processor)
    expect(summariesOf([web, worker], job.jobId)).toEqual(['job.cancelled'])
  })

  it('OBS-01 DIS-27: taken out of the queue with a late word of BullMQ about it, its end is told all the same', async () => {
    const { clock, queue, open } = shop({ storeTimeoutMs: 1_500 })
    const web = open()
    const getJob = queue.getJob.bind(queue)
    let answer = () => {}
    queue.getJob = async (id) => {
      const found = await getJob(id)
      if (!found) return found
      const remove = async () => {
        await found.remove()
        await new Promise<void>((resolve) => {
          answer = resolve
        })
      }
      return { getState: found.getState, remove }
    }
    const job = await web.bridge.enqueue(ORDER)
    await job.cancel()
    await clock.advance(1_500)
    expect(summariesOf([web], job.jobId)).toEqual([])
    answer()
    await clock.settle()
    expect(summariesOf([web], job.jobId)).toEqual(['job.cancelled'])
  })

  it('DIS-27: cancelled while it runs, from another node, it is told to BullMQ as failed for good', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const job = await web.bridge.enqueue(ORDER)
    const seen = queue.give(queue.take(), worker.bridge.processor)
    await clock.settle()
    const result = await within(clock, HEARTBEAT, job.cancel())
    expect(result).toMatchObject({ outcome: 'cancelled', reason: { kind: 'user' }, recorded: true })
    expect(await seen).toEqual({ state: 'failed', message: `Job ${job.jobId} was cancelled (user).` })
    expect(worker.runs[0]?.token.reason?.kind).toBe('user')
    expect(summariesOf([web, worker], job.jobId)).toEqual(['job.cancelled'])
  })

  it('DIS-27: a job that is delivered twice runs once; the other delivery waits, and tells the same end', async () => {
    const { clock, queue, open } = shop()
    const [web, first, second] = [open(), open(), open()]
    const job = await web.bridge.enqueue(ORDER)
    const delivery = queue.take()
    const seen = [first, second, first].map(({ bridge }) => queue.give(delivery, bridge.processor))
    await clock.settle()
    expect([first.orders.length, second.orders.length]).toEqual([1, 0])
    expect(second.manager.stats().waiters).toBe(1)
    first.model.give('end')
    const value = { jobId: job.jobId, status: 'completed', recorded: true }
    expect(await within(clock, HEARTBEAT, Promise.all(seen))).toEqual(Array(3).fill({ state: 'completed', value }))
    expect(await queue.give(delivery, second.bridge.processor)).toEqual({ state: 'completed', value })
    expect([first.orders.length, second.orders.length]).toEqual([1, 0])
  })

  it('DIS-03 DIS-27: its worker killed while it runs, the record says owner.lost, and a redelivery runs nothing', async () => {
    const { clock, queue, open } = shop()
    const [web, dying, worker] = [open(), open(), open()]
    const job = await web.bridge.enqueue(ORDER)
    const delivery = queue.take()
    void queue.give(delivery, dying.bridge.processor)
    await clock.settle()
    expect(dying.orders).toHaveLength(1)
    dying.kill()
    const again = queue.give(delivery, worker.bridge.processor) // BullMQ's lock may end before our lease
    await clock.advance(LEASE + HEARTBEAT)
    expect(await within(clock, HEARTBEAT, again)).toEqual({
      state: 'failed',
      message: `Job ${job.jobId} failed (owner.lost).`,
    })
    expect(worker.orders).toEqual([])
    expect(await web.manager.get(job.jobId)).toMatchObject({ status: 'failed', error: { code: 'owner.lost' } })
  })

  it('DIS-27: its worker killed before the start, it stays pending until it is delivered again', async () => {
    const { clock, queue, open } = shop()
    const [web, dying, worker] = [open(), open(), open()]
    const job = await web.bridge.enqueue(ORDER)
    const delivery = queue.take()
    dying.kill()
    void queue.give(delivery, dying.bridge.processor)
    await clock.advance(3 * LEASE)
    expect((await web.manager.get(job.jobId))?.status).toBe('pending')
    const seen = queue.give(delivery, worker.bridge.processor)
    worker.model.give('end')
    expect(await within(clock, 0, seen)).toMatchObject({ state: 'completed' })
  })

  it('DIS-27: the reply to its start lost for good, it ends owner.lost and runs nowhere', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const job = await web.bridge.enqueue(ORDER)
    const mend = worker.store.inject('lose-reply', { on: 'start' })
    const delivery = queue.take()
    expect(await within(clock, 2_000, queue.give(delivery, worker.bridge.processor))).toMatchObject({
      state: 'delayed',
    })
    mend()
    const seen = queue.give(queue.take(), worker.bridge.processor)
    await clock.advance(LEASE + HEARTBEAT)
    expect(await within(clock, HEARTBEAT, seen)).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('owner.lost'),
    })
    expect(worker.orders).toEqual([])
    expect((await web.manager.get(job.jobId))?.status).toBe('failed')
  })

  it('DIS-27: a second reply to its start after one that was lost lets it run', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    await web.bridge.enqueue(ORDER)
    worker.store.inject('lose-reply', { on: 'start', times: 1 })
    const seen = queue.give(queue.take(), worker.bridge.processor)
    worker.model.give('end')
    expect(await within(clock, 2_000, seen)).toMatchObject({ state: 'completed' })
    expect(worker.orders).toHaveLength(1)
  })

  it('DIS-27: with the store away its delivery goes back into the queue, and it runs when the store is there', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    await web.bridge.enqueue(ORDER)
    const mend = worker.store.cut()
    expect(await within(clock, 2_000, queue.give(queue.take(), worker.bridge.processor))).toMatchObject({
      state: 'delayed',
    })
    mend()
    const seen = queue.give(queue.take(), worker.bridge.processor)
    worker.model.give('end')
    expect(await within(clock, 0, seen)).toMatchObject({ state: 'completed' })
  })
})

describe('the deadline of a queued job', () => {
  it('REG-15 DIS-27: ends it while no worker comes, by any node, told as what it is; a late delivery runs nothing', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const job = await web.bridge.enqueue(ORDER, { deadlineMs: 20_000 })
    web.kill()
    await clock.advance(20_000 - 1)
    expect((await worker.manager.get(job.jobId))?.status).toBe('pending')
    await clock.advance(HEARTBEAT)
    expect(await worker.manager.get(job.jobId)).toMatchObject({
      status: 'cancelled',
      cancel: { reason: { kind: 'deadline' } },
      forced: false,
      cleanup: 'clean',
    })
    expect(await queue.give(queue.take(), worker.bridge.processor)).toMatchObject({
      state: 'failed',
      message: `Job ${job.jobId} was cancelled (deadline).`,
    })
    expect(worker.orders).toEqual([])
    expect(worker.logs.events(job.jobId)).toEqual(['job.cancelled'])
  })

  it('REG-15 DIS-27: counts the time in the queue when it runs', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const job = await web.bridge.enqueue(ORDER, { deadlineMs: 20_000 })
    await clock.advance(15_000)
    const seen = queue.give(queue.take(), worker.bridge.processor)
    await clock.advance(4_999)
    expect((await web.manager.get(job.jobId))?.status).toBe('running')
    expect(await within(clock, 1, seen)).toMatchObject({ message: `Job ${job.jobId} was cancelled (deadline).` })
  })

  it.each(['value', 'later'] as const)(
    'REG-15 DIS-27: passed when a worker gets it before a reaper looks, the producer is not called (store answers: %s)',
    async (answers) => {
      const { clock, queue, open } = shop()
      const [web, worker] = [open(), open()]
      if (answers === 'later') worker.store.inject('later')
      const job = await web.bridge.enqueue(ORDER, { deadlineMs: HEARTBEAT + 200 })
      await clock.advance(HEARTBEAT + 500)
      const seen = queue.give(queue.take(), worker.bridge.processor)
      expect(await within(clock, 0, seen)).toMatchObject({ message: `Job ${job.jobId} was cancelled (deadline).` })
      expect(worker.orders).toEqual([])
    },
  )

  it('REG-14 DIS-27: the other limits of the job hold where it runs', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const job = await web.bridge.enqueue(ORDER, { idleTimeoutMs: 3_000 })
    const seen = queue.give(queue.take(), worker.bridge.processor)
    expect(await within(clock, 3_000, seen)).toMatchObject({ message: `Job ${job.jobId} was cancelled (idle).` })
  })
})

describe('enqueue', () => {
  it('REG-08 DIS-27: the same key again leads to the same job, once in the queue', async () => {
    const { clock, queue, open } = shop()
    const [web, other] = [open(), open()]
    const options = { owner: 'ada', idempotencyKey: 'k' }
    const [first, second] = await Promise.all([
      web.bridge.enqueue(ORDER, options),
      other.bridge.enqueue(ORDER, options),
    ])
    expect([first.created, second.created]).toEqual([true, false])
    expect(second.jobId).toBe(first.jobId)
    expect(queue.waiting).toHaveLength(1)
    const seen = queue.give(queue.take(), web.bridge.processor)
    web.model.give('end')
    await within(clock, 0, seen)
    expect((await web.bridge.enqueue(ORDER, options)).snapshot().status).toBe('completed')
    expect(queue.waiting).toHaveLength(0)
  })

  it('REG-08 DIS-27: the same key again puts a job into the queue whose first delivery was lost', async () => {
    const { clock, queue, open } = shop()
    const [web, other] = [open(), open()]
    queue.onAdd = () => new Promise<never>(() => {})
    void rejection(web.bridge.enqueue(ORDER, { idempotencyKey: 'k' }))
    await clock.settle()
    web.kill() // between the record and the queue
    queue.onAdd = undefined
    const job = await other.bridge.enqueue(ORDER, { idempotencyKey: 'k' })
    expect(job.created).toBe(false)
    const seen = queue.give(queue.take(), other.bridge.processor)
    other.model.give('end')
    expect(await within(clock, 0, seen)).toMatchObject({ state: 'completed', value: { jobId: job.jobId } })
  })

  it('REG-08 DIS-27: with the key of a registered job that waits for a slot, no worker takes that job from its owner', async () => {
    const { clock, queue, open } = shop()
    const [owner, worker] = [open({ maxConcurrentJobs: 1 }), open()]
    const finish: (() => void)[] = []
    const register = (idempotencyKey: string) =>
      owner.manager.register(() => new Promise<void>((resolve) => finish.push(resolve)), { idempotencyKey })
    const [first, second] = [await register('1'), await register('2')]
    const known = await worker.bridge.enqueue(ORDER, { idempotencyKey: '2' })
    expect([known.created, known.jobId]).toEqual([false, second.jobId])
    const seen = queue.give(queue.take(), worker.bridge.processor)
    await clock.settle()
    expect(second.snapshot().status).toBe('pending')
    finish[0]?.()
    await within(clock, 0, first.settled)
    finish[1]?.()
    expect(await within(clock, HEARTBEAT, seen)).toMatchObject({ state: 'completed', value: { jobId: second.jobId } })
    expect(worker.orders).toEqual([])
    expect((await second.settled).status).toBe('completed')
  })

  it("GRP-03 DIS-27: onConflict 'replace' cancels the queued job of the group and takes it out of the queue", async () => {
    const { clock, queue, open } = shop()
    const web = open()
    const options = { owner: 'ada', group: 'chat', onConflict: 'replace' } as const
    const first = await web.bridge.enqueue(ORDER, options)
    const second = await web.bridge.enqueue(ORDER, options)
    await clock.settle()
    expect(await web.manager.get(first.jobId)).toMatchObject({
      status: 'cancelled',
      cancel: { reason: { kind: 'replaced' } },
    })
    expect(queue.waiting.map(({ id }) => id)).toEqual([second.jobId])
    await second.cancel()
  })

  it('G13 DIS-27: a queue that refuses the job gives a StoreError, and the record is cancelled', async () => {
    const { queue, open } = shop()
    const web = open()
    const cause = new Error('READONLY')
    queue.onAdd = () => Promise.reject(cause)
    const error = await rejection(web.bridge.enqueue(ORDER, { jobId: 'j' }))
    expect(error).toBeInstanceOf(StoreError)
    expect(error).toMatchObject({
      code: 'store.failed',
      cause,
      message: expect.stringContaining('its record is cancelled'),
    })
    expect(await web.manager.get('j')).toMatchObject({ status: 'cancelled', cancel: { reason: { kind: 'signal' } } })
    expect(web.logs.events('j')).toEqual(['job.registered', 'job.cancelled'])
  })

  it('G13 DIS-27: a queue that never answers is waited for no longer than a store; a job that it had taken runs nothing', async () => {
    const { clock, queue, open } = shop({ storeTimeoutMs: 1_500 })
    const web = open()
    const add = queue.add.bind(queue)
    queue.add = (...args) => add(...args).then(() => new Promise<never>(() => {}))
    expect(await within(clock, 1_500, rejection(web.bridge.enqueue(ORDER)))).toBeInstanceOf(StoreError)
    expect(await queue.give(queue.take(), web.bridge.processor)).toMatchObject({ state: 'failed' })
    expect(web.orders).toEqual([])
  })

  it('G13 DIS-27: a queue that fails after a worker has run the job: the error says how the record stands', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const add = queue.add.bind(queue)
    queue.add = async (...args) => {
      await add(...args)
      const seen = queue.give(queue.take(), worker.bridge.processor)
      worker.model.give('end')
      await seen
      throw new Error('the connection went down before the reply')
    }
    const error = await within(clock, HEARTBEAT, rejection(web.bridge.enqueue(ORDER, { jobId: 'j' })))
    expect(error).toMatchObject({ code: 'store.failed', message: expect.stringContaining('its record is completed') })
  })

  it('G13 DIS-27: queue and store away together, the error says that the record ends at its deadline', async () => {
    const { clock, queue, open } = shop()
    const [web, other] = [open(), open()]
    queue.onAdd = () => Promise.reject(new Error('ECONNREFUSED'))
    const mend = web.store.inject('fail', { on: 'requestCancel' })
    const error = await within(clock, 3_000, rejection(web.bridge.enqueue(ORDER, { jobId: 'j', deadlineMs: 10_000 })))
    expect(error).toMatchObject({ message: expect.stringContaining('ends at its deadline') })
    mend()
    await clock.advance(10_000)
    expect((await other.manager.get('j'))?.status).toBe('cancelled')
  })

  it('DIS-27: an id that BullMQ would refuse goes through', async () => {
    const { clock, queue, open } = shop()
    const web = open()
    for (const jobId of ['42', '-7', 'a:b', '100%', 'a%3Ab']) {
      await web.bridge.enqueue(ORDER, { jobId })
      const delivery = queue.take()
      expect(delivery.id).not.toMatch(/:|^-?\d+$/)
      const seen = queue.give(delivery, web.bridge.processor)
      await clock.settle()
      web.bridge.onLockRenewalFailed([delivery.id])
      expect(await seen).toMatchObject({ message: `Job ${jobId} was cancelled (lease-lost).` })
    }
  })

  it.each([
    [{ deadlineMs: false } as const, 'deadlineMs: expected milliseconds, got false'],
    [{ signal: AbortSignal.abort() }, 'signal: a queued job outlives its caller'],
    [{ owner: '' }, 'owner'],
  ])('ERR-01 DIS-27: refuses %o', async (options, words) => {
    const { queue, open } = shop()
    const web = open()
    expect(await rejection(web.bridge.enqueue(ORDER, options))).toMatchObject({
      name: 'InvalidOptionsError',
      message: expect.stringContaining(words),
    })
    expect(queue.waiting).toEqual([])
    expect(await web.manager.list()).toEqual([])
  })

  it('ERR-01 DIS-27: refuses data that is not JSON, and the deadline of a manager without one', async () => {
    const { open } = shop({ deadlineMs: false })
    const web = open()
    const circle: { words: number; self?: unknown } = { words: 1 }
    circle.self = circle
    const named = { name: 'InvalidOptionsError' }
    expect(await rejection(web.bridge.enqueue(circle, { deadlineMs: 1 }))).toMatchObject(named)
    expect(await rejection(web.bridge.enqueue(ORDER))).toMatchObject(named)
    expect(await web.manager.list()).toEqual([])
  })
})

describe('a worker', () => {
  it('SHU-01 DIS-27: drain leaves queued jobs alone, puts back what is delivered meanwhile, and cancels what runs', async () => {
    const { clock, queue, open } = shop()
    const [web, worker, other] = [open(), open(), open()]
    const running = await web.bridge.enqueue(ORDER)
    const seen = queue.give(queue.take(), worker.bridge.processor)
    await clock.settle()
    const waits = await web.bridge.enqueue(ORDER)
    const [ofWeb, ofWorker] = [web.manager.drain({ timeoutMs: 0 }), worker.manager.drain({ timeoutMs: 0 })]
    const back = queue.give(queue.take(), worker.bridge.processor)
    expect(await within(clock, HEARTBEAT, Promise.all([ofWeb, ofWorker]))).toMatchObject([
      { cancelled: 0 },
      { cancelled: 1 },
    ])
    expect(await seen).toMatchObject({ message: `Job ${running.jobId} was cancelled (shutdown).` })
    expect(await back).toMatchObject({ state: 'delayed' })
    expect((await other.manager.get(waits.jobId))?.status).toBe('pending')
    expect(await rejection(web.bridge.enqueue(ORDER))).toMatchObject({ code: 'manager.closed' })

    const rest = queue.give(queue.take(), other.bridge.processor)
    other.model.give('end')
    expect(await within(clock, 0, rest)).toMatchObject({ state: 'completed', value: { jobId: waits.jobId } })
  })

  it.each([
    ['does not answer', () => new Promise<never>(() => {}), 'BullMQ gave no answer within 1500 ms'],
    ['refuses', () => Promise.reject(new Error('Missing lock')), 'Missing lock'],
  ])(
    'G11 G13 DIS-27: a put-back that BullMQ %s is over in time; BullMQ is told to leave the job alone, and why',
    async (_, moveToDelayed, why) => {
      const { clock, queue, open } = shop({ storeTimeoutMs: 1_500 })
      const [web, worker, other] = [open(), open(), open()]
      await web.bridge.enqueue(ORDER)
      const delivery = queue.take()
      await worker.manager.drain({ timeoutMs: 0 })
      const seen = queue.give({ ...delivery, job: { ...delivery.job, moveToDelayed } }, worker.bridge.processor)
      expect(await within(clock, 1_500, seen)).toEqual({
        state: 'delayed',
        message: `The manager drains. Whether the job is back in the queue is not known (${why}); if not, it is delivered again when its lock has ended.`,
      })
      const again = queue.give(delivery, other.bridge.processor)
      other.model.give('end')
      expect(await within(clock, 0, again)).toMatchObject({ state: 'completed' })
    },
  )

  it('SHU-01 DIS-27: a drain that begins while the start is on its way cancels the job; nothing runs', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const job = await web.bridge.enqueue(ORDER)
    worker.store.inject('hold', { on: 'start', times: 1 })
    const seen = queue.give(queue.take(), worker.bridge.processor)
    await clock.settle()
    const drained = worker.manager.drain({ timeoutMs: 0 })
    worker.store.release()
    await within(clock, HEARTBEAT, drained)
    expect(await within(clock, 0, seen)).toMatchObject({ message: `Job ${job.jobId} was cancelled (shutdown).` })
    expect(worker.orders).toEqual([])
  })

  it('DIS-27: that loses its lock of BullMQ cancels the job as lease-lost, and the record says so', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const job = await web.bridge.enqueue(ORDER)
    const delivery = queue.take()
    const seen = queue.give(delivery, worker.bridge.processor)
    await clock.settle()
    const { onLockRenewalFailed } = worker.bridge
    onLockRenewalFailed(['unknown', delivery.id])
    expect(await within(clock, 0, seen)).toMatchObject({ message: `Job ${job.jobId} was cancelled (lease-lost).` })
    expect(await web.manager.get(job.jobId)).toMatchObject({
      status: 'cancelled',
      cancel: { reason: { kind: 'lease-lost' } },
      commit: 'none',
      cleanup: 'clean',
    })
  })

  it('DIS-27: gets a processor of three parameters: BullMQ gives no signal to one that declares fewer', () => {
    expect(shop().open().bridge.processor).toHaveLength(3)
  })

  it('DIS-27: whose cancelJob is called cancels the job as signal, and leaves no listener on the signal', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open()]
    const job = await web.bridge.enqueue(ORDER)
    const controller = new AbortController()
    const seen = queue.give(queue.take(), worker.bridge.processor, controller.signal)
    await clock.settle()
    expect(worker.manager.stats().listeners).toBeGreaterThan(0)
    controller.abort('no longer wanted')
    expect(await within(clock, 0, seen)).toMatchObject({ message: `Job ${job.jobId} was cancelled (signal).` })
    expect(worker.manager.stats().listeners).toBe(0)
  })

  it.each(['value', 'later'] as const)(
    'DIS-27: with a signal that is aborted already does not call the producer (store answers: %s)',
    async (answers) => {
      const { clock, queue, open } = shop()
      const [web, worker] = [open(), open()]
      if (answers === 'later') worker.store.inject('later')
      const job = await web.bridge.enqueue(ORDER)
      const seen = queue.give(queue.take(), worker.bridge.processor, AbortSignal.abort())
      expect(await within(clock, 0, seen)).toMatchObject({ message: `Job ${job.jobId} was cancelled (signal).` })
      expect(worker.orders).toEqual([])
    },
  )

  it('DIS-27: a wait of a second delivery ends when its worker is told to, and the job goes on', async () => {
    const { clock, queue, open } = shop()
    const [web, worker, second] = [open(), open(), open()]
    const job = await web.bridge.enqueue(ORDER)
    const delivery = queue.take()
    const seen = queue.give(delivery, worker.bridge.processor)
    await clock.settle()
    const controller = new AbortController()
    const waiting = queue.give(delivery, second.bridge.processor, controller.signal)
    await clock.settle()
    controller.abort()
    expect(await within(clock, 0, waiting)).toEqual({ state: 'failed', message: `Job ${job.jobId} runs elsewhere.` })
    const again = queue.give(delivery, second.bridge.processor)
    await clock.settle()
    await within(clock, HEARTBEAT, second.manager.close())
    expect(await within(clock, 0, again)).toMatchObject({ state: 'delayed' })
    worker.model.give('end')
    expect(await within(clock, 0, seen)).toMatchObject({ state: 'completed' })
  })

  it('REG-01 DIS-27: runs what BullMQ brings at once, above the limits of its manager; registered jobs wait for the slots', async () => {
    const { clock, queue, open } = shop()
    const [web, worker] = [open(), open({ maxConcurrentJobs: 1, maxPendingJobs: 1, maxJobsPerOwner: 1 })]
    const finish: (() => void)[] = []
    const register = () => worker.manager.register(() => new Promise<void>((resolve) => finish.push(resolve)))
    const first = await register()
    await web.bridge.enqueue(ORDER, { owner: 'ada' })
    await web.bridge.enqueue(ORDER, { owner: 'ada' })
    const seen = [queue.give(queue.take(), worker.bridge.processor), queue.give(queue.take(), worker.bridge.processor)]
    await clock.settle()
    expect(worker.orders).toHaveLength(2)
    const second = await register()
    expect(await rejection(worker.manager.register(async () => {}, { owner: 'ada' }))).toMatchObject({
      code: 'capacity.owner',
    })
    finish[0]?.()
    await within(clock, 0, first.settled)
    expect(second.snapshot().status).toBe('pending') // two of the queue run still
    worker.model.give('end')
    worker.model.give('end')
    await within(clock, 0, Promise.all(seen))
    expect(second.snapshot().status).toBe('running')
    finish[1]?.()
    await within(clock, 0, second.settled)
  })

  it('REG-19 DIS-27: a producer that cannot be made fails its job, not the worker', async () => {
    const { clock, queue, open } = shop()
    const web = open()
    const job = await web.bridge.enqueue(null as unknown as { words: number })
    const broken = queue.take()
    const { createBullMQBridge } = await import('generation-jobs/bullmq')
    const bridge = createBullMQBridge({
      manager: web.manager,
      queue,
      producer: (order: { words: number }) => async () => order.words.toFixed(),
    })
    expect(await within(clock, 0, queue.give(broken, bridge.processor))).toEqual({
      state: 'failed',
      message: `Job ${job.jobId} failed (producer.failed).`,
    })
  })

  it.each([undefined, null, 'text', { v: 1 }, { jobId: 'j', fencingToken: 1 }])(
    'ERR-01 DIS-27: a job that somebody else put into the queue (%o) fails for good',
    async (data) => {
      const { open, queue } = shop()
      const job = { id: 'x', data, moveToDelayed: () => Promise.reject(new Error('not called')) }
      expect(await queue.give({ id: 'x', options: {}, job }, open().bridge.processor)).toMatchObject({
        state: 'failed',
      })
    },
  )

  it('DIS-17 DIS-27: a job of a newer version goes back into the queue for a newer worker', async () => {
    const { queue, open } = shop()
    const web = open()
    const job = await web.bridge.enqueue(ORDER)
    const delivery = queue.take()
    const { data, moveToDelayed } = delivery.job
    const newer = { ...delivery, job: { id: delivery.id, data: { ...(data as object), v: 2 }, moveToDelayed } }
    expect(await queue.give(newer, web.bridge.processor)).toMatchObject({ state: 'delayed' })
    await job.cancel()
  })

  it('DIS-27: a job that was swept is told so', async () => {
    const { clock, queue, open } = shop()
    const web = open()
    const job = await web.bridge.enqueue(ORDER)
    const delivery = queue.take()
    await job.cancel()
    await clock.advance(70_000)
    expect(await queue.give(delivery, web.bridge.processor)).toEqual({
      state: 'failed',
      message: `The record of job ${job.jobId} is gone.`,
    })
  })
})
