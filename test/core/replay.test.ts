import {
  CursorExpiredError,
  createMemoryJobStore,
  type GenerationJobManager,
  type JobEvent,
  type JobHandle,
  JobNotFoundError,
  LogLimitError,
  ManagerClosedError,
  type Producer,
  type RunContext,
  StoreError,
} from 'generation-jobs'
import { countingSignal } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { cluster } from '../support/cluster.js'
import { eventLog, shapeOf } from '../support/event-log.js'
import { fixture } from '../support/fixture.js'
import { readAll } from '../support/read-all.js'
import { seededRandom } from '../support/seeded-random.js'
import { slowStore } from '../support/slow-store.js'
import { type Tap, tap } from '../support/tap.js'
import { within } from '../support/within.js'

const TERMINAL = ['complete', 'cancelled', 'error']

/** A producer that emits what the tap gives, until it gives `undefined`. */
function fedBy(chunks: Tap<string | undefined>): (run: RunContext) => Promise<string> {
  return async (run) => {
    for (let chunk = await chunks.next(); chunk !== undefined; chunk = await chunks.next()) run.emit(chunk)
    return 'whole'
  }
}

function expectWhole(events: readonly JobEvent[], from = 1): void {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => from + index))
  expect(events.filter(({ type }) => TERMINAL.includes(type))).toHaveLength(1)
  expect(TERMINAL).toContain(events.at(-1)?.type)
}

/** Reads on its own; what it has so far, and whether it has come to the end. */
function follow(source: AsyncIterable<JobEvent>) {
  const events: JobEvent[] = []
  const follower = { events, ended: false, error: undefined as unknown }
  const read = async (): Promise<void> => {
    for await (const event of source) events.push(event)
  }
  const done = read().then(
    () => {
      follower.ended = true
    },
    (error: unknown) => {
      follower.error = error
    },
  )
  return Object.assign(follower, { done })
}

function iteratorOf(
  manager: GenerationJobManager,
  jobId: string,
  options?: Parameters<GenerationJobManager['events']>[1],
) {
  return manager.events(jobId, options)[Symbol.asyncIterator]()
}

/** A change of an event is refused, or it stays the reader's own. */
function attempt(change: () => void): void {
  try {
    change()
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
  }
}

