import {
  CursorExpiredError,
  type GenerationJobManager,
  type JobHandle,
  JobNotFoundError,
  LogLimitError,
  type Producer,
} from 'generation-jobs'
import { scriptedSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { cluster } from '../support/cluster.js'
import { chunksOf, eventLog, shapeOf } from '../support/event-log.js'
import { fixture } from '../support/fixture.js'
import { readAll } from '../support/read-all.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'

/** Emits chunks of this many bytes, until it is stopped. */
function flood(bytes: number, count = Number.POSITIVE_INFINITY): Producer<void> {
  return async (run) => {
    for (let index = 0; index < count; index++) run.emit('x'.repeat(bytes))
  }
}

describe('the log of a job at its limit', () => {
  it('LIM-02: of events fails the job, keeps what was there, and has its end written', async () => {
    const { manager } = fixture({ maxLogEvents: 5 })
    const handle = await manager.register(flood(1))
    const outcome = await handle.settled
    expect(outcome).toMatchObject({
      status: 'failed',
      error: { code: 'job.log-limit' },
      commit: 'none',
      recorded: true,
    })
    expect(outcome.status === 'failed' && outcome.error.cause).toBeInstanceOf(LogLimitError)
    const events = await eventLog(manager, handle.jobId)
    expect(shapeOf(events)).toEqual(['chunk', 'chunk', 'chunk', 'chunk', 'chunk', 'error'])
    expect(events.at(-1)).toMatchObject({ seq: 6, type: 'error', code: 'job.log-limit' })
    expect(manager.stats()).toMatchObject({ logEvents: 6, logBytes: 5 })
  })

  it('LIM-02: of bytes fails the job, and counts text as UTF-8 and data as JSON', async () => {
    const { manager } = fixture({ maxLogBytes: 20 })
    const handle = await manager.register(async (run) => {
      run.emit('é'.repeat(4)) // 8 bytes
      run.emit({ type: 'data', name: 'n', data: ['a'] })
      run.emit('x'.repeat(20))
    })
    expect(await handle.settled).toMatchObject({ status: 'failed', error: { code: 'job.log-limit' } })
    expect(shapeOf(await eventLog(manager, handle.jobId))).toEqual(['chunk', 'data', 'error'])
    const { logBytes } = manager.stats()
    expect(logBytes).toBeGreaterThanOrEqual(8 + 5)
    expect(logBytes).toBeLessThanOrEqual(20)
  })

  it('LIM-02: is no failure when it is exactly full', async () => {
    const { manager } = fixture({ maxLogEvents: 3, maxLogBytes: 30 })
    const handle = await manager.register(flood(10, 3))
    expect(await handle.settled).toMatchObject({ status: 'completed' })
  })

  it('LIM-02: stops a source that run.stream reads, and closes it', async () => {
    const { manager } = fixture({ maxLogEvents: 3 })
    const source = scriptedSource(['a', 'b', 'c', 'd', 'e'])
    const saved: string[] = []
    const handle = await manager.register(async (run) => {
      const { text } = await run.stream(source)
      return run.commit(() => saved.push(text))
    })
    expect(await handle.settled).toMatchObject({ status: 'failed', error: { code: 'job.log-limit' }, commit: 'none' })
    expect(saved).toEqual([])
    expect(chunksOf(await eventLog(manager, handle.jobId))).toEqual(['a', 'b', 'c'])
    expect(source.returnCalls).toBe(1)
  })

  it('LIM-02 G11: counts what a slow store has not accepted yet, so memory stays bounded', async () => {
    const { clock, join } = cluster({ maxLogBytes: 10_000 })
    const { manager, store } = join()
    const release = store.inject('hold', { on: 'append' })
    let emitted = 0
    const handle = await manager.register(async (run) => {
      for (;;) {
        run.emit('x'.repeat(100))
        emitted++
      }
    })
    await clock.settle()
    expect(emitted).toBe(100)
    release()
    store.release()
    const outcome = await within(clock, 2_000, handle.settled)
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'job.log-limit' } })
    const events = await eventLog(manager, handle.jobId)
    expect(chunksOf(events)).toHaveLength(100)
    expect(events.at(-1)?.type).toBe('error')
  })

  it('LIM-02: in the store’s own count fails the job too', async () => {
    const { join } = cluster()
    const { manager, store } = join()
    store.inject({ answer: { answer: 'log-full' } }, { on: 'append' })
    const handle = await manager.register(flood(1, 2))
    expect(await handle.settled).toMatchObject({ status: 'failed', error: { code: 'job.log-limit' } })
  })

  it('LIM-02: fails the job though the producer goes on, and though a cancel comes then', async () => {
    const { clock, manager } = fixture({ maxLogEvents: 1 })
    const handle = await manager.register(async (run) => {
      run.emit('a')
      run.tryEmit('b')
      await new Promise(() => {})
    })
    await clock.settle()
    const result = handle.cancel()
    expect(await within(clock, 7_000, result)).toMatchObject({ outcome: 'already-settled', status: 'failed' })
    expect(await handle.settled).toMatchObject({ status: 'failed', error: { code: 'job.log-limit' }, forced: true })
  })
})

