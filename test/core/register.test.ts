import {
  createMemoryJobStore,
  JobAlreadyExistsError,
  JobConflictError,
  type JobStore,
  type Producer,
} from 'generation-jobs'
import { controlledSource, scriptedSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { fixture } from '../support/fixture.js'
import { chunksOf, readAll } from '../support/read-all.js'
import { settleTime, within } from '../support/within.js'

/** Streams the source as the whole of its work. */
const streaming =
  (source: AsyncIterable<string>): Producer<string> =>
  async (run) =>
    (await run.stream(source)).text

describe('register', () => {
  it('REG-01: records the job before the producer is touched, and runs its first statement after register() resolved', async () => {
    const { clock, newManager } = fixture()
    const order: string[] = []
    const store = createMemoryJobStore({ clock })
    const create: JobStore['create'] = (job) => {
      order.push('recorded')
      return store.create(job)
    }
    const manager = newManager({ store: { ...store, create } })
    const job = await manager.register(async () => {
      order.push('producer')
    })
    order.push('resolved')
    await job.settled
    expect(order).toEqual(['recorded', 'resolved', 'producer'])
  })

  it('REG-01: answers a handle that was created, with the status of the record', async () => {
    const { newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1 })
    const source = controlledSource()
    const first = await manager.register((run) => run.stream(source))
    const second = await manager.register(async () => 'two')
    expect([first.created, second.created]).toEqual([true, true])
    expect([first.snapshot().status, second.snapshot().status]).toEqual(['running', 'pending'])
    source.end()
    expect(await second.settled).toMatchObject({ value: 'two' })
    await first.settled
  })

  it('REG-01 G2: sees a cancel that comes in the tick of register(), without a timer and without calling the producer', async () => {
    const { clock, manager } = fixture()
    let called = false
    const registering = manager.register(
      async (run) => {
        called = true
        await new Promise<void>((resolve) => void run.token.onCancel(() => resolve()))
      },
      { jobId: 'story-1' },
    )
    const cancelling = manager.cancel('story-1')
    await clock.settle()
    const job = await registering
    expect(job.snapshot().status).toBe('cancelled')
    expect(await within(clock, 0, cancelling)).toMatchObject({ outcome: 'cancelled', joined: false })
    expect(called).toBe(false)
  })

  it('REG-01: gives 10 000 jobs of one millisecond ids of their own', async () => {
    const { newManager } = fixture()
    const manager = newManager({ logger: false })
    const jobs = await Promise.all(Array.from({ length: 10_000 }, () => manager.register(async () => undefined)))
    expect(new Set(jobs.map(({ jobId }) => jobId)).size).toBe(10_000)
    await Promise.all(jobs.map(({ settled }) => settled))
  }, 30_000)

  it('REG-02: refuses the id of a live job and leaves that job alone', async () => {
    const { manager } = fixture()
    const source = controlledSource()
    const live = await manager.register(streaming(source as AsyncIterable<string>), { jobId: 'story-1' })
    let called = false
    const error = await rejection(
      manager.register(
        async () => {
          called = true
        },
        { jobId: 'story-1' },
      ),
    )
    expect(error).toBeInstanceOf(JobAlreadyExistsError)
    expect(error).toMatchObject({ code: 'job.exists', jobId: 'story-1', status: 'running' })
    source.push('still ')
    source.push('here')
    source.end()
    expect(await live.settled).toMatchObject({ status: 'completed', value: 'still here' })
    expect(called).toBe(false)
  })

  it('REG-02: refuses the id of a settled job until its record is swept', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ retentionMs: 5_000 })
    const first = await manager.register(async () => 1, { jobId: 'story-1' })
    await first.settled
    expect(await rejection(manager.register(async () => 2, { jobId: 'story-1' }))).toMatchObject({
      code: 'job.exists',
      status: 'completed',
    })
    await clock.advance(6_000)
    const again = await manager.register(async () => 3, { jobId: 'story-1' })
    expect(await again.settled).toMatchObject({ value: 3 })
  })

  it('REG-03: gets the same job when the reply to its create was lost, and makes no second one', async () => {
    const { clock, newManager } = fixture()
    const store = createMemoryJobStore({ clock })
    let creates = 0
    const create: JobStore['create'] = (job) => {
      const answer = store.create(job)
      return ++creates === 1 ? Promise.reject(new Error('the reply was lost')) : answer
    }
    const manager = newManager({ store: { ...store, create } })
    let calls = 0
    const registering = manager.register(async () => ++calls, { jobId: 'story-1' })
    const job = await within(clock, 1_500, registering)
    expect(job).toMatchObject({ jobId: 'story-1', created: true })
    expect(await job.settled).toMatchObject({ status: 'completed', value: 1 })
    expect([creates, (await manager.list()).length]).toEqual([2, 1])
  })
})