describe('the log of a job', () => {
  const ENDS: Record<string, { producer: Producer<unknown>; shape: string[]; cancel?: boolean; options?: object }> = {
    completed: {
      producer: async (run) => {
        run.step('Generating')
        run.emit('a')
        return { text: 'a' }
      },
      shape: ['step:Generating', 'chunk', 'complete'],
    },
    'completed without a result': { producer: async () => undefined, shape: ['complete'] },
    failed: {
      producer: async (run) => {
        run.emit('a')
        throw new Error('no model')
      },
      shape: ['chunk', 'error'],
    },
    'failed at once': {
      producer: () => {
        throw new Error('no model')
      },
      shape: ['error'],
    },
    'failed in its commit': {
      producer: (run) => run.commit(() => Promise.reject(new Error('no disk'))),
      shape: ['error'],
    },
    cancelled: {
      producer: async (run) => {
        run.emit('a')
        await new Promise((_, reject) => run.token.onCancel(reject))
      },
      shape: ['chunk', 'cancelling', 'cancelled'],
      cancel: true,
    },
    'cancelled by its deadline': {
      producer: () => new Promise(() => {}),
      options: { deadlineMs: 100 },
      shape: ['cancelling', 'cancelled'],
    },
  }

  it.each(Object.entries(ENDS))(
    'EVT-01 EVT-16 G1: of a job that %s counts from 1 without gap and ends with its one terminal event',
    async (_, { producer, shape, cancel, options }) => {
      const { clock, manager } = fixture()
      const handle = await manager.register(producer, options)
      await clock.settle()
      if (cancel) void handle.cancel()
      await within(clock, 8_000, handle.settled)
      const events = await eventLog(manager, handle.jobId)
      expectWhole(events)
      expect(shapeOf(events)).toEqual(shape)
      expect((await manager.get(handle.jobId))?.lastSeq).toBe(events.length)
    },
  )

  it('EVT-01 EVT-16: of a job that was cancelled while pending is its end alone', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
    const chunks = tap<string | undefined>()
    const blocker = await manager.register(fedBy(chunks))
    const pending = await manager.register(async () => 'never')
    await pending.cancel({ by: 'ada' })
    expect(await eventLog(manager, pending.jobId)).toEqual([
      { seq: 1, at: clock.now(), type: 'cancelled', kind: 'user', forced: false },
    ])
    chunks.give(undefined)
    await blocker.settled
  })

  it('EVT-15: has data events in order like chunks, and they are no part of the text', async () => {
    const { manager } = fixture()
    const data = [1, 'two', null, { three: [] }, [], false]
    const handle = await manager.register(async (run) => {
      run.emit('text ')
      for (const one of data) run.emit({ type: 'data', name: 'sources', data: one })
      run.emit({ type: 'metadata', data: { model: 'm' } })
      run.emit('more')
      throw new Error('no more')
    })
    const outcome = await handle.settled
    const events = await eventLog(manager, handle.jobId)
    expectWhole(events)
    expect(events.flatMap((event) => (event.type === 'data' ? [event.data] : []))).toEqual(data)
    expect(shapeOf(events)).toEqual(['chunk', ...data.map(() => 'data'), 'metadata', 'chunk', 'error'])
    expect('partial' in outcome && outcome.partial).toEqual({ text: 'text more' })
  })

  it('EVT-14: is not changed by what a consumer does to its events, or a producer to its objects', async () => {
    const { clock, manager } = fixture()
    const metadata = { model: { name: 'm' } }
    const list = [{ url: 'a' }]
    const chunks = tap<string | undefined>()
    const handle = await manager.register(async (run) => {
      run.emit({ type: 'metadata', data: metadata })
      run.emit({ type: 'data', name: 'sources', data: list })
      run.emit('text')
      metadata.model.name = 'changed'
      list.push({ url: 'b' })
      return fedBy(chunks)(run)
    })
    await clock.settle()
    const vandal = iteratorOf(manager, handle.jobId)
    for (let count = 0; count < 3; count++) {
      const { value } = await vandal.next()
      for (const change of [{ seq: 99 }, { content: 'changed' }, { type: 'complete' }])
        attempt(() => Object.assign(value as object, change))
      const { data } = value as { data?: object }
      for (const part of [data, ...Object.values(data ?? {})])
        if (typeof part === 'object' && part !== null) expect(Object.isFrozen(part)).toBe(true)
    }
    await vandal.return?.()
    chunks.give(undefined)
    await handle.settled
    const [first, second, third] = await eventLog(manager, handle.jobId)
    expect(first).toMatchObject({ seq: 1, type: 'metadata', data: { model: { name: 'm' } } })
    expect(second).toMatchObject({ seq: 2, type: 'data', data: [{ url: 'a' }] })
    expect(third).toMatchObject({ seq: 3, type: 'chunk', content: 'text' })
  })

  it('EVT-19 G14: holds codes and kinds, and no sentence, name or foreign message', async () => {
    const { clock, store, join } = cluster()
    const { manager } = join()
    const cancelled = await manager.register(() => new Promise(() => {}))
    const failed = await manager.register(() => Promise.reject(new Error('secret: sk-123')))
    const foreign = await manager.register((run) => run.commit(() => Promise.reject(new Error('secret: sk-123'))))
    await clock.settle()
    const result = cancelled.cancel({ by: 'ada', message: 'a secret sentence' })
    await within(clock, 8_000, Promise.all([result, failed.settled, foreign.settled]))
    const raw = []
    for (const { jobId } of [cancelled, failed, foreign]) {
      const answer = await store.readEvents(jobId, 0, 100)
      raw.push(answer.answer === 'events' ? answer.events.map(({ at, ...event }) => event) : answer)
    }
    expect(raw).toEqual([
      [
        { seq: 1, type: 'cancelling', kind: 'user' },
        { seq: 2, type: 'cancelled', kind: 'user', forced: true },
      ],
      [{ seq: 1, type: 'error', code: 'producer.failed' }],
      [{ seq: 1, type: 'error', code: 'commit.failed' }],
    ])
  })
})