describe('the idle limit', () => {
  it('LIM-03 REG-13: cancels a job with no event for its time, the first one included, and tells its readers', async () => {
    const { clock, manager } = fixture()
    const handle = await manager.register(() => new Promise(() => {}), { idleTimeoutMs: 10_000 })
    const reading = readAll(handle.events())
    await clock.advance(9_999)
    expect(handle.snapshot().status).toBe('running')
    await clock.advance(1)
    expect(handle.snapshot()).toMatchObject({ status: 'cancelling', cancel: { reason: { kind: 'idle' } } })
    const events = await within(clock, 7_000, reading)
    expect(events).toMatchObject([
      { type: 'cancelling', kind: 'idle' },
      { type: 'cancelled', kind: 'idle', forced: true },
    ])
  })

  it.each([
    ['a chunk', 'text'],
    ['a step', { type: 'step', step: 'Thinking' }],
    ['data', { type: 'data', name: 'n', data: 1 }],
  ] as const)('LIM-03: begins anew with %s, so an old job that moves is left alone', async (_, event) => {
    const { clock, manager } = fixture()
    const handle = await manager.register(
      async (run) => {
        for (let count = 0; count < 20; count++) {
          run.emit(event)
          await new Promise<void>((resolve) => clock.setTimer(9_000, resolve))
        }
        await new Promise((_, reject) => run.token.onCancel(reject))
      },
      { idleTimeoutMs: 10_000 },
    )
    await clock.advance(180_000)
    expect(handle.snapshot().status).toBe('running')
    await clock.advance(1_000)
    expect(await within(clock, 0, handle.settled)).toMatchObject({ status: 'cancelled', reason: { kind: 'idle' } })
  })

  it('LIM-03: turned off, cancels no live job, however quiet', async () => {
    const { clock, manager } = fixture({ idleTimeoutMs: 1_000 })
    const ended = tap<string>()
    const handle = await manager.register(() => ended.next(), { idleTimeoutMs: false })
    await clock.advance(1_000_000)
    expect(handle.snapshot().status).toBe('running')
    ended.give('done')
    expect(await handle.settled).toMatchObject({ status: 'completed' })
  })

  it('LIM-03 CVC-03: does not touch a job that commits', async () => {
    const { clock, manager } = fixture()
    const saved = tap<string>()
    const handle = await manager.register((run) => run.commit(() => saved.next()), {
      idleTimeoutMs: 1_000,
      deadlineMs: 2_000,
    })
    await clock.advance(20_000)
    expect(handle.snapshot().status).toBe('committing')
    saved.give('saved')
    expect(await handle.settled).toMatchObject({ status: 'completed', commit: 'done' })
  })
})

