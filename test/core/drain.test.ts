import { GenerationJobManager, type JobHandle, ManagerClosedError, type RunContext } from 'generation-jobs'
import { createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { cluster } from '../support/cluster.js'
import { eventLog, shapeOf } from '../support/event-log.js'
import { fixture } from '../support/fixture.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'

/** Works until it is cancelled, or until the test gives it its result. */
function work() {
  const result = tap<string>()
  const calls: string[] = []
  return {
    calls,
    end: () => result.give('whole'),
    fail: () => result.fail(new Error('no model')),
    producer: (run: RunContext) =>
      new Promise<string>((resolve, reject) => {
        calls.push(run.jobId)
        run.token.onCancel(() => reject(new Error('stopped')))
        result.next().then(resolve, reject)
      }),
  }
}

const hung = () => new Promise<never>(() => {})

function statusOf(handle: JobHandle<unknown>): string {
  return handle.snapshot().status
}

describe('drain', () => {
  it('SHU-01: refuses new jobs from then on, and leaves no record of them', async () => {
    const { clock, manager } = fixture()
    const { producer, calls, end } = work()
    const handle = await manager.register(producer)
    await clock.settle()
    const draining = manager.drain()
    const error = await rejection(manager.register(producer, { jobId: 'late' }))
    expect(error).toBeInstanceOf(ManagerClosedError)
    expect(error).toMatchObject({ code: 'manager.closed' })
    expect(await manager.get('late')).toBeUndefined()
    end()
    expect(await draining).toMatchObject({ completed: 1 })
    expect(calls).toEqual([handle.jobId])
    expect(await rejection(manager.register(producer))).toBeInstanceOf(ManagerClosedError)
  })

  it('SHU-01: refuses a register that still waits for the job it replaces', async () => {
    const { clock, manager } = fixture()
    const first = await manager.register(hung, { group: 'g' })
    await clock.settle()
    const { producer, calls } = work()
    const registering = rejection(manager.register(producer, { group: 'g', jobId: 'second', onConflict: 'replace' }))
    await clock.advance(100)
    const draining = manager.drain()
    expect(await within(clock, 7_000, registering)).toBeInstanceOf(ManagerClosedError)
    expect(await draining).toMatchObject({ cancelled: 1, forced: 1 })
    expect(await manager.get('second')).toBeUndefined()
    expect(calls).toEqual([])
    expect(await first.settled).toMatchObject({ reason: { kind: 'replaced' } })
  })

  it.each(['hold', 'later'] as const)(
    'SHU-01: refuses or ends a job whose record is being made (%s), and never calls its producer',
    async (fault) => {
      const { clock, store: shared, join } = cluster()
      const { manager, store } = join()
      store.inject(fault, { on: 'create' })
      const { producer, calls } = work()
      const registering = manager.register(producer, { jobId: 'late' }).then(
        (handle) => handle.settled,
        (error: unknown) => error,
      )
      const draining = manager.drain()
      store.release()
      await within(clock, 0, draining)
      const end = await within(clock, 0, registering)
      if (!(end instanceof ManagerClosedError))
        expect(end).toMatchObject({ status: 'cancelled', reason: { kind: 'shutdown' } })
      expect(calls).toEqual([])
      const record = await shared.read('late')
      if (record) expect(record).toMatchObject({ status: 'cancelled', cancel: { reason: { kind: 'shutdown' } } })
    },
  )

  it('SHU-01: cancels pending jobs at once and lets running ones finish within the time', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
    const { producer, calls, end } = work()
    const running = await manager.register(producer)
    const pending = [await manager.register(producer), await manager.register(producer)]
    await clock.settle()
    const draining = manager.drain({ timeoutMs: 10_000 })
    await clock.settle()
    expect(pending.map(statusOf)).toEqual(['cancelled', 'cancelled'])
    for (const { settled } of pending)
      expect(await settled).toMatchObject({ reason: { kind: 'shutdown' }, forced: false })
    await clock.advance(9_000)
    expect(statusOf(running)).toBe('running')
    end()
    const report = await within(clock, 0, draining)
    expect(report).toEqual({ completed: 1, failed: 0, cancelled: 2, forced: 0, waitedMs: 9_000 })
    expect(calls).toEqual([running.jobId])
  })

  it('SHU-01: leaves cancel, get, list, events and waits working until close()', async () => {
    const { clock, manager } = fixture()
    const { producer, end } = work()
    const handles = [await manager.register(producer), await manager.register(producer)]
    const [first, second] = handles.map(({ jobId }) => jobId)
    await clock.settle()
    const draining = manager.drain({ timeoutMs: 60_000 })
    const wait = manager.waitForCompletion(first ?? '', { timeoutMs: 50_000 })
    const reading = eventLog(manager, first ?? '')
    expect(await manager.cancel(second ?? '')).toMatchObject({ outcome: 'cancelled', reason: { kind: 'user' } })
    expect(await manager.get(first ?? '')).toMatchObject({ status: 'running' })
    expect(await manager.list({ status: 'running' })).toHaveLength(1)
    await clock.advance(1_000)
    end() // the result of the cancelled one
    end()
    expect(await wait).toMatchObject({ settled: true, outcome: { status: 'completed' } })
    expect(shapeOf(await reading)).toEqual(['complete'])
    expect(await draining).toMatchObject({ completed: 1, cancelled: 1 })
    expect(await manager.get(first ?? '')).toMatchObject({ status: 'completed' })
  })

  it('SHU-02: cancels what still runs when the time is over, and waits for the cleanups', async () => {
    const { clock, manager } = fixture()
    const cleaned: string[] = []
    const cooperative = await manager.register(async (run) => {
      run.defer(async () => {
        await new Promise<void>((resolve) => clock.setTimer(2_000, resolve))
        cleaned.push('cooperative')
      })
      await work().producer(run)
    })
    const deaf = await manager.register(async (run) => {
      run.defer(() => void cleaned.push('deaf'))
      await hung()
    })
    const draining = manager.drain({ timeoutMs: 5_000 })
    await clock.advance(4_999)
    expect([cooperative, deaf].map(statusOf)).toEqual(['running', 'running'])
    await clock.advance(1)
    expect([cooperative, deaf].map(statusOf)).toEqual(['cancelling', 'cancelling'])
    await clock.advance(2_000)
    expect(cleaned).toEqual(['cooperative'])
    expect(statusOf(cooperative)).toBe('cancelled')
    const report = await within(clock, 5_000, draining)
    expect(cleaned).toEqual(['cooperative', 'deaf'])
    expect(report).toEqual({ completed: 0, failed: 0, cancelled: 2, forced: 1, waitedMs: 8_500 })
    for (const { settled } of [cooperative, deaf]) expect(await settled).toMatchObject({ reason: { kind: 'shutdown' } })
  })

  it('SHU-02 CVC-03: leaves a job that commits to its end', async () => {
    const { clock, manager } = fixture()
    const saved = tap<string>()
    const handle = await manager.register((run) => run.commit(() => saved.next()))
    await clock.settle()
    const draining = manager.drain({ timeoutMs: 1_000 })
    await clock.advance(20_000)
    expect(statusOf(handle)).toBe('committing')
    saved.give('saved')
    expect(await within(clock, 0, draining)).toMatchObject({ completed: 1, cancelled: 0, waitedMs: 20_000 })
    expect(await handle.settled).toMatchObject({ status: 'completed', value: 'saved' })
  })

  it('SHU-02: is bounded by commitTimeoutMs when a commit hangs', async () => {
    const { clock, manager } = fixture({ commitTimeoutMs: 12_000 })
    await manager.register((run) => run.commit(hung))
    await clock.settle()
    const report = await within(clock, 12_000, manager.drain({ timeoutMs: 0 }))
    expect(report).toMatchObject({ failed: 1, cancelled: 0, waitedMs: 12_000 })
  })

  it('SHU-02: counts each job that was live when it began, once, as it ended', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 5 })
    const before = await manager.register(async () => 'before')
    await before.settled
    const works = [work(), work(), work()]
    const handles = []
    for (const { producer } of works) handles.push(await manager.register(producer))
    handles.push(await manager.register(hung))
    handles.push(await manager.register((run) => run.commit(() => Promise.reject(new Error('no disk')))))
    handles.push(await manager.register(hung)) // pending
    const draining = manager.drain({ timeoutMs: 3_000 })
    await clock.advance(1_000)
    works[0]?.end()
    works[1]?.fail()
    const report = await within(clock, 10_000, draining)
    const ends = await Promise.all(handles.map(async ({ settled }) => (await settled).status))
    expect(ends).toEqual(['completed', 'failed', 'cancelled', 'cancelled', 'failed', 'cancelled'])
    expect(report).toMatchObject({ completed: 1, failed: 2, cancelled: 3, forced: 1 })
  })

  it('SHU-02: with nothing to wait for is over at once', async () => {
    const { clock, manager } = fixture()
    const none = { completed: 0, failed: 0, cancelled: 0, forced: 0, waitedMs: 0 }
    expect(await within(clock, 0, manager.drain())).toEqual(none)
    expect(await within(clock, 0, manager.drain({ timeoutMs: 0 }))).toEqual(none)
    expect(clock.timers().filter(({ unref }) => !unref)).toEqual([])
  })

  it('SHU-02: has 15 s by default', async () => {
    const { clock, manager } = fixture()
    const handle = await manager.register(work().producer)
    const draining = manager.drain()
    await clock.advance(14_999)
    expect(statusOf(handle)).toBe('running')
    expect(await within(clock, 1, draining)).toMatchObject({ cancelled: 1, waitedMs: 15_000 })
  })

  it('SHU-02: called again while it runs is answered too, and the earlier end of both counts', async () => {
    const { clock, manager } = fixture()
    const handle = await manager.register(work().producer)
    const first = manager.drain({ timeoutMs: 20_000 })
    const second = manager.drain({ timeoutMs: 1_000 })
    expect(await within(clock, 1_000, second)).toMatchObject({ cancelled: 1 })
    expect(await within(clock, 0, first)).toMatchObject({ cancelled: 1 })
    expect(await handle.settled).toMatchObject({ reason: { kind: 'shutdown' } })
  })

  it('SHU-02 LEAK-08: keeps the process alive while it waits', async () => {
    const { clock, manager } = fixture()
    const { producer, end } = work()
    await manager.register(producer)
    const draining = manager.drain({ timeoutMs: 5_000 })
    await clock.settle()
    expect(clock.timers().some(({ unref }) => !unref)).toBe(true)
    end()
    await draining
    expect(clock.timers().every(({ unref }) => unref)).toBe(true)
  })

  it('SHU-03: touches no job of another node, and one cleanup that fails stops nothing', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join().manager, join().manager]
    const { producer, end } = work()
    const foreign = await b.register(producer)
    const own = []
    for (let count = 0; count < 4; count++) {
      const handle = await a.register(async (run) => {
        run.defer(() => {
          if (count === 1) throw new Error('no disk')
          return count === 2 ? hung() : undefined
        })
        await work().producer(run)
      })
      own.push(handle)
    }
    await clock.settle()
    const report = await within(clock, 7_000, a.drain({ timeoutMs: 0 }))
    expect(report).toMatchObject({ cancelled: 4 })
    const cleanups = await Promise.all(own.map(async ({ settled }) => (await settled).cleanup))
    expect(cleanups).toEqual(['clean', 'failed', 'timed-out', 'clean'])
    expect(statusOf(foreign)).toBe('running')
    end()
    expect(await foreign.settled).toMatchObject({ status: 'completed' })
  })

  it('SHU-04: keeps the leases of its jobs until the last cleanup has ended', async () => {
    const { clock, join } = cluster({ gracePeriodMs: 40_000, cancelTimeoutMs: 45_000 })
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(async (run) => {
      run.defer(() => new Promise<void>((resolve) => clock.setTimer(30_000, resolve)))
      await work().producer(run)
    })
    await clock.settle()
    const closing = a.manager.close()
    await clock.advance(29_000)
    expect(statusOf(handle)).toBe('cancelling')
    expect(await b.manager.get(handle.jobId)).toMatchObject({ status: 'cancelling' })
    await within(clock, 1_000, closing)
    expect(await handle.settled).toMatchObject({ status: 'cancelled', cleanup: 'clean', forced: false, recorded: true })
    expect(b.logs.of('job.reaped')).toEqual([])
  })
})