describe('a reader', () => {
  it('EVT-02 G10: at any moment, with any cursor, gets everything after it once and in order, and then the end', async () => {
    const { clock, manager } = fixture()
    const chunks = tap<string | undefined>()
    const handle = await manager.register(fedBy(chunks))
    const total = 12
    const followers: { after: number; follower: ReturnType<typeof follow> }[] = []
    const attach = (): void => {
      for (let after = 0; after <= total; after++)
        followers.push({ after, follower: follow(manager.events(handle.jobId, { after })) })
    }
    for (let count = 0; count < total; count++) {
      attach()
      chunks.give(`${count}`)
      if (count % 3 === 0) attach() // in the tick of the chunk
      if (count % 2 === 0) await clock.settle()
    }
    await clock.settle()
    attach()
    chunks.give(undefined)
    await handle.settled
    attach()
    await clock.settle()
    for (const { after, follower } of followers) {
      expect(follower).toMatchObject({ ended: true, error: undefined })
      if (after <= total) expectWhole(follower.events, after + 1)
      expect(follower.events).toHaveLength(total + 1 - after)
    }
    expect(followers.length).toBeGreaterThan(200)
  })

  it('EVT-02 EVT-10 G10: on any node, over a store that batches, loses replies and hints, gets the same', {
    timeout: 20_000,
  }, async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const random = seededRandom(7)
    a.store.inject('lose-reply', { on: 'append', when: () => random() < 0.2 })
    a.store.inject('fail', { on: 'append', when: () => random() < 0.2 })
    a.store.inject('later')
    b.store.inject('fail', { on: 'readEvents', when: () => random() < 0.2 })
    b.store.inject('later')
    b.store.loseHints(() => random() < 0.5)
    const texts = Array.from({ length: 60 }, (_, index) => `text ${index}`)
    const handle = await a.manager.register(async (run) => {
      for (const text of texts) {
        run.emit(text)
        if (random() < 0.7) await new Promise<void>((resolve) => clock.setTimer(random() * 300, resolve))
      }
      return 'whole'
    })
    await clock.settle()
    const followers = []
    for (let count = 0; count < 30; count++) {
      const after = Math.floor(random() * 20)
      followers.push({ after, follower: follow((count % 2 ? a : b).manager.events(handle.jobId, { after })) })
      await clock.advance(random() * 200)
    }
    let isSettled = false
    void handle.settled.then(() => {
      isSettled = true
    })
    while (!isSettled) await clock.advance(1_000)
    await clock.advance(10_000)
    const whole = await eventLog(a.manager, handle.jobId)
    expectWhole(whole)
    expect(whole.flatMap((event) => (event.type === 'chunk' ? [event.content] : []))).toEqual(texts)
    for (const { after, follower } of followers) {
      expect(follower).toMatchObject({ ended: true, error: undefined })
      expect(follower.events).toEqual(whole.slice(after))
    }
  })

  it('EVT-02: misses nothing that comes between its first answer and its watch', async () => {
    const { clock, newManager } = fixture()
    const store = slowStore(createMemoryJobStore({ clock }))
    const manager = newManager({ store })
    const chunks = tap<string | undefined>()
    const handle = await manager.register(fedBy(chunks))
    store.next('readEvents', 'hold-reply')
    const follower = follow(manager.events(handle.jobId))
    await clock.settle()
    chunks.give('a')
    await clock.settle()
    store.release('readEvents')
    await clock.settle()
    expect(shapeOf(follower.events)).toEqual(['chunk'])
    chunks.give(undefined)
    await follower.done
  })

  it('watches a job only while something can come', async () => {
    const { clock, newManager } = fixture()
    const store = createMemoryJobStore({ clock })
    const watched: string[] = []
    const watchJob: typeof store.watchJob = (jobId, wake) => {
      watched.push(jobId)
      return store.watchJob(jobId, wake)
    }
    const manager = newManager({ store: { ...store, watchJob } })
    const chunks = tap<string | undefined>()
    const handle = await manager.register(fedBy(chunks))
    const follower = follow(handle.events())
    for (const chunk of ['a', 'b', undefined]) chunks.give(chunk)
    await follower.done
    expect(watched).toEqual([handle.jobId])
    expectWhole(await readAll(handle.events()))
    expect(watched).toEqual([handle.jobId])
  })

  it('EVT-04: of a settled job gets all of it within the retention, from any cursor, and ends', async () => {
    const { clock, manager } = fixture({ retentionMs: 20_000 })
    const chunks = tap<string | undefined>()
    const handle = await manager.register(fedBy(chunks))
    for (const chunk of ['a', 'b', undefined]) chunks.give(chunk)
    await handle.settled
    await clock.advance(18_000)
    for (let after = 0; after <= 3; after++) {
      const events = await within(clock, 0, readAll(manager.events(handle.jobId, { after })))
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3].slice(after))
    }
    expect(await readAll(manager.events(handle.jobId, { after: 99 }))).toEqual([])
    await clock.advance(4_000)
    expect(await rejection(readAll(manager.events(handle.jobId)))).toBeInstanceOf(JobNotFoundError)
  })

  it('EVT-04: of a job that failed before anybody read gets its end', async () => {
    const { manager } = fixture()
    const handle = await manager.register(() => {
      throw new Error('no model')
    })
    await handle.settled
    expect(shapeOf(await readAll(handle.events()))).toEqual(['error'])
  })

  it('EVT-17: of an unknown id is told at its first next()', async () => {
    const { manager } = fixture()
    const events = manager.events('nobody') // does not throw
    expect(await rejection(events[Symbol.asyncIterator]().next())).toBeInstanceOf(JobNotFoundError)
    expect(manager.stats().subscriptions).toBe(0)
  })

  it('EVT-02: with a cursor beyond the newest event waits for what comes after it', async () => {
    const { clock, manager } = fixture()
    const chunks = tap<string | undefined>()
    const handle = await manager.register(fedBy(chunks))
    const follower = follow(handle.events({ after: 3 }))
    for (const chunk of ['a', 'b', 'c']) chunks.give(chunk)
    await clock.settle()
    expect(follower).toMatchObject({ events: [], ended: false })
    for (const chunk of ['d', undefined]) chunks.give(chunk)
    await follower.done
    expect(follower.events.map(({ seq }) => seq)).toEqual([4, 5])
  })

  it('EVT-18: over memory has an event in the tick in which it was emitted', async () => {
    const { clock, manager } = fixture()
    const chunks = tap<string | undefined>()
    let emit: RunContext['emit'] = () => {}
    const handle = await manager.register(async (run) => {
      emit = run.emit
      return fedBy(chunks)(run)
    })
    await clock.settle()
    const iterator = iteratorOf(manager, handle.jobId)
    let seen: unknown
    const next = iterator.next().then(({ value }) => (seen = value))
    await clock.settle()
    emit('a')
    await clock.runMicrotasks(4)
    expect(seen).toMatchObject({ seq: 1, content: 'a' })
    await next
    await iterator.return?.()
    chunks.give(undefined)
  })

  it('EVT-18 G10: has no event that the store has not accepted, on the owner’s node either', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    a.store.inject('hold', { on: 'append' })
    const chunks = tap<string | undefined>()
    const handle = await a.manager.register(fedBy(chunks))
    await clock.settle()
    const followers = [follow(a.manager.events(handle.jobId)), follow(b.manager.events(handle.jobId))]
    for (const chunk of ['a', 'b', 'c']) chunks.give(chunk)
    await clock.settle()
    expect(followers.map(({ events }) => events.length)).toEqual([0, 0])
    a.store.release()
    await clock.settle()
    expect(followers.map(({ events }) => events.length)).toEqual([1, 1])
    a.store.release()
    await clock.settle()
    expect(followers.map(({ events }) => events.length)).toEqual([3, 3])
    chunks.give(undefined)
    await Promise.all(followers.map(({ done }) => done))
  })

  it('EVT-10: gets the same log, whether events were stored one by one, in a burst, or while the store was slow', async () => {
    const logs: JobEvent[][] = []
    const sizes: number[] = []
    for (const way of ['one by one', 'in a burst', 'slow store']) {
      const { clock, join } = cluster()
      const { manager, store } = join()
      if (way === 'slow store') store.inject('hold', { on: 'append' })
      const handle = await manager.register(async (run) => {
        for (let count = 0; count < 50; count++) {
          run.emit(count % 7 === 0 ? { type: 'step', step: `${count}` } : `${count}`)
          if (way === 'one by one') await clock.yieldMacrotask()
        }
        return 'whole'
      })
      for (let round = 0; round < 10; round++) {
        await clock.settle()
        store.release()
      }
      await handle.settled
      sizes.push(Math.max(...store.calls('append').map(({ args }) => (args[2] as unknown[]).length)))
      logs.push(await eventLog(manager, handle.jobId))
    }
    expect(sizes).toEqual([1, 42, 49])
    for (const log of logs) {
      expect(log).toEqual(logs[0])
      expectWhole(log)
    }
  })

  it('EVT-11: of a quiet job sees the end by its own looking, though every hint is lost', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const chunks = tap<string | undefined>()
    const handle = await a.manager.register(fedBy(chunks))
    await clock.settle()
    const follower = follow(b.manager.events(handle.jobId))
    await clock.settle()
    b.store.loseHints()
    chunks.give('a')
    chunks.give(undefined)
    await handle.settled
    await clock.settle()
    expect(follower.events).toEqual([])
    await clock.advance(5_000)
    expect(follower.ended).toBe(true)
    expectWhole(follower.events)
  })

  it('EVT-05: that disconnects again and again loses nothing, waits for nothing, and cancels nothing', async () => {
    const { clock, manager } = fixture()
    const chunks = tap<string | undefined>()
    const handle = await manager.register(fedBy(chunks))
    const seen: JobEvent[] = []
    for (let cycle = 0; cycle < 100; cycle++) {
      const iterator = iteratorOf(manager, handle.jobId, { after: seen.length, viewer: true })
      for (let count = 0; count < 3; count++) {
        chunks.give(`${cycle}.${count}`)
        const { value } = await within(clock, 0, iterator.next())
        seen.push(value)
      }
      const pending = iterator.next()
      await within(clock, 0, iterator.return?.() ?? pending)
      await within(clock, 0, pending)
      expect(manager.stats()).toMatchObject({ subscriptions: 0, viewers: 0 })
    }
    expect(handle.snapshot().status).toBe('running')
    chunks.give(undefined)
    seen.push(...(await readAll(manager.events(handle.jobId, { after: seen.length }))))
    expectWhole(seen)
    expect(seen).toEqual(await eventLog(manager, handle.jobId))
  })

  it('EVT-08: that leaves is a detach, and the job goes on', async () => {
    const { clock, manager } = fixture()
    const chunks = tap<string | undefined>()
    const handle = await manager.register(fedBy(chunks))
    chunks.give('a')
    for await (const event of handle.events()) {
      expect(event.type).toBe('chunk')
      break
    }
    await clock.advance(60_000)
    expect(handle.snapshot().status).toBe('running')
    expect(manager.stats().subscriptions).toBe(0)
    chunks.give(undefined)
    expect(await handle.settled).toMatchObject({ status: 'completed' })
  })

  it('EVT-07: that throws in its loop, or a listener that throws, stops neither other readers nor the job', async () => {
    const { clock, manager } = fixture()
    manager.on('step', () => {
      throw new Error('a listener of the application')
    })
    manager.on('settled', () => Promise.reject(new Error('a listener of the application')))
    const chunks = tap<string | undefined>()
    const handle = await manager.register(async (run) => {
      run.step('Generating')
      return fedBy(chunks)(run)
    })
    const failing = rejection(
      (async () => {
        for await (const _ of handle.events()) throw new Error('a reader of the application')
      })(),
    )
    const other = follow(handle.events())
    for (const chunk of ['a', 'b', undefined]) chunks.give(chunk)
    await clock.settle()
    expect(await failing).toMatchObject({ message: 'a reader of the application' })
    expect(shapeOf(other.events)).toEqual(['step:Generating', 'chunk', 'chunk', 'complete'])
    expect(await handle.settled).toMatchObject({ status: 'completed' })
  })

  it('EVT-06 G11: that is slow does not delay the producer, and holds no more than a page', async () => {
    const { clock, join } = cluster()
    const { manager, store } = join()
    const total = 5_000
    const startedAt = clock.monotonic()
    const handle = await manager.register(async (run) => {
      for (let count = 0; count < total; count++) run.emit(`${count}`)
      return 'whole'
    })
    const iterator = iteratorOf(manager, handle.jobId)
    const first = await iterator.next()
    await handle.settled
    expect(clock.monotonic()).toBe(startedAt)
    expect(first.value).toMatchObject({ seq: 1 })
    await clock.advance(10_000)
    const limits = store.calls('readEvents').map(({ args }) => args[2] as number)
    expect(Math.max(...limits)).toBeLessThanOrEqual(2_048)
    const pagesBefore = store.calls('readEvents').length
    expect(pagesBefore).toBeLessThanOrEqual(3)
    const rest: JobEvent[] = [first.value as JobEvent]
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) rest.push(next.value)
    expectWhole(rest)
    expect(rest).toHaveLength(total + 1)
  })

  it('EVT-06: that was too slow is told by a typed error, never by a hole', async () => {
    const { clock, manager } = fixture({ retentionMs: 10_000 })
    const handle = await manager.register(async (run) => {
      for (let count = 0; count < 1_000; count++) run.emit(`${count}`)
    })
    const iterator = iteratorOf(manager, handle.jobId)
    const seen = [(await iterator.next()).value as JobEvent]
    await handle.settled
    await clock.advance(15_000)
    let error: unknown
    try {
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) seen.push(next.value)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(CursorExpiredError)
    expect(error).toMatchObject({ jobId: handle.jobId, after: seen.length })
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1))
  })

  it('EVT-03: with a cursor in a log that is no longer kept gets a CursorExpiredError, and with one at its end just the end', async () => {
    const { clock, join } = cluster({ maxRetainedBytes: 100 })
    const { manager } = join()
    const jobs: JobHandle<void>[] = []
    for (let count = 0; count < 3; count++) {
      const handle = await manager.register(async (run) => {
        run.emit('x'.repeat(40))
        run.emit('y'.repeat(40))
      })
      await handle.settled
      jobs.push(handle)
    }
    const [first, , last] = jobs
    for (const after of [0, 1]) {
      const error = await rejection(readAll(manager.events(first?.jobId ?? '', { after })))
      expect(error).toBeInstanceOf(CursorExpiredError)
      expect(error).toMatchObject({ code: 'cursor.expired', jobId: first?.jobId, after })
    }
    expect(await readAll(manager.events(first?.jobId ?? '', { after: 3 }))).toEqual([])
    expect(await manager.get(first?.jobId ?? '')).toMatchObject({ status: 'completed', lastSeq: 3 })
    expectWhole(await eventLog(manager, last?.jobId ?? ''))
    await clock.settle()
    expect(manager.stats().subscriptions).toBe(0)
  })
})

