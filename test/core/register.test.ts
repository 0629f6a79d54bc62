import { Readable } from 'node:stream'
import {
  createMemoryJobStore,
  type FinishReason,
  GenerationOrchestrator,
  IncompleteGenerationError,
  InvalidResultError,
  isGenerationJobError,
  JobAlreadyExistsError,
  JobCancelledError,
  JobConflictError,
  type JobEvent,
  type JobHandle,
  type JobOutcome,
  type JobStore,
  type Producer,
  type RunContext,
  type RunEnd,
} from 'generation-jobs'
import { controlledSource, hostileSources, scriptedSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection, thrownBy } from '../support/caught.js'
import { fixture } from '../support/fixture.js'
import { chunksOf, readAll } from '../support/read-all.js'
import { settleTime, within } from '../support/within.js'

const TERMINAL = ['complete', 'cancelled', 'error']

/** Streams the source as the whole of its work. */
const streaming =
  (source: AsyncIterable<string>): Producer<string> =>
  async (run) =>
    (await run.stream(source)).text

function failureOf(outcome: JobOutcome<unknown>) {
  if (outcome.status !== 'failed') throw new Error(`expected a failed outcome, got ${outcome.status}`)
  return outcome.error
}

function typesOf(events: readonly JobEvent[]): string[] {
  return events.map(({ type }) => type)
}

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
  })

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

describe('a run that fails', () => {
  const boom = new Error('boom')

  it('REG-07: settles a producer that throws synchronously as failed, and shows the error to its cleanups', async () => {
    const { manager } = fixture()
    const ends: RunEnd[] = []
    const job = await manager.register((run) => {
      run.defer((end) => void ends.push(end))
      throw boom
    })
    expect(failureOf(await job.settled)).toMatchObject({ code: 'producer.failed', cause: boom })
    expect(ends).toHaveLength(1)
    expect(ends[0]).toMatchObject({ status: 'failed', error: boom })
  })

  it('REG-07: settles a generate stage that throws synchronously as failed', async () => {
    const { manager } = fixture()
    const ends: RunEnd[] = []
    const orchestrator = new GenerationOrchestrator({
      generate: (_request: string, run) => {
        run.defer((end) => void ends.push(end))
        throw boom
      },
    })
    const job = await manager.register(orchestrator.producer('request'))
    expect(failureOf(await job.settled)).toMatchObject({ code: 'producer.failed', cause: boom })
    expect(ends).toMatchObject([{ status: 'failed', error: boom }])
  })

  it('REG-11: closes the source of a producer that throws at chunk 3, and runs the cleanup once', async () => {
    const { manager } = fixture()
    const source = scriptedSource(['1', '2', '3', '4'])
    let cleanups = 0
    const job = await manager.register(async (run) => {
      run.defer(() => void cleanups++)
      for await (const chunk of source as AsyncIterable<string>) {
        if (chunk === '3') throw boom
        run.emit(chunk)
      }
    })
    expect(failureOf(await job.settled)).toMatchObject({ code: 'producer.failed', cause: boom })
    expect(chunksOf(await readAll(job.events()))).toEqual(['1', '2'])
    expect([source.closed, source.returnCalls, cleanups]).toEqual([true, 1, 1])
  })

  it('REG-11: settles an async generator that throws at chunk 3 as failed, with its finally run', async () => {
    const { manager } = fixture()
    const order: string[] = []
    const job = await manager.register(async function* (run) {
      run.defer(() => void order.push('cleanup'))
      try {
        yield '1'
        yield { type: 'chunk', content: '2' }
        throw boom
      } finally {
        order.push('finally')
      }
    })
    expect(failureOf(await job.settled)).toMatchObject({ code: 'producer.failed', cause: boom })
    expect(chunksOf(await readAll(job.events()))).toEqual(['1', '2'])
    expect(order).toEqual(['finally', 'cleanup'])
  })

  it('REG-11: closes a source that the failing producer did not wait for', async () => {
    const { manager } = fixture()
    const source = controlledSource()
    const job = await manager.register(async (run) => {
      void run.stream(source)
      throw boom
    })
    expect(failureOf(await job.settled)).toMatchObject({ code: 'producer.failed', cause: boom })
    expect([source.closed, source.returnCalls]).toEqual([true, 1])
  })

  it('REG-22: fails a producer that resolves to an async iterable, and names run.stream', async () => {
    const { manager } = fixture()
    const streams = [
      scriptedSource(['a']),
      new ReadableStream<string>(),
      (async function* () {
        yield 'a'
      })(),
    ]
    for (const stream of streams) {
      const producer = (async () => stream) as unknown as Producer<unknown>
      const job = await manager.register(producer)
      const { code, message, cause } = failureOf(await job.settled)
      expect(code).toBe('result.invalid')
      expect(message).toContain('run.stream')
      expect(cause).toBeInstanceOf(InvalidResultError)
    }
  })

  it('REG-22: fails a producer that returns a ReadableStream without a promise', async () => {
    const { manager } = fixture()
    const producer = (() => new ReadableStream<string>()) as unknown as Producer<unknown>
    const job = await manager.register(producer)
    expect(failureOf(await job.settled)).toMatchObject({
      code: 'result.invalid',
      message: expect.stringContaining('run.stream'),
    })
  })
})

