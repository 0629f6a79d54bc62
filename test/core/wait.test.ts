import {
  createMemoryJobStore,
  type JobRecord,
  type JobStore,
  ManagerClosedError,
  type Producer,
  type RunContext,
  type WaitResult,
} from 'generation-jobs'
import {
  assertNoLeaks,
  controlledSource,
  countingSignal,
  scriptedSource,
  type VirtualClock,
} from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { exposeGc } from '../support/expose-gc.js'
import { fixture } from '../support/fixture.js'
import { slowStore } from '../support/slow-store.js'
import { settleTime, within } from '../support/within.js'

const boom = new Error('boom')
const untilCancelled = (run: RunContext): Promise<void> =>
  new Promise((resolve) => void run.token.onCancel(() => resolve()))

function wait(clock: VirtualClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(ms, resolve))
}

/** The store, counting its reads. */
function countingReads(store: JobStore): { store: JobStore; reads: () => number } {
  let count = 0
  const read: JobStore['read'] = (jobId) => {
    count++
    return store.read(jobId)
  }
  return { store: { ...store, read }, reads: () => count }
}

/** A job, and a node that does not own it, behind a store whose answers can be held back. */
async function foreignJob() {
  const { clock, newManager } = fixture()
  const shared = createMemoryJobStore({ clock })
  const store = slowStore(shared)
  const owner = newManager({ store: shared })
  const node = newManager({ store })
  const source = controlledSource()
  const job = await owner.register((run) => run.stream(source))
  return { clock, job, node, owner, source, store }
}