describe('a reader that is stopped', () => {
  it('G10 T04: return() ends a waiting next() at once, both resolve', async () => {
    const { clock, manager } = fixture()
    const chunks = tap<string | undefined>()
    const handle = await manager.register(fedBy(chunks))
    const iterator = iteratorOf(manager, handle.jobId)
    const pending = [iterator.next(), iterator.next(), iterator.next()]
    await clock.settle()
    const returned = iterator.return?.()
    expect(await within(clock, 0, Promise.all([...pending, returned]))).toEqual(
      Array.from({ length: 4 }, () => ({ done: true, value: undefined })),
    )
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    chunks.give(undefined)
    await handle.settled
  })

  it('answers several next() at once, in order', async () => {
    const { clock, manager } = fixture()
    const chunks = tap<string | undefined>()
    const handle = await manager.register(fedBy(chunks))
    const iterator = iteratorOf(manager, handle.jobId)
    const pending = Array.from({ length: 5 }, () => iterator.next())
    for (const chunk of ['a', 'b', undefined]) chunks.give(chunk)
    const results = await within(clock, 0, Promise.all(pending))
    expect(results.map(({ done, value }) => (done ? 'done' : value.seq))).toEqual([1, 2, 3, 'done', 'done'])
    await handle.settled
  })

  it.each(['before', 'in the tick of', 'after'])(
    'EVT-12: by its signal %s its attach leaves nothing behind',
    async (when) => {
      const { clock, manager } = fixture()
      const chunks = tap<string | undefined>()
      const handle = await manager.register(fedBy(chunks))
      chunks.give('a')
      await clock.settle()
      const stopper = countingSignal()
      const before = manager.stats()
      if (when === 'before') stopper.abort('enough')
      const follower = follow(handle.events({ after: when === 'after' ? 0 : 1, signal: stopper.signal }))
      if (when === 'in the tick of') stopper.abort(null)
      await clock.settle()
      if (when === 'after') {
        expect(follower).toMatchObject({ ended: false })
        expect(follower.events).toHaveLength(1)
        stopper.abort()
      }
      await clock.settle()
      expect(follower).toMatchObject({ ended: true, error: undefined })
      expect(manager.stats()).toEqual(before)
      expect(stopper.listeners()).toBe(0)
      chunks.give(undefined)
      await handle.settled
    },
  )

  it('EVT-12: is one of many on one signal, which has one listener of ours', async () => {
    const { clock, manager } = fixture()
    const chunks = tap<string | undefined>()
    const handle = await manager.register(fedBy(chunks))
    const stopper = countingSignal()
    const followers = Array.from({ length: 200 }, () => follow(handle.events({ signal: stopper.signal })))
    await clock.settle()
    expect(stopper.listeners()).toBe(1)
    expect(manager.stats()).toMatchObject({ subscriptions: 200, listeners: 1 })
    stopper.abort()
    await clock.settle()
    expect(followers.every(({ ended }) => ended)).toBe(true)
    expect(manager.stats()).toMatchObject({ subscriptions: 0, listeners: 0 })
    expect(stopper.listeners()).toBe(0)
    chunks.give(undefined)
    await handle.settled
  })

  it('EVT-12: is unsubscribed at the end of the job, from its signal too', async () => {
    const { clock, manager } = fixture()
    const chunks = tap<string | undefined>()
    const handle = await manager.register(fedBy(chunks))
    const stopper = countingSignal()
    const follower = follow(handle.events({ signal: stopper.signal }))
    await clock.settle()
    chunks.give(undefined)
    await follower.done
    expect(manager.stats()).toMatchObject({ subscriptions: 0, listeners: 0, timers: 0 })
    expect(stopper.listeners()).toBe(0)
  })

  it('EVT-12: costs nothing when it was never pulled', async () => {
    const { manager } = fixture()
    const handle = await manager.register(async () => 1)
    const events = handle.events({ signal: new AbortController().signal })
    expect(manager.stats()).toMatchObject({ subscriptions: 0, listeners: 0 })
    await handle.settled
    expect(shapeOf(await readAll(events))).toEqual(['complete'])
  })

  it('SHU-06: by close() gets what is in the log and ends; a new one is told that the manager is closed', async () => {
    const { clock, store, join } = cluster()
    const [a, b] = [join(), join()]
    const chunks = tap<string | undefined>()
    const handle = await a.manager.register(fedBy(chunks))
    chunks.give('a')
    await clock.settle()
    const follower = follow(b.manager.events(handle.jobId))
    await clock.settle()
    await within(clock, 0, b.manager.close())
    await clock.settle()
    expect(follower).toMatchObject({ ended: true, error: undefined })
    expect(shapeOf(follower.events)).toEqual(['chunk'])
    expect(await rejection(readAll(b.manager.events(handle.jobId)))).toBeInstanceOf(ManagerClosedError)
    expect((await store.read(handle.jobId))?.status).toBe('running')
    chunks.give(undefined)
    await handle.settled
  })
})