describe('sources', () => {
  it('REG-08: closes a source that arrives after the cancel, and delivers nothing from it', async () => {
    const { clock, manager } = fixture()
    const late = scriptedSource(['never seen'])
    let open: (source: AsyncIterable<string>) => void = () => {}
    const orchestrator = new GenerationOrchestrator({
      generate: (_request: string) =>
        new Promise<AsyncIterable<string>>((resolve) => {
          open = resolve
        }),
    })
    const job = await manager.register(orchestrator.producer('request'))
    await clock.settle()
    expect(job.snapshot()).toMatchObject({ status: 'running', step: 'Generating' })
    const cancelling = job.cancel()
    await clock.advance(100)
    expect(job.snapshot().status).toBe('cancelling')
    open(late as AsyncIterable<string>)
    expect(await within(clock, 0, cancelling)).toMatchObject({ outcome: 'cancelled', forced: false })
    expect([late.closed, late.deliveredCount]).toEqual([true, 0])
    expect(chunksOf(await readAll(job.events()))).toEqual([])
  })

  it('REG-08: closes a source that arrives after the forced settle', async () => {
    const { clock, manager } = fixture()
    const late = scriptedSource(['never seen'])
    let open: () => void = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const job = await manager.register(async (run) => {
      await opened
      return run.stream(late)
    })
    await clock.settle()
    expect(await within(clock, 7_000, job.cancel())).toMatchObject({ outcome: 'cancelled', forced: true })
    open()
    await clock.settle()
    expect([late.closed, late.deliveredCount]).toEqual([true, 0])
  })

  const texts = ['Once ', 'upon ', 'a time']
  const kinds: Record<string, () => AsyncIterable<string> | ReadableStream<string>> = {
    'an async generator': async function* () {
      yield* texts
    },
    'a hand-written iterator': () => scriptedSource(texts) as AsyncIterable<string>,
    'a web ReadableStream': () =>
      new ReadableStream({
        start(controller) {
          for (const text of texts) controller.enqueue(text)
          controller.close()
        },
      }),
    'a Node Readable': () => Readable.from(texts),
  }
  for (const [name, make] of Object.entries(kinds)) {
    it(`REG-10: reads ${name} to the same events and outcome as any other source`, async () => {
      const { manager } = fixture()
      const orchestrator = new GenerationOrchestrator({ generate: () => make() })
      const job = await manager.register(orchestrator.producer(undefined))
      expect(await job.settled).toMatchObject({ status: 'completed', value: 'Once upon a time', forced: false })
      expect((await readAll(job.events())).map(({ at, ...event }) => event)).toEqual([
        { seq: 1, type: 'step', step: 'Generating' },
        { seq: 2, type: 'chunk', content: 'Once ' },
        { seq: 3, type: 'chunk', content: 'upon ' },
        { seq: 4, type: 'chunk', content: 'a time' },
        { seq: 5, type: 'complete', result: 'Once upon a time' },
      ])
    })
  }

  it('REG-10: never awaits a chunk', async () => {
    const { manager } = fixture()
    let awaited = false
    const chunk = Object.defineProperty({ text: 'a' }, 'then', {
      get() {
        awaited = true
        return undefined
      },
    })
    const job = await manager.register((run) => run.stream(scriptedSource([chunk])))
    expect(await job.settled).toMatchObject({ status: 'completed', value: { text: 'a' } })
    expect(awaited).toBe(false)
  })
})

describe('an orchestrated job', () => {
  it('REG-09 G1: announces its steps in order, none twice, and ends with exactly one terminal event', async () => {
    const { manager } = fixture()
    const orchestrator = new GenerationOrchestrator({
      prompt: (topic: string) => `Write about ${topic}`,
      generate: () => scriptedSource(['a', 'b']),
      validate: (text) => text.length,
      commit: () => {},
    })
    const job = await manager.register(orchestrator.producer('dragons'))
    await job.settled
    const events = await readAll(job.events())
    expect(events.flatMap((event) => (event.type === 'step' ? [event.step] : []))).toEqual([
      'Prompting',
      'Generating',
      'Validating',
      'Committing',
    ])
    expect(typesOf(events).filter((type) => TERMINAL.includes(type))).toEqual(['complete'])
    expect(events.at(-1)?.type).toBe('complete')
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  })
})

