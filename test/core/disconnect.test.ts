import type { GenerationJobManager, JobHandle, RunContext } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { cluster } from '../support/cluster.js'
import { eventLog, shapeOf } from '../support/event-log.js'
import { fixture } from '../support/fixture.js'
import { tap } from '../support/tap.js'

const HEARTBEAT = 1_000
/** A viewer that nobody touches any more counts for three heartbeats. */
const TTL = 3 * HEARTBEAT
const CANCEL = { onDisconnect: 'cancel', disconnectGraceMs: 10_000 } as const

/** Works until it is cancelled, or until the test gives it its result. */
function work() {
  const result = tap<string>()
  return {
    end: () => result.give('whole'),
    producer: (run: RunContext) =>
      new Promise<string>((resolve, reject) => {
        run.token.onCancel(() => reject(new Error('stopped')))
        void result.next().then(resolve)
      }),
  }
}

/** Opens a reader and keeps it waiting; returns how it leaves. */
function watch(manager: GenerationJobManager, jobId: string, viewer = true): () => Promise<unknown> {
  const iterator = manager.events(jobId, { viewer })[Symbol.asyncIterator]()
  const pending = iterator.next()
  return () => Promise.all([pending, iterator.return?.()])
}

function statusOf(handle: JobHandle<unknown>): string {
  return handle.snapshot().status
}

async function expectDisconnected(handle: JobHandle<unknown>): Promise<void> {
  expect(statusOf(handle)).toBe('cancelled')
  expect(await handle.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'disconnect' }, commit: 'none' })
}

describe('a job registered with onDisconnect keep', () => {
  it('G9: goes on when its viewers leave, and when none ever comes; that is the default', async () => {
    const { clock, manager } = fixture({ disconnectGraceMs: 100 })
    const { producer, end } = work()
    const handles = [await manager.register(producer), await manager.register(producer, { onDisconnect: 'keep' })]
    await clock.settle()
    for (const { jobId } of handles) await watch(manager, jobId)()
    await clock.advance(60_000)
    expect(handles.map(statusOf)).toEqual(['running', 'running'])
    expect(manager.stats().viewers).toBe(0)
    end()
    end()
    await Promise.all(handles.map(({ settled }) => settled))
  })
})

describe('a job registered with onDisconnect cancel', () => {
  it('EVT-09 G9: is cancelled when none ever came, at the end of its grace time and not before', async () => {
    const { clock, manager } = fixture()
    const handle = await manager.register(work().producer, CANCEL)
    await clock.advance(9_999)
    expect(statusOf(handle)).toBe('running')
    await clock.advance(1)
    await expectDisconnected(handle)
    const [first] = await eventLog(manager, handle.jobId)
    expect(first).toMatchObject({ type: 'cancelling', kind: 'disconnect' })
  })

  it('EVT-09: counts from the start of the run, not from register', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
    const blocker = work()
    const first = await manager.register(blocker.producer)
    const handle = await manager.register(work().producer, CANCEL)
    await clock.advance(30_000)
    expect(statusOf(handle)).toBe('pending')
    blocker.end()
    await first.settled
    await clock.advance(9_999)
    expect(statusOf(handle)).toBe('running')
    await clock.advance(1)
    await expectDisconnected(handle)
  })

  it('EVT-09: goes on while a viewer is there, and is cancelled the grace time after the last one left', async () => {
    const { clock, manager } = fixture()
    const handle = await manager.register(work().producer, CANCEL)
    const leave = [watch(manager, handle.jobId), watch(manager, handle.jobId)]
    await clock.advance(60_000)
    expect(manager.stats().viewers).toBe(2)
    await leave[0]?.()
    await clock.advance(60_000)
    expect(statusOf(handle)).toBe('running')
    await leave[1]?.()
    await clock.advance(9_999)
    expect(statusOf(handle)).toBe('running')
    await clock.advance(1)
    await expectDisconnected(handle)
  })

  it('EVT-09: has its whole grace time again when a viewer comes back within it', async () => {
    const { clock, manager } = fixture()
    const handle = await manager.register(work().producer, CANCEL)
    for (let cycle = 0; cycle < 10; cycle++) {
      const leave = watch(manager, handle.jobId)
      await clock.advance(100)
      await leave()
      await clock.advance(9_800)
      expect(statusOf(handle)).toBe('running')
    }
    await clock.advance(200)
    await expectDisconnected(handle)
  })

  it('EVT-09: does not count subscriptions that are not viewers', async () => {
    const { clock, manager } = fixture()
    const handle = await manager.register(work().producer, CANCEL)
    const leave = watch(manager, handle.jobId, false)
    const leaveHandle = handle.events()[Symbol.asyncIterator]()
    const pending = leaveHandle.next()
    await clock.advance(10_000)
    await expectDisconnected(handle)
    expect(await pending).toMatchObject({ value: { type: 'cancelling' } })
    await Promise.all([leave(), leaveHandle.return?.()])
  })

  it('EVT-09: takes its own values before those of the manager', async () => {
    const { clock, manager } = fixture({ onDisconnect: 'cancel', disconnectGraceMs: 5_000 })
    const { producer, end } = work()
    const byDefault = await manager.register(work().producer)
    const longer = await manager.register(work().producer, { disconnectGraceMs: 8_000 })
    const kept = await manager.register(producer, { onDisconnect: 'keep' })
    await clock.advance(5_000)
    expect([byDefault, longer, kept].map(statusOf)).toEqual(['cancelled', 'running', 'running'])
    await clock.advance(3_000)
    expect([byDefault, longer, kept].map(statusOf)).toEqual(['cancelled', 'cancelled', 'running'])
    end()
    await kept.settled
  })

  it('EVT-09 CVC-03: is left to its commit once that has begun', async () => {
    const { clock, manager } = fixture()
    const saved = tap<string>()
    const handle = await manager.register((run) => run.commit(() => saved.next()), CANCEL)
    await clock.advance(25_000)
    expect(statusOf(handle)).toBe('committing')
    saved.give('saved')
    expect(await handle.settled).toMatchObject({ status: 'completed', commit: 'done' })
  })

  it('EVT-09: that was read to its end leaves no viewer behind', async () => {
    const { clock, manager } = fixture()
    const { producer, end } = work()
    const handle = await manager.register(producer, CANCEL)
    const reading = (async () => {
      const events = []
      for await (const event of manager.events(handle.jobId, { viewer: true })) events.push(event)
      return events
    })()
    await clock.advance(15_000)
    expect(manager.stats()).toMatchObject({ viewers: 1, subscriptions: 1 })
    end()
    expect(shapeOf(await reading)).toEqual(['complete'])
    expect(manager.stats()).toMatchObject({ viewers: 0, subscriptions: 0 })
  })

  it('EVT-09: is watched by a viewer that reads slowly, as long as it is there', async () => {
    const { clock, manager } = fixture()
    const { producer, end } = work()
    const handle = await manager.register(async (run) => {
      for (let count = 0; count < 1_000; count++) run.emit('text')
      return producer(run)
    }, CANCEL)
    const iterator = manager.events(handle.jobId, { viewer: true })[Symbol.asyncIterator]()
    await iterator.next()
    await clock.advance(120_000)
    expect(statusOf(handle)).toBe('running')
    await iterator.return?.()
    end()
    await handle.settled
  })
})