describe('a reader while the store is away', () => {
  it('G10: resumes by itself without gap when the store is back', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const chunks = tap<string | undefined>()
    const handle = await a.manager.register(fedBy(chunks))
    chunks.give('a')
    const follower = follow(b.manager.events(handle.jobId))
    await clock.settle()
    expect(follower.events).toHaveLength(1)
    const heal = b.store.inject('fail', { on: 'readEvents' })
    for (const chunk of ['b', 'c']) chunks.give(chunk)
    await clock.advance(12_000)
    expect(follower).toMatchObject({ ended: false, error: undefined })
    heal()
    await clock.advance(5_000)
    expect(follower.events.map(({ seq }) => seq)).toEqual([1, 2, 3])
    chunks.give(undefined)
    await follower.done
    expectWhole(follower.events)
  })

  it.each(['fail', 'throw', 'hang', { answer: { answer: 'events' } }, { answer: undefined }] as const)(
    'G13: is told so at its first next() (%o)',
    async (fault) => {
      const { clock, join } = cluster()
      const [a, b] = [join(), join()]
      const chunks = tap<string | undefined>()
      const handle = await a.manager.register(fedBy(chunks))
      const heal = b.store.inject(fault, { on: 'readEvents' })
      const error = await within(clock, 2_000, rejection(readAll(b.manager.events(handle.jobId))))
      expect(error).toBeInstanceOf(StoreError)
      expect(error).toMatchObject({ operation: 'readEvents' })
      heal()
      await clock.settle()
      expect(b.manager.stats()).toMatchObject({ subscriptions: 0, timers: 0 })
      chunks.give(undefined)
      await handle.settled
    },
  )
})