describe('close', () => {
  it('SHU-06: cancels what is live, waits for the cleanups, and leaves no timer, listener or reader', async () => {
    const clock = createVirtualClock()
    const manager = new GenerationJobManager({ clock, logger: false, maxConcurrentJobs: 1 })
    const stop = new AbortController()
    let cleaned = false
    const running = await manager.register(
      async (run) => {
        run.defer(async () => {
          await new Promise<void>((resolve) => clock.setTimer(500, resolve))
          cleaned = true
        })
        await work().producer(run)
      },
      { signal: stop.signal },
    )
    const pending = await manager.register(work().producer, { signal: stop.signal })
    const reading = eventLog(manager, running.jobId)
    const waiting = manager.waitForCompletion(running.jobId, { timeoutMs: 60_000, signal: stop.signal })
    await clock.settle()
    const closing = manager.close()
    expect(cleaned).toBe(false)
    await within(clock, 500, closing)
    expect(cleaned).toBe(true)
    expect(shapeOf(await reading)).toEqual(['cancelling', 'cancelled'])
    expect(await waiting).toMatchObject({ settled: true, outcome: { reason: { kind: 'shutdown' } } })
    expect(await pending.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'shutdown' } })
    expect(clock.timers()).toEqual([])
    const { subscriptions, viewers, timers, listeners, cleanups, waiters } = manager.stats()
    expect([subscriptions, viewers, timers, listeners, cleanups, waiters]).toEqual([0, 0, 0, 0, 0, 0])
  })

  it('SHU-06: called several times, also later, is one close', async () => {
    const { clock, manager } = fixture()
    await manager.register(work().producer)
    const closings = [manager.close(), manager.close()]
    await within(clock, 0, Promise.all(closings))
    await within(clock, 0, manager.close())
  })

  it('SHU-06: during a register refuses or ends that job', async () => {
    const { clock, manager } = fixture()
    const { producer, calls } = work()
    const registering = manager.register(producer).then(
      async (handle) => (await handle.settled).status,
      (error: unknown) => (error instanceof ManagerClosedError ? 'refused' : error),
    )
    await within(clock, 0, manager.close())
    expect(['refused', 'cancelled']).toContain(await registering)
    expect(calls).toEqual([])
  })

  it('SHU-06: is over within the grace period, whatever jobs do, and within the commit limit when one commits', async () => {
    const { clock, manager } = fixture({ commitTimeoutMs: 10_000 })
    const deaf = await manager.register(async (run) => {
      run.defer(hung)
      await hung()
    })
    const committing = await manager.register((run) => run.commit(hung))
    await clock.settle()
    const closing = manager.close()
    await clock.advance(7_000)
    expect(await within(clock, 0, deaf.settled)).toMatchObject({ forced: true, cleanup: 'timed-out' })
    await within(clock, 10_000, closing)
    expect(await committing.settled).toMatchObject({ status: 'failed', error: { code: 'commit.unknown' } })
  })

  it('SHU-06: after it every call is refused with the same typed error', async () => {
    const { manager } = fixture()
    const handle = await manager.register(async () => 1)
    await handle.settled
    await manager.close()
    const calls = [
      () => manager.register(async () => 1),
      () => manager.cancel('a'),
      () => manager.cancelMany({ owner: 'a' }),
      () => manager.get('a'),
      () => manager.list(),
      () => manager.waitForCompletion('a'),
      () => manager.events('a')[Symbol.asyncIterator]().next(),
      () => handle.cancel(),
    ]
    for (const call of calls) {
      const error = await rejection(call())
      expect(error).toBeInstanceOf(ManagerClosedError)
    }
    expect(await manager.drain()).toMatchObject({ completed: 0 })
  })

  it('SHU-06: ends waits for jobs of other nodes, and their handles', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join().manager, join().manager]
    const { producer, end } = work()
    const handle = await a.register(producer, { idempotencyKey: 'k' })
    const same = await b.register(producer, { idempotencyKey: 'k' })
    const settled = same.settled
    const waiting = b.waitForCompletion(handle.jobId, { timeoutMs: 60_000 })
    await clock.settle()
    await within(clock, 0, b.close())
    expect(await within(clock, 0, settled)).toMatchObject({
      status: 'failed',
      error: { code: 'manager.closed' },
      recorded: false,
    })
    expect(await within(clock, 0, waiting)).toMatchObject({ settled: false })
    expect(statusOf(handle)).toBe('running')
    end()
    await handle.settled
  })

  it('SHU-06: a handle of another node and a reader that are first used after it wait for nothing', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join().manager, join().manager]
    const { producer, end } = work()
    const handle = await a.register(producer, { idempotencyKey: 'k' })
    const same = await b.register(producer, { idempotencyKey: 'k' })
    const reader = b.events(handle.jobId)[Symbol.asyncIterator]()
    await clock.settle()
    await within(clock, 0, b.close())
    expect(await within(clock, 0, same.settled)).toMatchObject({ error: { code: 'manager.closed' }, recorded: false })
    expect(await within(clock, 0, reader.next())).toEqual({ done: true, value: undefined })
    expect(b.stats()).toMatchObject({ subscriptions: 0, waiters: 0 })
    end()
    await handle.settled
  })

  it('SHU-06: is what `await using` calls', async () => {
    const { clock, manager } = fixture()
    const handle = await manager.register(work().producer)
    await clock.settle()
    const dispose: unknown = Reflect.get(manager, Symbol.asyncDispose)
    if (typeof dispose !== 'function') throw new Error('the manager is not async disposable')
    await within(clock, 0, Reflect.apply(dispose, manager, []))
    expect(await handle.settled).toMatchObject({ reason: { kind: 'shutdown' } })
    expect(await rejection(manager.list())).toBeInstanceOf(ManagerClosedError)
  })
})