describe('waitForCompletion', () => {
  it('G11: that is ended by close() leaves no timer behind', async () => {
    const { clock, job, node, owner } = await foreignJob()
    const waiting = node.waitForCompletion(job.jobId, { timeoutMs: 50_000 })
    await clock.settle()
    await node.close()
    expect(await waiting).toMatchObject({ settled: false })
    await owner.close()
    expect(clock.timers()).toEqual([])
  })

  it('G2: counts its time from the call, on its own node and on another, however long the manager has lived', async () => {
    const { clock, job, node } = await foreignJob()
    await clock.advance(5_000)
    const own = await node.register(untilCancelled)
    const answers = [own, job].map(({ jobId }) => node.waitForCompletion(jobId, { timeoutMs: 1_000 }))
    const times = answers.map((answer) => settleTime(clock, answer))
    const early = { settled: false, cause: 'timeout' }
    expect(await within(clock, 1_000, Promise.all(answers))).toMatchObject([early, early])
    expect(await Promise.all(times)).toEqual([6_000, 6_000])
    for (const one of [own, job]) await within(clock, 1_000, one.cancel())
  })

  const ends: Record<string, Producer<unknown>> = {
    completed: async () => 'value',
    failed: () => Promise.reject(boom),
    cancelled: untilCancelled,
  }
  for (const [status, producer] of Object.entries(ends)) {
    for (const where of ['its own node', 'another node']) {
      it(`WAIT-01 G5: answers a ${status} job as a value on ${where}, and only after its cleanup`, async () => {
        const { clock, newManager } = fixture()
        const store = createMemoryJobStore({ clock })
        const owner = newManager({ store })
        const node = where === 'its own node' ? owner : newManager({ store })
        const job = await owner.register(async (run) => {
          run.defer(() => wait(clock, 1_000))
          return producer(run)
        })
        await clock.settle()
        const waiting = node.waitForCompletion(job.jobId)
        const answeredAt = settleTime(clock, waiting)
        if (status === 'cancelled') void owner.cancel(job.jobId)
        const result = await within(clock, 1_000, waiting)
        expect(result).toMatchObject({ settled: true, outcome: { jobId: job.jobId, status, cleanup: 'clean' } })
        expect(await answeredAt).toBe(1_000)
      })
    }
  }

  it('WAIT-02: answers the status at its time limit, and the job keeps running', async () => {
    const { clock, manager } = fixture()
    const source = controlledSource()
    const job = await manager.register((run) => run.stream(source))
    await clock.settle()
    const waiting = manager.waitForCompletion(job.jobId, { timeoutMs: 100 })
    const answeredAt = settleTime(clock, waiting)
    const result = await within(clock, 200, waiting)
    expect(result).toEqual({ settled: false, status: 'running', cause: 'timeout' })
    expect(await answeredAt).toBe(100)
    expect(source.push('still read')).toBe(true)
    source.end()
    expect(await job.settled).toMatchObject({ status: 'completed', value: { text: 'still read' } })
  })

  it('WAIT-02: waits 10 000 ms by default', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(untilCancelled)
    const waiting = manager.waitForCompletion(job.jobId)
    const answeredAt = settleTime(clock, waiting)
    expect(await within(clock, 10_000, waiting)).toMatchObject({ settled: false, cause: 'timeout' })
    expect(await answeredAt).toBe(10_000)
    await job.cancel()
  })

  it('WAIT-02: looks and does not wait with a limit of 0', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(untilCancelled)
    await clock.settle()
    const live = manager.waitForCompletion(job.jobId, { timeoutMs: 0 })
    expect(await within(clock, 1, live)).toEqual({ settled: false, status: 'running', cause: 'timeout' })
    await job.cancel()
    const settled = manager.waitForCompletion(job.jobId, { timeoutMs: 0 })
    expect(await within(clock, 1, settled)).toMatchObject({ settled: true, outcome: { status: 'cancelled' } })
  })

  it('WAIT-03: answers when the job ends, without waiting for its limit', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(async () => {
      await wait(clock, 50)
      return 'value'
    })
    const waiting = manager.waitForCompletion<string>(job.jobId, { timeoutMs: 1_000 })
    const answeredAt = settleTime(clock, waiting)
    expect(await within(clock, 50, waiting)).toMatchObject({
      settled: true,
      outcome: { status: 'completed', value: 'value' },
    })
    expect(await answeredAt).toBe(50)
    expect(manager.stats()).toMatchObject({ waiters: 0, timers: 0 })
  })

  it('WAIT-04: answers the stored outcome of a settled job with one read of the store', async () => {
    const { clock, newManager } = fixture()
    const { store, reads } = countingReads(createMemoryJobStore({ clock }))
    const manager = newManager({ store })
    const job = await manager.register(async () => ({ title: 'a story' }))
    await job.settled
    const before = reads()
    expect(await manager.waitForCompletion(job.jobId)).toMatchObject({
      settled: true,
      outcome: { status: 'completed', value: { title: 'a story' }, recorded: true },
    })
    expect(reads() - before).toBeLessThanOrEqual(1)
  })

  it('WAIT-04: answers not-found for an unknown and for a swept id with one read of the store', async () => {
    const { clock, newManager } = fixture()
    const { store, reads } = countingReads(createMemoryJobStore({ clock }))
    const manager = newManager({ store, retentionMs: 5_000 })
    const job = await manager.register(async () => 'value')
    await job.settled
    await clock.advance(6_000)
    for (const jobId of ['never-registered', job.jobId]) {
      const before = reads()
      expect(await manager.waitForCompletion(jobId)).toEqual({ settled: false, cause: 'not-found' })
      expect(reads() - before).toBeLessThanOrEqual(1)
    }
  })

  it('WAIT-04: keeps an outcome readable for 900 000 ms by default', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ retentionMs: undefined })
    const job = await manager.register(async () => 'value')
    await job.settled
    await clock.advance(899_000)
    expect(await manager.waitForCompletion(job.jobId)).toMatchObject({ settled: true, outcome: { value: 'value' } })
    await clock.advance(2_000)
    expect(await manager.waitForCompletion(job.jobId)).toEqual({ settled: false, cause: 'not-found' })
  })

  it('WAIT-01 G11: has one read of another node’s job under way at most, and one more for all hints that came meanwhile', async () => {
    const { clock, job, node, source, store } = await foreignJob()
    const waiting = node.waitForCompletion(job.jobId)
    await clock.settle()
    const readsBefore = store.calls('read')
    store.always('read', 'hold-reply')
    for (const word of ['one', 'two', 'three', 'four']) {
      source.push(word)
      await clock.settle()
    }
    expect(store.held('read')).toBe(1)
    source.end()
    await clock.settle()
    expect(store.release('read')).toBe(1)
    await clock.settle()
    expect(store.release('read')).toBe(1)
    expect(await within(clock, 0, waiting)).toMatchObject({ settled: true, outcome: { status: 'completed' } })
    expect(store.calls('read') - readsBefore).toBe(2)
    store.always('read', 'answer')
  })

  it('WAIT-01: an end that was seen counts, whatever a hint during that look would have shown', async () => {
    const { clock, newManager } = fixture()
    const memory = createMemoryJobStore({ clock })
    let hint = (): void => {}
    let ends = 0
    const store: JobStore = {
      ...memory,
      watchJob(jobId, wake) {
        hint = wake
        return memory.watchJob(jobId, wake)
      },
      read(jobId) {
        const record = memory.read(jobId) as JobRecord | undefined
        if (record?.status !== 'completed') return record
        hint()
        return ++ends === 1 ? record : undefined
      },
    }
    const [owner, other] = [newManager({ store: memory }), newManager({ store })]
    const handle = await owner.register(() => new Promise<void>((resolve) => clock.setTimer(100, resolve)))
    const waiting = other.waitForCompletion(handle.jobId)
    expect(await within(clock, 100, waiting)).toMatchObject({ settled: true, outcome: { status: 'completed' } })
    expect(ends).toBe(1)
  })

  it('WAIT-02 G11: reads no more when the wait is over, whatever hint came during its last read', async () => {
    const { clock, job, node, source, store } = await foreignJob()
    const waiting = node.waitForCompletion(job.jobId, { timeoutMs: 100 })
    await clock.settle()
    store.always('read', 'hold-reply')
    source.push('one')
    await clock.settle()
    source.push('two')
    expect(await within(clock, 100, waiting)).toMatchObject({ settled: false, cause: 'timeout' })
    const reads = store.calls('read')
    expect(store.release('read')).toBe(1)
    await clock.settle()
    expect(store.calls('read')).toBe(reads)
    store.always('read', 'answer')
    source.end()
    await job.settled
  })

  it('WAIT-05: ends each of 1 000 waiters by itself, and leaves none behind', async () => {
    const { clock, manager } = fixture()
    const source = controlledSource()
    const job = await manager.register((run) => run.stream(source))
    const controllers = Array.from({ length: 1_000 }, () => new AbortController())
    const answers: WaitResult<unknown>[] = []
    const waiting = Promise.all(
      controllers.map(async ({ signal }, index) => {
        answers[index] = await manager.waitForCompletion(job.jobId, { timeoutMs: 60_000, signal })
      }),
    )
    await clock.settle()
    expect(manager.stats()).toMatchObject({ waiters: 1_000, listeners: 1_000 })
    for (const controller of controllers.slice(0, 500)) controller.abort()
    await clock.settle()
    expect(manager.stats()).toMatchObject({ waiters: 500, listeners: 500, jobs: { running: 1 } })
    expect(answers.filter((answer) => !answer.settled && answer.cause === 'aborted')).toHaveLength(500)
    source.end()
    await waiting
    expect(answers.slice(500).every((answer) => answer.settled && answer.outcome.status === 'completed')).toBe(true)
    expect(manager.stats()).toMatchObject({ waiters: 0, listeners: 0, timers: 0 })
    await job.settled
  })

  it('WAIT-05: puts one listener on a signal that 1 000 waiters share, and takes it off again', async () => {
    const { clock, manager } = fixture()
    const shared = countingSignal()
    const job = await manager.register(untilCancelled)
    const waiting = Promise.all(
      Array.from({ length: 1_000 }, () => manager.waitForCompletion(job.jobId, { signal: shared.signal })),
    )
    await clock.settle()
    expect([shared.listeners(), shared.peakListeners()]).toEqual([1, 1])
    shared.abort()
    const answers = await waiting
    expect(answers.every((answer) => !answer.settled && answer.cause === 'aborted')).toBe(true)
    expect(shared.listeners()).toBe(0)
    expect(job.snapshot().status).toBe('running')
    await job.cancel()
  })

  it('WAIT-05: answers aborted at once for a signal that is aborted already', async () => {
    const { manager } = fixture()
    const job = await manager.register(untilCancelled)
    const result = await manager.waitForCompletion(job.jobId, { signal: AbortSignal.abort() })
    expect(result).toMatchObject({ settled: false, cause: 'aborted' })
    await job.cancel()
  })

  it('WAIT-05 G11: leaves nothing on a live job for waits that timed out', async () => {
    exposeGc()
    const { clock, newManager } = fixture()
    const manager = newManager({ logger: false })
    const job = await manager.register(untilCancelled, { idleTimeoutMs: false })
    const waitAHundredTimes = async () => {
      const waits = Array.from({ length: 100 }, () => manager.waitForCompletion(job.jobId, { timeoutMs: 1 }))
      await clock.advance(1)
      await Promise.all(waits)
    }
    await assertNoLeaks(waitAHundredTimes, { clock, iterations: 40, maxBytesPerIteration: 100 * 50 })
    await job.cancel()
  })

  it('WAIT-06 G14: needs nobody to wait: a failed and a cancelled job reject nothing', async () => {
    const { clock, manager } = fixture()
    const jobs = await Promise.all([
      manager.register(() => Promise.reject(boom)),
      manager.register(() => {
        throw boom
      }),
      manager.register(untilCancelled, { deadlineMs: 100 }),
      manager.register((run) => run.stream(scriptedSource([{ do: 'throw', error: boom }]))),
      manager.register(async (run) => {
        void run.stream(controlledSource())
        void run.commit(() => Promise.reject(boom))
        await untilCancelled(run)
      }),
    ])
    await clock.advance(7_000)
    expect(jobs.map((job) => job.snapshot().status)).toEqual(['failed', 'failed', 'cancelled', 'failed', 'failed'])
    const outcomes = await Promise.allSettled(jobs.map(({ settled }) => settled))
    expect(outcomes.every(({ status }) => status === 'fulfilled')).toBe(true)
  })

  it('WAIT-07: lets a second canceller wait for the same cleanup as the first', async () => {
    const { clock, manager } = fixture()
    let cleanups = 0
    const job = await manager.register(async (run) => {
      run.defer(async () => {
        cleanups++
        await wait(clock, 2_000)
      })
      await untilCancelled(run)
    })
    await clock.settle()
    const first = job.cancel()
    await clock.advance(1_000)
    const second = job.cancel()
    const answeredAt = Promise.all([settleTime(clock, first), settleTime(clock, second)])
    expect(await within(clock, 1_000, Promise.all([first, second]))).toMatchObject([
      { outcome: 'cancelled', joined: false, cancelMs: 2_000 },
      { outcome: 'cancelled', joined: true, cancelMs: 2_000 },
    ])
    expect(await answeredAt).toEqual([2_000, 2_000])
    expect(cleanups).toBe(1)
  })

  it('WAIT-08: tells the times in the queue and at work, and the usage that the source reported', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1 })
    const usage = { inputTokens: 12, outputTokens: 34, quality: 'reported' } as const
    const first = await manager.register(async () => wait(clock, 300))
    const second = await manager.register(async (run) => {
      await wait(clock, 200)
      await run.stream(scriptedSource(['text', { usage, finish: 'stop' }]))
      return run.commit(() => 'saved')
    })
    await within(clock, 500, second.settled)
    const waited = await manager.waitForCompletion(second.jobId)
    const outcome = {
      jobId: second.jobId,
      status: 'completed',
      value: 'saved',
      commit: 'done',
      cleanup: 'clean',
      forced: false,
      recorded: true,
      queuedMs: 300,
      runMs: 200,
      usage,
    }
    expect(await second.settled).toEqual(outcome)
    expect(waited).toEqual({ settled: true, outcome })
    expect(await first.settled).toMatchObject({ commit: 'none', queuedMs: 0, runMs: 300 })
  })

  it('WAIT-08: tells the same of a cancelled and of a failed job', async () => {
    const { clock, manager } = fixture()
    const cancelled = await manager.register((run) => run.stream(controlledSource()))
    const failed = await manager.register(async () => {
      await wait(clock, 100)
      throw boom
    })
    await clock.advance(100)
    await cancelled.cancel()
    const common = { commit: 'none', cleanup: 'clean', forced: false, recorded: true, queuedMs: 0, runMs: 100 }
    expect(await cancelled.settled).toMatchObject({ ...common, status: 'cancelled', usage: { quality: 'unknown' } })
    expect(await failed.settled).toMatchObject({ ...common, status: 'failed' })
  })

  it('G13: rejects after close() instead of answering something', async () => {
    const { manager } = fixture()
    await manager.close()
    expect(await rejection(manager.waitForCompletion('any'))).toBeInstanceOf(ManagerClosedError)
  })

  it('ends with the outcome when the manager is closed while somebody waits', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(untilCancelled)
    await clock.settle()
    const waiting = manager.waitForCompletion(job.jobId)
    await manager.close()
    expect(await within(clock, 0, waiting)).toMatchObject({
      settled: true,
      outcome: { status: 'cancelled', reason: { kind: 'shutdown' } },
    })
  })
})