describe('time limits', () => {
  const silent: Producer<void> = (run) => new Promise((resolve) => void run.token.onCancel(() => resolve()))

  async function cancelledAt(manager: { clock: { monotonic(): number } }, job: JobHandle<unknown>) {
    const outcome = await job.settled
    return {
      at: manager.clock.monotonic(),
      kind: outcome.status === 'cancelled' ? outcome.reason.kind : outcome.status,
    }
  }

  it('REG-13: cancels a job whose first event does not come within the idle limit', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(silent, { idleTimeoutMs: 200 })
    const ended = cancelledAt({ clock }, job)
    await clock.advance(199)
    expect(job.snapshot().status).toBe('running')
    expect(await within(clock, 1, ended)).toEqual({ at: 200, kind: 'idle' })
  })

  it('REG-13: counts the idle limit from the last event', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(
      async (run) => {
        clock.setTimer(150, () => run.emit('a sign of life'))
        await silent(run)
      },
      { idleTimeoutMs: 200 },
    )
    const ended = cancelledAt({ clock }, job)
    await clock.advance(349)
    expect(job.snapshot()).toMatchObject({ status: 'running', lastSeq: 1 })
    expect(await within(clock, 1, ended)).toEqual({ at: 350, kind: 'idle' })
  })

  it('REG-13: cancels a running job at its deadline, however busy it is', async () => {
    const { clock, manager } = fixture()
    const source = scriptedSource([{ do: 'wait', ms: 7 }, 'chunk'], { clock, repeat: true })
    const job = await manager.register((run) => run.stream(source), { deadlineMs: 1_000 })
    const ended = cancelledAt({ clock }, job)
    await clock.advance(999)
    expect(job.snapshot().status).toBe('running')
    expect(await within(clock, 1, ended)).toEqual({ at: 1_000, kind: 'deadline' })
    expect(source.closed).toBe(true)
  })

  it('REG-13: cancels a pending job at its deadline without calling its producer', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1 })
    const running = await manager.register(silent)
    let called = false
    const waiting = await manager.register(
      async () => {
        called = true
      },
      { deadlineMs: 500 },
    )
    const ended = cancelledAt({ clock }, waiting)
    await clock.advance(499)
    expect(waiting.snapshot().status).toBe('pending')
    expect(await within(clock, 1, ended)).toEqual({ at: 500, kind: 'deadline' })
    await running.cancel()
    expect(called).toBe(false)
  })

  it('REG-15: cancels after 300 000 ms without an event by default', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(silent)
    const ended = cancelledAt({ clock }, job)
    await clock.advance(299_999)
    expect(job.snapshot().status).toBe('running')
    expect(await within(clock, 1, ended)).toEqual({ at: 300_000, kind: 'idle' })
  })

  it('REG-15: cancels 1 800 000 ms after register by default, queue time included', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1, idleTimeoutMs: false })
    const first = await manager.register(silent)
    const second = await manager.register(silent)
    const ended = cancelledAt({ clock }, second)
    await clock.advance(1_000_000)
    expect(await first.cancel()).toMatchObject({ outcome: 'cancelled' })
    await clock.advance(799_999)
    expect(second.snapshot().status).toBe('running')
    expect(await within(clock, 1, ended)).toEqual({ at: 1_800_000, kind: 'deadline' })
  })

  it("REG-15: a job's own limits override the manager's, and false turns one off", async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ deadlineMs: 5_000, idleTimeoutMs: 100 })
    const own = await manager.register(silent, { deadlineMs: 400, idleTimeoutMs: false })
    const without = await manager.register(silent, { deadlineMs: false, idleTimeoutMs: false })
    expect(await within(clock, 400, cancelledAt({ clock }, own))).toEqual({ at: 400, kind: 'deadline' })
    await clock.advance(2_000_000)
    expect(without.snapshot().status).toBe('running')
    await without.cancel()
  })
})