describe('whoever only waits', () => {
  it('EVT-13: reads no events, on the owner’s node and on another', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const chunks = tap<string | undefined>()
    const handle = await a.manager.register(async (run) => {
      run.token.onCancel(() => {})
      return fedBy(chunks)(run)
    })
    await clock.settle()
    const waits = [a, b].map(({ manager }) => manager.waitForCompletion(handle.jobId, { timeoutMs: 60_000 }))
    for (let count = 0; count < 200; count++) chunks.give('text')
    await clock.advance(5_000)
    expect(a.manager.stats()).toMatchObject({ subscriptions: 0, waiters: 1 })
    chunks.give(undefined)
    for (const result of await within(clock, 5_000, Promise.all(waits)))
      expect(result).toMatchObject({ settled: true, outcome: { status: 'completed' } })
    for (const { store } of [a, b]) expect(store.calls('readEvents')).toHaveLength(0)
  })
})

describe('an event that cannot be', () => {
  it('EVT-15: is refused at the call, and is not in the log', async () => {
    const { manager } = fixture()
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    const refused: unknown[] = []
    const handle = await manager.register(async (run) => {
      for (const data of [() => {}, cyclic, 10n, undefined, new Date(0), Number.NaN]) {
        try {
          run.emit({ type: 'data', name: 'n', data })
        } catch (error) {
          refused.push(error)
        }
      }
      run.emit('a')
    })
    expect(await handle.settled).toMatchObject({ status: 'completed' })
    expect(refused).toHaveLength(6)
    for (const error of refused) expect(error).toMatchObject({ code: 'options.invalid' })
    expect(shapeOf(await eventLog(manager, handle.jobId))).toEqual(['chunk', 'complete'])
  })

  it('LIM-02: above the limit is a LogLimitError at the call', async () => {
    const { manager } = fixture({ maxLogEvents: 2 })
    const errors: unknown[] = []
    const handle = await manager.register(async (run) => {
      for (let count = 0; count < 4; count++) {
        try {
          run.emit('a')
        } catch (error) {
          errors.push(error)
        }
      }
    })
    expect(await handle.settled).toMatchObject({ status: 'failed', error: { code: 'job.log-limit' } })
    expect(errors).toHaveLength(2)
    expect(errors[0]).toBeInstanceOf(LogLimitError)
    expect(shapeOf(await eventLog(manager, handle.jobId))).toEqual(['chunk', 'chunk', 'error'])
  })
})