describe('register with an idempotency key', () => {
  it('REG-04: calls one producer for 50 starts at once and gives everybody its job', async () => {
    const { manager } = fixture()
    let calls = 0
    const jobs = await Promise.all(
      Array.from({ length: 50 }, () =>
        manager.register(async () => ++calls, { owner: 'ada', idempotencyKey: 'request-7' }),
      ),
    )
    expect(jobs.filter(({ created }) => created)).toHaveLength(1)
    expect(new Set(jobs.map(({ jobId }) => jobId)).size).toBe(1)
    const outcomes = await Promise.all(jobs.map(({ settled }) => settled))
    expect(outcomes.every((outcome) => outcome.status === 'completed' && outcome.value === 1)).toBe(true)
    expect(calls).toBe(1)
  })

  it('REG-04: keeps the key to its owner', async () => {
    const { manager } = fixture()
    const register = (owner: string) => manager.register(async () => owner, { owner, idempotencyKey: 'request-7' })
    const [ada, bob] = await Promise.all([register('ada'), register('bob')])
    expect([ada.created, bob.created]).toEqual([true, true])
    expect([await ada.settled, await bob.settled]).toMatchObject([{ value: 'ada' }, { value: 'bob' }])
  })

  it('REG-04: answers the settled job too, until it is swept', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ retentionMs: 5_000 })
    let calls = 0
    const register = () => manager.register(async () => ++calls, { owner: 'ada', idempotencyKey: 'request-7' })
    const first = await register()
    await first.settled
    const repeated = await register()
    expect(repeated).toMatchObject({ created: false, jobId: first.jobId })
    expect(repeated.snapshot().status).toBe('completed')
    expect(await repeated.settled).toMatchObject({ status: 'completed', value: 1 })
    await clock.advance(6_000)
    const later = await register()
    expect(later.created).toBe(true)
    expect(await later.settled).toMatchObject({ value: 2 })
  })

  it('REG-04: refuses the key for another request', async () => {
    const { manager } = fixture()
    const register = (requestFingerprint: string) =>
      manager.register(async () => 1, { owner: 'ada', idempotencyKey: 'request-7', requestFingerprint })
    const first = await register('body A')
    const error = await rejection(register('body B'))
    expect(error).toBeInstanceOf(JobConflictError)
    expect(error).toMatchObject({ code: 'idempotency.conflict', jobId: first.jobId })
    expect((await register('body A')).created).toBe(false)
    await first.settled
  })
})