describe('run.stream', () => {
  it('REG-18: emits each chunk as one event and resolves with text, finish and usage', async () => {
    const { manager } = fixture()
    const usage = { inputTokens: 7, outputTokens: 3, quality: 'reported' } as const
    const source = scriptedSource([
      'Once ',
      { text: 'upon ' },
      { text: null },
      { text: 'a time' },
      { usage, finish: 'stop' },
    ])
    const job = await manager.register((run) => run.stream(source))
    expect(await job.settled).toMatchObject({
      status: 'completed',
      value: { text: 'Once upon a time', finish: 'stop', usage },
      usage,
    })
    const events = await readAll(job.events())
    expect(chunksOf(events)).toEqual(['Once ', 'upon ', 'a time'])
    expect(typesOf(events)).toEqual(['chunk', 'chunk', 'chunk', 'complete'])
  })

  it('REG-18: emits the metadata of a chunk after its text, as an event of its own', async () => {
    const { manager } = fixture()
    const source = scriptedSource([{ text: 'a', metadata: { model: 'local' } }, 'b'])
    const job = await manager.register((run) => run.stream(source))
    await job.settled
    expect((await readAll(job.events())).map(({ at, ...event }) => event)).toMatchObject([
      { seq: 1, type: 'chunk', content: 'a' },
      { seq: 2, type: 'metadata', data: { model: 'local' } },
      { seq: 3, type: 'chunk', content: 'b' },
      { seq: 4, type: 'complete' },
    ])
  })

  it('REG-18: reads several sources of one job, one after the other and at the same time', async () => {
    const { manager } = fixture()
    const job = await manager.register(async (run) => {
      const first = await run.stream(scriptedSource(['a', 'b']))
      const both = await Promise.all([run.stream(scriptedSource(['c'])), run.stream(scriptedSource(['d']))])
      return [first, ...both].map(({ text }) => text)
    })
    expect(await job.settled).toMatchObject({ status: 'completed', value: ['ab', 'c', 'd'] })
  })

  /** How a job ends with a source that is cancelled after a second, if it has not ended by itself. */
  async function endWith(makeProducer: (run: RunContext) => Promise<unknown>) {
    const { clock, manager } = hostileFixture
    const job = await manager.register(makeProducer)
    await clock.advance(1_000)
    const cancelling = job.cancel()
    const outcome = await within(clock, 7_000, job.settled)
    await cancelling
    const { status, forced, commit, cleanup } = outcome
    const code = outcome.status === 'failed' ? outcome.error.code : undefined
    const events = await readAll(job.events())
    const ends = typesOf(events).filter((type) => TERMINAL.includes(type))
    return { status, forced, commit, cleanup, code, ends, last: events.at(-1)?.type }
  }
  let hostileFixture: ReturnType<typeof fixture>

  for (const name of Object.keys(hostileSources()) as (keyof ReturnType<typeof hostileSources>)[]) {
    it(`REG-18 G1 G2 G3: ends the hostile source ${name} as an orchestrated job does`, async () => {
      hostileFixture = fixture()
      const { clock } = hostileFixture
      const make = hostileSources({ clock })[name]
      const raw = await endWith((run) => run.stream(make()))
      const orchestrator = new GenerationOrchestrator({ generate: () => make() })
      const orchestrated = await endWith(orchestrator.producer(undefined) as (run: RunContext) => Promise<string>)
      expect(raw).toEqual(orchestrated)
      expect(raw.ends).toHaveLength(1)
      expect(raw.last).toBe(raw.ends[0])
      expect(
        { cancelled: 'cancelled', forced: 'cancelled', 'cancelled-or-forced': 'cancelled' }[make.ending as string] ??
          raw.status,
      ).toBe(raw.status)
      if (make.ending === 'cancelled') expect(raw.forced).toBe(false)
      if (make.ending === 'forced') expect(raw.forced).toBe(true)
      if (make.ending === 'completes') expect(raw.status).toBe('completed')
      if (make.ending === 'fails') expect(raw.status).toBe('failed')
    })
  }

  const incomplete: FinishReason[] = ['length', 'content-filter', 'tool-calls', 'error']
  for (const finish of incomplete) {
    it(`REG-19 G6: rejects a source that ends with ${finish}, in a raw producer`, async () => {
      const { manager } = fixture()
      const source = scriptedSource(['half a', { finish }])
      let saved = false
      const job = await manager.register(async (run) => {
        await run.stream(source)
        await run.commit(() => {
          saved = true
        })
      })
      const outcome = await job.settled
      const error = failureOf(outcome)
      expect(error.code).toBe('generation.incomplete')
      expect(error.cause).toBeInstanceOf(IncompleteGenerationError)
      expect(error.cause).toMatchObject({ finish })
      expect([outcome.commit, saved, source.closed]).toEqual(['none', false, true])
    })

    it(`REG-19 G6: rejects a source that ends with ${finish}, in an orchestrated job`, async () => {
      const { manager } = fixture()
      const source = scriptedSource(['half a', { finish }])
      const stages: string[] = []
      const orchestrator = new GenerationOrchestrator({
        generate: () => source,
        validate: () => stages.push('validate'),
        commit: () => void stages.push('commit'),
      })
      const job = await manager.register(orchestrator.producer(undefined))
      const outcome = await job.settled
      expect(failureOf(outcome).code).toBe('generation.incomplete')
      expect([outcome.commit, stages, source.closed]).toEqual(['none', [], true])
    })
  }

  it('REG-19: counts an end without finish reason, or with unknown, as complete', async () => {
    const { manager } = fixture()
    for (const script of [['a'], ['a', { finish: 'unknown' as const }], ['a', { finish: null }]]) {
      const job = await manager.register((run) => run.stream(scriptedSource(script)))
      expect(await job.settled).toMatchObject({ status: 'completed', value: { text: 'a', finish: 'unknown' } })
    }
  })
})