describe('retention', () => {
  const MARKS = { owner: 'ada', group: 'conversation', idempotencyKey: 'k' }

  it('LIM-05: over, record, log, key and indexes are gone, and within it all of them are there', async () => {
    const { clock, manager } = fixture({ retentionMs: 30_000 })
    const handle = await manager.register(flood(10, 3), MARKS)
    await handle.settled
    await clock.advance(29_000)
    expect(await manager.get(handle.jobId)).toMatchObject({ status: 'completed' })
    expect(await manager.list({ owner: 'ada', group: 'conversation' })).toHaveLength(1)
    expect(await eventLog(manager, handle.jobId)).toHaveLength(4)
    expect(manager.stats()).toMatchObject({ jobs: { completed: 1 }, logEvents: 4, logBytes: 30 })

    await clock.advance(2_000)
    expect(await manager.get(handle.jobId)).toBeUndefined()
    for (const filter of [{}, { owner: 'ada' }, { group: 'conversation' }, { status: 'completed' as const }])
      expect(await manager.list(filter)).toEqual([])
    expect(await rejection(readAll(manager.events(handle.jobId)))).toBeInstanceOf(JobNotFoundError)
    expect(await manager.cancel(handle.jobId)).toEqual({ outcome: 'not-found', jobId: handle.jobId })
    expect(await manager.waitForCompletion(handle.jobId)).toEqual({ settled: false, cause: 'not-found' })
    expect(manager.stats()).toMatchObject({ jobs: { completed: 0 }, logEvents: 0, logBytes: 0 })
    const next = await manager.register(async () => 'next', { ...MARKS, onConflict: 'reject' })
    expect(next.created).toBe(true)
    await next.settled
  })

  it('LIM-05: of 0 lets a job go with the next sweep', async () => {
    const { clock, manager } = fixture({ retentionMs: 0 })
    const handle = await manager.register(async () => 'value')
    expect(await handle.settled).toMatchObject({ status: 'completed', value: 'value' })
    await clock.advance(1_000)
    expect(await manager.get(handle.jobId)).toBeUndefined()
  })

  it('LIM-05: counts from the end of a job, so a live one is never swept', async () => {
    const { clock, manager } = fixture({ retentionMs: 2_000, idleTimeoutMs: false })
    const ended = tap<string>()
    const handle = await manager.register(() => ended.next())
    await clock.advance(60_000)
    expect(await manager.get(handle.jobId)).toMatchObject({ status: 'running' })
    ended.give('done')
    await handle.settled
    await clock.advance(1_000)
    expect(await manager.get(handle.jobId)).toMatchObject({ status: 'completed' })
    await clock.advance(2_000)
    expect(await manager.get(handle.jobId)).toBeUndefined()
  })

  it('LIM-04 C12: over on two nodes at once does not take a new job with the same id and key along', async () => {
    const { clock, join } = cluster({ retentionMs: 10_000 })
    const [a, b] = [join(), join()]
    const first = await a.manager.register(async () => 'first', { jobId: 'again', ...MARKS })
    await first.settled
    await clock.advance(9_000)
    const findAgain = a.store.inject('hold', { on: 'sweep' })
    await clock.advance(2_000)
    expect(await b.manager.get('again')).toBeUndefined()
    const ended = tap<string>()
    const second = await b.manager.register(() => ended.next(), { jobId: 'again', ...MARKS })
    findAgain()
    expect(a.store.release()).toBeGreaterThan(0)
    await clock.advance(20_000)
    expect(await a.manager.get('again')).toMatchObject({ status: 'running' })
    const same = await a.manager.register(async () => 'third', MARKS)
    expect([same.jobId, same.created]).toEqual(['again', false])
    ended.give('second')
    expect(await second.settled).toMatchObject({ value: 'second' })
    expect(await same.settled).toMatchObject({ value: 'second' })
  })
})

describe('a result', () => {
  const text = (bytes: number): string => 'x'.repeat(bytes - 2) // with its quotes

  async function outcomes<T>(value: T, maxResultBytes = 100) {
    const { join } = cluster({ maxResultBytes })
    const [owner, other] = [join().manager, join().manager]
    const handle: JobHandle<T> = await owner.register(async () => value as never)
    const own = await handle.settled
    const elsewhere = await other.waitForCompletion(handle.jobId)
    const snapshot = await other.get(handle.jobId)
    const last = (await eventLog(other, handle.jobId)).at(-1)
    return { own, elsewhere: elsewhere.settled ? elsewhere.outcome : elsewhere, snapshot, last }
  }

  it('LIM-06: is in the record, in the last event and in the outcome on every node', async () => {
    const value = { list: [], text: 'é', nothing: null }
    const { own, elsewhere, snapshot, last } = await outcomes(value)
    expect(own).toMatchObject({ status: 'completed', value })
    expect(elsewhere).toMatchObject({ status: 'completed', value })
    expect(snapshot?.result).toEqual(value)
    expect(last).toMatchObject({ type: 'complete', result: value })
  })

  it.each([
    ['above the limit', text(101), 'too-large'],
    ['above the limit in bytes only', 'é'.repeat(50), 'too-large'],
    ['a function', () => 1, 'not-json'],
    ['with a cycle', cyclic(), 'not-json'],
    ['a bigint', 10n, 'not-json'],
    ['a Map', new Map([['a', 1]]), 'not-json'],
    ['NaN', Number.NaN, 'not-json'],
  ] as const)(
    'LIM-06: %s completes the job, stays with its owner, and is left out of the record',
    async (_, value, why) => {
      const { own, elsewhere, snapshot, last } = await outcomes<unknown>(value)
      expect(own).toMatchObject({ status: 'completed', recorded: true })
      expect(own.status === 'completed' && own.value).toBe(value)
      expect(own).not.toHaveProperty('valueOmitted', why)
      expect(elsewhere).toMatchObject({ status: 'completed', value: undefined, valueOmitted: why })
      expect(snapshot).toMatchObject({ status: 'completed', resultOmitted: why })
      expect(snapshot).not.toHaveProperty('result')
      expect(last).not.toHaveProperty('result')
    },
  )

  it('LIM-06: exactly at the limit is recorded', async () => {
    const { snapshot } = await outcomes(text(100))
    expect(snapshot?.result).toBe(text(100))
    expect(snapshot).not.toHaveProperty('resultOmitted')
  })

  it('LIM-06: that is missing is no result, and nothing was left out', async () => {
    const { own, elsewhere, snapshot } = await outcomes(undefined)
    expect(own).toMatchObject({ status: 'completed', value: undefined })
    expect(elsewhere).not.toMatchObject({ valueOmitted: expect.anything() })
    expect(snapshot).not.toHaveProperty('resultOmitted')
  })
})