describe('register into a group', () => {
  const talk = { owner: 'ada', group: 'conversation-1' }

  it('REG-05: replaces the live job: cancelled with its own reason and settled before the next is admitted', async () => {
    const { clock, manager } = fixture()
    const order: string[] = []
    manager.on('registered', ({ job }) => order.push(`registered ${job.jobId}`))
    manager.on('settled', ({ job }) => order.push(`settled ${job.jobId}`))
    const oldSource = controlledSource()
    const old = await manager.register(
      async (run) => {
        run.defer(() => new Promise<void>((resolve) => void clock.setTimer(1_000, resolve)))
        return run.stream(oldSource)
      },
      { ...talk, jobId: 'old' },
    )
    oldSource.push('old text')
    await clock.settle()
    expect(old.snapshot()).toMatchObject({ status: 'running', lastSeq: 1 })

    const registering = manager.register(streaming(scriptedSource(['new text']) as AsyncIterable<string>), {
      ...talk,
      jobId: 'new',
      onConflict: 'replace',
    })
    const registeredAt = settleTime(clock, registering)
    const next = await within(clock, 1_000, registering)
    expect(await registeredAt).toBe(1_000) // after the cleanup of the old one
    expect(oldSource.push('too late')).toBe(false)
    expect(await old.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'replaced' }, forced: false })
    expect(await next.settled).toMatchObject({ status: 'completed', value: 'new text' })
    expect(order).toEqual(['registered old', 'settled old', 'registered new', 'settled new'])
    expect(chunksOf(await readAll(old.events()))).toEqual(['old text'])
    expect(chunksOf(await readAll(next.events()))).toEqual(['new text'])
  })

  it('REG-05: replaces a pending job without ever calling its producer', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1 })
    const blocker = controlledSource()
    const running = await manager.register((run) => run.stream(blocker))
    let called = false
    const waiting = await manager.register(
      async () => {
        called = true
      },
      { ...talk },
    )
    expect(waiting.snapshot().status).toBe('pending')
    const next = await manager.register(async () => 'new', { ...talk, onConflict: 'replace' })
    expect(await waiting.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'replaced' } })
    blocker.end()
    await clock.settle()
    expect(await next.settled).toMatchObject({ value: 'new' })
    await running.settled
    expect(called).toBe(false)
  })

  it('REG-16: refuses a second live job on request, without record or producer', async () => {
    const { manager } = fixture()
    const source = controlledSource()
    const live = await manager.register((run) => run.stream(source), { ...talk })
    let called = false
    const error = await rejection(
      manager.register(
        async () => {
          called = true
        },
        { ...talk, onConflict: 'reject' },
      ),
    )
    expect(error).toBeInstanceOf(JobConflictError)
    expect(error).toMatchObject({ code: 'job.conflict', jobId: live.jobId })
    expect(await manager.list({ group: talk.group })).toHaveLength(1)
    source.end()
    await live.settled
    expect(called).toBe(false)
    const next = await manager.register(async () => 'free again', { ...talk, onConflict: 'reject' })
    expect(await next.settled).toMatchObject({ value: 'free again' })
  })

  it('REG-16: lets both run by default', async () => {
    const { clock, manager } = fixture()
    const sources = [controlledSource(), controlledSource()]
    const jobs = await Promise.all(sources.map((source) => manager.register((run) => run.stream(source), { ...talk })))
    await clock.settle()
    expect(jobs.map((job) => job.snapshot().status)).toEqual(['running', 'running'])
    for (const source of sources) source.end()
    await Promise.all(jobs.map(({ settled }) => settled))
  })

  it('REG-16: keeps a group to its owner', async () => {
    const { manager } = fixture()
    const source = controlledSource()
    const live = await manager.register((run) => run.stream(source), { ...talk })
    const other = await manager.register(async () => 'mine', { ...talk, owner: 'bob', onConflict: 'reject' })
    expect(await other.settled).toMatchObject({ value: 'mine' })
    source.end()
    await live.settled
  })

  for (const nodes of [1, 2]) {
    const where = nodes === 1 ? 'one node' : 'two nodes'

    it(`REG-17: admits one of 20 registers at once with 'reject', on ${where}`, async () => {
      const { clock, newManager } = fixture()
      const { store, mostLive } = watchedGroup(createMemoryJobStore({ clock }), talk.group)
      const managers = Array.from({ length: nodes }, () => newManager({ store }))
      const source = controlledSource()
      const answers = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          at(managers, index).register((run) => run.stream(source), { ...talk, onConflict: 'reject' }),
        ),
      )
      const admitted = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
      const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []))
      expect([admitted.length, refused.length]).toEqual([1, 19])
      expect(refused.every((error) => error instanceof JobConflictError)).toBe(true)
      expect(mostLive()).toBe(1)
      source.end()
      await Promise.all(admitted.map(({ settled }) => settled))
    })

    it(`REG-17: never has two live jobs with 20 registers at once with 'replace', on ${where}`, async () => {
      const { clock, newManager } = fixture()
      const { store, mostLive } = watchedGroup(createMemoryJobStore({ clock }), talk.group)
      const managers = Array.from({ length: nodes }, () => newManager({ store }))
      const registering = Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          at(managers, index).register(
            async (run) => {
              run.defer(() => clock.yieldMacrotask())
              await new Promise<void>((resolve) => void run.token.onCancel(() => resolve()))
            },
            { ...talk, onConflict: 'replace' },
          ),
        ),
      )
      const jobs = await within(clock, 60_000, registering)
      expect(mostLive()).toBe(1)
      const live = (await at(managers, 0).list({ group: talk.group })).filter(({ status }) => status === 'running')
      expect(live).toHaveLength(1)
      const last = jobs.find(({ jobId }) => jobId === live[0]?.jobId)
      if (!last) throw new Error('expected one live job')
      expect(await within(clock, 1_000, last.cancel())).toMatchObject({ outcome: 'cancelled' })
      const outcomes = await Promise.all(jobs.map(({ settled }) => settled))
      const kinds = outcomes.map((outcome) => (outcome.status === 'cancelled' ? outcome.reason.kind : outcome.status))
      expect(kinds.filter((kind) => kind === 'replaced')).toHaveLength(19)
    })
  }
})