describe('emit', () => {
  it('REG-20: tryEmit answers true and logs the event once while the run takes events, then false, and never throws', async () => {
    const { manager } = fixture()
    let run: RunContext | undefined
    const job = await manager.register(async (context) => {
      run = context
      return context.tryEmit('taken')
    })
    expect(await job.settled).toMatchObject({ value: true })
    expect(run?.tryEmit('after the end')).toBe(false)
    expect(chunksOf(await readAll(job.events()))).toEqual(['taken'])
  })

  it('REG-20: tryEmit answers false after a cancel, and for what is no event', async () => {
    const { clock, manager } = fixture()
    const answers: boolean[] = []
    const job = await manager.register(async (run) => {
      answers.push(run.tryEmit({ type: 'nonsense' } as never))
      answers.push(run.tryEmit('before'))
      await new Promise<void>((resolve) => void run.token.onCancel(() => resolve()))
      answers.push(run.tryEmit('after'))
    })
    await clock.settle()
    expect(answers).toEqual([false, true])
    await job.cancel()
    expect(answers).toEqual([false, true, false])
    expect(chunksOf(await readAll(job.events()))).toEqual(['before'])
  })

  it('REG-21 G8: emit throws the JobCancelledError of the first reason, so that a loop that ignores the signal stops', async () => {
    const { clock, manager } = fixture()
    let emitted = 0
    let thrown: unknown
    let signal: AbortSignal | undefined
    const job = await manager.register(async (run) => {
      signal = run.signal
      try {
        for (;;) {
          run.emit(`chunk ${++emitted}`)
          await clock.yieldMacrotask()
        }
      } catch (error) {
        thrown = error
        throw error
      }
    })
    await clock.settle()
    expect(emitted).toBeGreaterThan(1)
    const cancelling = job.cancel({ by: 'ada' })
    const second = job.cancel({ by: 'bob' })
    await clock.settle()
    const result = await cancelling
    await second
    expect(thrown).toBeInstanceOf(JobCancelledError)
    expect(isGenerationJobError(thrown)).toBe(true)
    expect(thrown).toMatchObject({ name: 'AbortError', code: 'job.cancelled', reason: { kind: 'user', by: 'ada' } })
    expect(signal?.reason).toBe(thrown)
    const outcome = await job.settled
    if (outcome.status !== 'cancelled' || result.outcome !== 'cancelled') throw new Error('expected a cancel')
    expect(outcome.reason).toBe((thrown as JobCancelledError).reason)
    expect(result.reason).toBe(outcome.reason)
    expect(chunksOf(await readAll(job.events()))).toHaveLength(emitted - 1)
  })

  it('REG-21: step and emit of each kind throw after the cancel, in the very next statement', async () => {
    const { clock, manager } = fixture()
    const codes: unknown[] = []
    const job = await manager.register(async (run) => {
      run.emit('working')
      await clock.yieldMacrotask()
      void manager.cancel(run.jobId)
      for (const emit of [
        () => run.step('next'),
        () => run.emit('text'),
        () => run.emit({ type: 'metadata', data: {} }),
        () => run.emit({ type: 'data', name: 'x', data: 1 }),
      ]) {
        codes.push((thrownBy(emit) as { code?: unknown }).code)
      }
    })
    await clock.settle()
    expect(await job.settled).toMatchObject({ status: 'cancelled' })
    expect(codes).toEqual(Array.from({ length: 4 }, () => 'job.cancelled'))
    expect(chunksOf(await readAll(job.events()))).toEqual(['working'])
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