describe('the logs of settled jobs above maxRetainedBytes', () => {
  async function logged(manager: GenerationJobManager, bytes: number) {
    const handle = await manager.register(flood(bytes, 1))
    await handle.settled
    return handle
  }

  it('LIM-07 G11: are dropped oldest first; their readers are told, their records stay', async () => {
    const { clock, join } = cluster({ maxRetainedBytes: 1_000 })
    const { manager } = join()
    const jobs = []
    for (let count = 0; count < 10; count++) {
      jobs.push(await logged(manager, 300))
      await clock.advance(10)
      expect(manager.stats().logBytes).toBeLessThanOrEqual(1_000)
    }
    for (const [index, { jobId }] of jobs.entries()) {
      expect(await manager.get(jobId)).toMatchObject({ status: 'completed', lastSeq: 2 })
      if (index < 7) expect(await rejection(eventLog(manager, jobId))).toBeInstanceOf(CursorExpiredError)
      else expect(await eventLog(manager, jobId)).toHaveLength(2)
    }
  })

  it('LIM-07: are not those of live jobs, however large', async () => {
    const { clock, join } = cluster({ maxRetainedBytes: 1_000 })
    const { manager } = join()
    const ended = tap<string>()
    const live = await manager.register(async (run) => {
      for (let count = 0; count < 20; count++) run.emit('x'.repeat(300))
      return ended.next()
    })
    await clock.settle()
    const settled = await logged(manager, 300)
    expect(await eventLog(manager, settled.jobId)).toHaveLength(2)
    const iterator = live.events()[Symbol.asyncIterator]()
    for (let seq = 1; seq <= 20; seq++) expect((await iterator.next()).value).toMatchObject({ seq })
    await iterator.return?.()
    ended.give('done')
    await live.settled
  })

  it('LIM-07 G10: still have the end for a reader that has seen everything else', async () => {
    const { clock, join } = cluster({ maxRetainedBytes: 1_000 })
    const { manager } = join()
    const ended = tap<string>()
    const live = await manager.register(async (run) => {
      run.emit('x'.repeat(2_000))
      return ended.next()
    })
    const iterator = live.events()[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toMatchObject({ seq: 1 })
    const last = iterator.next()
    await clock.settle()
    ended.give('done')
    expect((await last).value).toMatchObject({ seq: 2, type: 'complete' })
    await live.settled
  })

  it('LIM-07 G10: still have the end, and only that, of a log of many blocks', async () => {
    const { clock, join } = cluster({ maxRetainedBytes: 1_000 })
    const { manager } = join()
    const ended = tap<string>()
    const live = await manager.register(async (run) => {
      for (let count = 0; count < 600; count++) run.emit('xx')
      return ended.next()
    })
    await clock.settle()
    const reader = manager.events(live.jobId, { after: 600 })[Symbol.asyncIterator]()
    const last = reader.next()
    await clock.settle()
    ended.give('done')
    await live.settled
    expect((await last).value).toMatchObject({ seq: 601, type: 'complete' })
    const again = manager.events(live.jobId, { after: 600 })[Symbol.asyncIterator]()
    expect((await again.next()).value).toMatchObject({ seq: 601, type: 'complete' })
    expect(manager.stats()).toMatchObject({ logBytes: 0, logEvents: 1 })
  })

  it('LIM-07: make room when their jobs are swept', async () => {
    const { clock, join } = cluster({ maxRetainedBytes: 1_000, retentionMs: 5_000 })
    const { manager } = join()
    for (let round = 0; round < 5; round++) {
      const jobs = [await logged(manager, 300), await logged(manager, 300), await logged(manager, 300)]
      for (const { jobId } of jobs) expect(await eventLog(manager, jobId)).toHaveLength(2)
      await clock.advance(7_000)
      expect(manager.stats()).toMatchObject({ logEvents: 0, logBytes: 0 })
    }
  })
})

function cyclic(): unknown[] {
  const list: unknown[] = []
  list.push(list)
  return list
}