describe('start', () => {
  it('REG-06: lets exactly one of two starters win, and answers the other with a typed refusal', async () => {
    const { clock } = fixture()
    const store = createMemoryJobStore({ clock })
    const job = {
      jobId: 'queued',
      operationId: 'create',
      want: 'pending',
      exclusiveInGroup: false,
      maxLogEvents: 10,
      maxLogBytes: 1_000,
      retentionMs: 1_000,
    } as const
    const created = await store.create(job)
    if (created.answer !== 'created') throw new Error('the job was not created')
    const { fencingToken, status } = created.record
    expect(status).toBe('pending')
    const start = (nodeId: string) => store.start({ jobId: 'queued', fencingToken, operationId: nodeId, nodeId })
    expect([start('node-a'), start('node-b')]).toMatchObject([
      { answer: 'started', record: { status: 'running' } },
      { answer: expect.stringMatching(/^(not-pending|fenced)$/) },
    ])
  })

  it('REG-06: calls the producer of a pending job once, however often viewers come and go', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1 })
    const blocker = controlledSource()
    const running = await manager.register((run) => run.stream(blocker))
    let calls = 0
    const job = await manager.register(async (run) => {
      calls++
      run.emit('text')
    })
    for (let visit = 0; visit < 3; visit++) {
      const reader = manager.events(job.jobId, { viewer: true })[Symbol.asyncIterator]()
      const first = reader.next()
      await clock.settle()
      await reader.return?.()
      expect((await first).done).toBe(true)
    }
    expect([job.snapshot().status, calls]).toEqual(['pending', 0])
    const viewer = readAll(manager.events(job.jobId, { viewer: true }))
    blocker.end()
    expect(chunksOf(await viewer)).toEqual(['text'])
    await Promise.all([running.settled, job.settled])
    expect(calls).toBe(1)
  })
})

/** The store, with a look at how many live jobs of the group there are after each create. */
function watchedGroup(store: JobStore, group: string): { store: JobStore; mostLive: () => number } {
  let most = 0
  const create: JobStore['create'] = (job) => {
    const answer = store.create(job)
    const live = store.list({ group, status: ['pending', 'running', 'committing', 'cancelling'] })
    if (Array.isArray(live)) most = Math.max(most, live.length)
    return answer
  }
  return { store: { ...store, create }, mostLive: () => most }
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length]
  if (item === undefined) throw new Error('no items')
  return item
}