describe('viewers on several nodes', () => {
  it('DIS-25 G9: on another node keep the job, when the one on the owner’s node leaves', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(work().producer, CANCEL)
    const leaveA = watch(a.manager, handle.jobId)
    const leaveB = watch(b.manager, handle.jobId)
    await clock.advance(20_000)
    await leaveA()
    await clock.advance(60_000)
    expect(statusOf(handle)).toBe('running')
    await leaveB()
    await clock.advance(9_999)
    expect(statusOf(handle)).toBe('running')
    await clock.advance(1 + HEARTBEAT)
    await expectDisconnected(handle)
  })

  it('DIS-25: of a node that was killed leave when their time is over', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(work().producer, CANCEL)
    await clock.settle()
    void watch(b.manager, handle.jobId)
    await clock.advance(20_500)
    b.kill()
    await clock.advance(10_000)
    expect(statusOf(handle)).toBe('running')
    await clock.advance(TTL + HEARTBEAT)
    await expectDisconnected(handle)
  })

  it('DIS-25: count though every hint is lost', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    a.store.loseHints()
    b.store.loseHints()
    const handle = await a.manager.register(work().producer, CANCEL)
    await clock.settle()
    const leave = watch(b.manager, handle.jobId)
    await clock.advance(60_000)
    expect(statusOf(handle)).toBe('running')
    await leave()
    await clock.advance(9_999)
    expect(statusOf(handle)).toBe('running')
    await clock.advance(1 + HEARTBEAT)
    await expectDisconnected(handle)
  })

  it.each(['fail', 'hang', 'lose-reply', 'throw'] as const)(
    'DIS-25: are not taken for gone because one touch met a fault (%s)',
    async (fault) => {
      const { clock, join } = cluster()
      const [a, b] = [join(), join()]
      const { producer, end } = work()
      const handle = await a.manager.register(producer, { ...CANCEL, disconnectGraceMs: 500 })
      await clock.settle()
      const leave = watch(b.manager, handle.jobId)
      for (let round = 0; round < 10; round++) {
        await clock.advance(5 * HEARTBEAT)
        b.store.inject(fault, { on: 'touchViewers', times: 1 })
      }
      expect(statusOf(handle)).toBe('running')
      end()
      await handle.settled
      await leave()
    },
  )

  it('EVT-09 DIS-06: are not taken for gone while the owner cannot ask the store', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const { producer, end } = work()
    const handle = await a.manager.register(producer, { ...CANCEL, disconnectGraceMs: 2_000 })
    await clock.advance(1_000)
    const heal = a.store.inject('fail', { on: 'renewLeases' })
    const leave = watch(b.manager, handle.jobId)
    await clock.advance(3_500)
    expect(statusOf(handle)).toBe('running')
    heal()
    await clock.advance(10_000)
    expect(statusOf(handle)).toBe('running')
    end()
    await handle.settled
    await leave()
  })
})
