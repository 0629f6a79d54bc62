import {
  createMemoryJobStore,
  GenerationJobManager,
  GenerationOrchestrator,
  InvalidOptionsError,
  InvalidResultError,
  isGenerationJobError,
  JobAlreadyExistsError,
  JobCancelledError,
  JobNotFoundError,
  type Producer,
  type RunContext,
} from 'generation-jobs'
import { controlledSource, createVirtualClock, scriptedSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection, thrownBy } from '../support/caught.js'
import { fixture } from '../support/fixture.js'
import { chunksOf, readAll } from '../support/read-all.js'

/** Wrong on purpose: the compiler would refuse it, a JavaScript caller is not stopped. */
type Wrong = never

const untilCancelled = (run: RunContext): Promise<void> =>
  new Promise((resolve) => void run.token.onCancel(() => resolve()))

/** A typed error that names the culprit, says what was expected and, unless it is a name too many, what came. */
function expectInvalidOptions(error: unknown, culprit: string, came?: string): void {
  expect(error).toBeInstanceOf(InvalidOptionsError)
  expect(isGenerationJobError(error)).toBe(true)
  const { code, message, issues } = error as InvalidOptionsError
  expect(code).toBe('options.invalid')
  expect(message).toContain(culprit)
  expect(issues.length).toBeGreaterThan(0)
  if (came === undefined) return
  expect(message).toMatch(/expected/i)
  expect(message).toContain(came)
}

async function expectUsable(manager: GenerationJobManager): Promise<void> {
  const job = await manager.register(async (run) => {
    run.emit('works')
    return run.commit(() => 'still')
  })
  expect(await job.settled).toMatchObject({ status: 'completed', value: 'still', commit: 'done', cleanup: 'clean' })
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `got '${value}'`
  return typeof value === 'object' && value !== null ? 'got an object' : `got ${String(value)}`
}

/** JSON knows none of these; a cycle and a deep nesting besides. */
function notJson(): Record<string, object> {
  const cyclic: Record<string, unknown> = { name: 'cyclic' }
  cyclic.self = cyclic
  const nested = Array.from({ length: 300 }).reduce<object>((inner) => ({ inner }), {})
  return {
    'a cycle': cyclic,
    'a cycle through an array': { list: [cyclic] },
    'a function': { call: () => 1 },
    'a symbol': { mark: Symbol('mark') },
    'a bigint': { big: 1n },
    'not a number': { value: Number.NaN },
    infinity: { value: Number.POSITIVE_INFINITY },
    'a date': { when: new Date(0) },
    'a map': { map: new Map() },
    'undefined in an array': { list: [undefined] },
    'too deep a nesting': nested,
    'a getter that throws': Object.defineProperty({}, 'boom', {
      enumerable: true,
      get() {
        throw new Error('boom')
      },
    }),
  }
}

const WRONG_DELAYS = [Number.NaN, -1, 2 ** 31, Number.POSITIVE_INFINITY, '100', null, {}]
const WRONG_COUNTS = [Number.NaN, -1, 1.5, Number.NEGATIVE_INFINITY, '10', null, {}]

describe('options of the manager', () => {
  const delays = [
    'gracePeriodMs',
    'cancelTimeoutMs',
    'commitTimeoutMs',
    'deadlineMs',
    'idleTimeoutMs',
    'retentionMs',
    'disconnectGraceMs',
    'storeTimeoutMs',
  ]
  for (const option of delays) {
    it(`REG-12: refuses a delay that is none or above 2^31-1 as ${option}, instead of firing at once`, () => {
      for (const value of WRONG_DELAYS) {
        const error = thrownBy(() => new GenerationJobManager({ logger: false, [option]: value }))
        expectInvalidOptions(error, option, shown(value))
      }
    })
  }

  const counts = [
    'maxConcurrentJobs',
    'maxPendingJobs',
    'maxJobsPerOwner',
    'maxLogEvents',
    'maxLogBytes',
    'maxResultBytes',
  ]
  for (const option of counts) {
    it(`REG-12: refuses a negative or non-integer limit as ${option}`, () => {
      const values = option === 'maxPendingJobs' ? WRONG_COUNTS : [0, ...WRONG_COUNTS]
      for (const value of values) {
        const error = thrownBy(() => new GenerationJobManager({ logger: false, [option]: value }))
        expectInvalidOptions(error, option, shown(value))
      }
    })
  }

  const others: [option: string, value: unknown][] = [
    ['locale', 'de'],
    ['locale', { cancelled: {} }],
    ['logger', true],
    ['logger', { info() {} }],
    ['onDisconnect', 'close'],
    ['describeError', 'always'],
    ['clock', { now: () => 0 }],
    ['deadlineMs', true],
    ['store', 'redis'],
  ]
  for (const [option, value] of others) {
    it(`refuses ${shown(value).slice(4)} as ${option}`, () => {
      const error = thrownBy(() => new GenerationJobManager({ logger: false, [option]: value }))
      expectInvalidOptions(error, option, shown(value))
    })
  }

  it('refuses an unknown option and says what to do', () => {
    const error = thrownBy(() => new GenerationJobManager({ gracePeriod: 5_000 } as Wrong))
    expectInvalidOptions(error, 'gracePeriod')
    expect((error as Error).message).toMatch(/remove it|spelling/)
  })

  it('names every wrong option in one error', () => {
    const error = thrownBy(() => new GenerationJobManager({ gracePeriodMs: -1, maxLogEvents: 0 }))
    expectInvalidOptions(error, 'gracePeriodMs', 'got -1')
    expectInvalidOptions(error, 'maxLogEvents', 'got 0')
    expect((error as InvalidOptionsError).issues.map(({ path }) => path)).toEqual([['gracePeriodMs'], ['maxLogEvents']])
  })

  it('REG-12: refuses a cancelTimeoutMs that is not above gracePeriodMs', () => {
    for (const options of [{ cancelTimeoutMs: 7_000 }, { gracePeriodMs: 9_000 }, { gracePeriodMs: 20_000 }]) {
      const error = thrownBy(() => new GenerationJobManager(options))
      expectInvalidOptions(error, 'cancelTimeoutMs', 'gracePeriodMs')
    }
  })

  it('REG-12: refuses a storeTimeoutMs that leaves the cancel no time for its answer', () => {
    for (const storeTimeoutMs of [2_000, 5_000]) {
      const error = thrownBy(() => new GenerationJobManager({ storeTimeoutMs }))
      expectInvalidOptions(error, 'storeTimeoutMs', 'gracePeriodMs')
    }
  })

  it('refuses what is no object', () => {
    for (const options of [null, 'fast', 7]) {
      expect(thrownBy(() => new GenerationJobManager(options as Wrong))).toBeInstanceOf(InvalidOptionsError)
    }
  })

  it('DIS-11: refuses a store that lacks methods, and names them', () => {
    const { claimCommit, settle, ...rest } = createMemoryJobStore()
    const error = thrownBy(() => new GenerationJobManager({ store: rest as Wrong }))
    expectInvalidOptions(error, 'claimCommit')
    expectInvalidOptions(error, 'settle')
  })

  it('takes the limits of the allowed ranges, and undefined for each', async () => {
    const { newManager } = fixture()
    const manager = newManager({
      gracePeriodMs: 2 ** 31 - 2,
      cancelTimeoutMs: 2 ** 31 - 1,
      commitTimeoutMs: 2 ** 31 - 1,
      storeTimeoutMs: 0.5,
      deadlineMs: false,
      idleTimeoutMs: 2 ** 31 - 1,
      maxConcurrentJobs: Number.POSITIVE_INFINITY,
      maxPendingJobs: 0,
      maxJobsPerOwner: undefined,
      locale: undefined,
    })
    await expectUsable(manager)
  })
})

describe('options of the memory store', () => {
  it('refuses a wrong retention size or lease, and unknown options', () => {
    const wrong: [string, object][] = [
      ['maxRetainedBytes', { maxRetainedBytes: -1 }],
      ['maxRetainedBytes', { maxRetainedBytes: Number.NaN }],
      ['leaseMs', { leaseMs: 0 }],
      ['leaseMs', { leaseMs: '6000' }],
      ['leaseMs', { leaseMs: 2 ** 31 }],
      ['clock', { clock: {} }],
      ['lease', { lease: 6_000 }],
    ]
    for (const [culprit, options] of wrong) {
      expectInvalidOptions(
        thrownBy(() => createMemoryJobStore(options as Wrong)),
        culprit,
      )
    }
  })
})

describe('register', () => {
  it('refuses a producer that is no function', async () => {
    const { manager } = fixture()
    for (const producer of [undefined, null, 'tell a story', {}, Promise.resolve(1)]) {
      const error = await rejection(manager.register(producer as Wrong))
      expectInvalidOptions(error, 'producer', 'got ')
    }
    await expectUsable(manager)
    expect(await manager.list()).toHaveLength(1)
  })

  it('refuses an empty id, and ids that are no names', async () => {
    const { manager } = fixture()
    for (const jobId of ['', 42, null, {}, 'a\nb', 'a\u0000b', 'a\u2028b', 'x'.repeat(300)]) {
      const error = await rejection(manager.register(async () => 1, { jobId } as Wrong))
      expectInvalidOptions(error, 'jobId')
    }
    await expectUsable(manager)
  })

  it('SEC-05: refuses names that could inject keys, headers or lines', async () => {
    const { manager } = fixture()
    for (const option of ['owner', 'group', 'idempotencyKey', 'requestFingerprint']) {
      for (const value of ['', 'a\r\nset-cookie: x', 7, 'x'.repeat(300)]) {
        expectInvalidOptions(await rejection(manager.register(async () => 1, { [option]: value })), option)
      }
    }
    await expectUsable(manager)
  })

  it('refuses the id of a job that exists, and leaves that one alone', async () => {
    const { manager } = fixture()
    const source = controlledSource()
    const live = await manager.register((run) => run.stream(source), { jobId: 'story-1' })
    const error = await rejection(manager.register(async () => 2, { jobId: 'story-1' }))
    expect(error).toBeInstanceOf(JobAlreadyExistsError)
    expect(error).toMatchObject({ code: 'job.exists', jobId: 'story-1', status: 'running' })
    expect((error as Error).message).toMatch(/'story-1'.*leave jobId out/)
    await expectUsable(manager)
    source.push('whole')
    source.end()
    expect(await live.settled).toMatchObject({ status: 'completed', value: { text: 'whole' } })
  })

  it('REG-12: refuses wrong limits, enumerations, signals and unknown options', async () => {
    const { manager } = fixture()
    const wrong: [string, object][] = [
      ...['deadlineMs', 'idleTimeoutMs', 'disconnectGraceMs'].flatMap((option) =>
        WRONG_DELAYS.map((value): [string, object] => [option, { [option]: value }]),
      ),
      ['onConflict', { onConflict: 'ignore' }],
      ['onDisconnect', { onDisconnect: true }],
      ['signal', { signal: {} }],
      ['signal', { signal: new AbortController() }],
      ['timeout', { timeout: 5 }],
    ]
    for (const [culprit, options] of wrong) {
      expectInvalidOptions(await rejection(manager.register(async () => 1, options)), culprit)
    }
    await expectUsable(manager)
    expect(await manager.list()).toHaveLength(1)
  })

  it('refuses options that are no object', async () => {
    const { manager } = fixture()
    for (const options of [null, 'story-1']) {
      const error = await rejection(manager.register(async () => 1, options as Wrong))
      expect(error).toBeInstanceOf(InvalidOptionsError)
    }
    await expectUsable(manager)
  })

  for (const [what, metadata] of Object.entries(notJson())) {
    it(`refuses metadata with ${what}`, async () => {
      const { manager } = fixture()
      const error = await rejection(manager.register(async () => 1, { metadata }))
      expectInvalidOptions(error, 'metadata', 'JSON')
      await expectUsable(manager)
      expect(await manager.list()).toHaveLength(1)
    })
  }

  it('refuses metadata that is no object', async () => {
    const { manager } = fixture()
    for (const metadata of ['text', 7, null, [1], () => 1, new Date(0)]) {
      const error = await rejection(manager.register(async () => 1, { metadata } as Wrong))
      expectInvalidOptions(error, 'metadata', 'JSON')
    }
    await expectUsable(manager)
  })

  it('copies metadata at the call, so that a later change of it changes nothing', async () => {
    const { manager } = fixture()
    const metadata = { tags: ['dragon'] }
    const job = await manager.register(async () => 1, { metadata })
    metadata.tags.push('knight')
    expect(job.snapshot().metadata).toEqual({ tags: ['dragon'] })
    expect(await manager.get(job.jobId)).toMatchObject({ metadata: { tags: ['dragon'] } })
    await job.settled
  })
})

describe('what a producer resolves to', () => {
  const streams: Record<string, () => unknown> = {
    'an async iterable': () => scriptedSource(['a']),
    'an async generator': async function* () {
      yield 'a'
    },
    'a ReadableStream': () => new ReadableStream<string>(),
  }
  for (const [what, make] of Object.entries(streams)) {
    it(`REG-22: fails with a typed error that names run.stream when it is ${what}`, async () => {
      const { manager } = fixture()
      const job = await manager.register((async () => make()) as unknown as Producer<unknown>)
      const outcome = await job.settled
      if (outcome.status !== 'failed') throw new Error(`expected a failure, got ${outcome.status}`)
      expect(outcome.error.cause).toBeInstanceOf(InvalidResultError)
      expect(outcome.error.code).toBe('result.invalid')
      expect(outcome.error.message).toMatch(/expected.*run\.stream/)
      await expectUsable(manager)
    })
  }
})

describe('calls with a job id', () => {
  it('refuse ids that are no names', async () => {
    const { manager } = fixture()
    for (const jobId of ['', 42, undefined, null, {}] as Wrong[]) {
      expectInvalidOptions(await rejection(manager.cancel(jobId)), 'jobId', 'got ')
      expectInvalidOptions(await rejection(manager.waitForCompletion(jobId)), 'jobId', 'got ')
      expectInvalidOptions(await rejection(manager.get(jobId)), 'jobId', 'got ')
      expectInvalidOptions(
        thrownBy(() => manager.events(jobId)),
        'jobId',
        'got ',
      )
    }
    await expectUsable(manager)
  })

  it('answer an unknown id with a value, or a typed error at the first read', async () => {
    const { manager } = fixture()
    expect(await manager.cancel('unknown')).toEqual({ outcome: 'not-found', jobId: 'unknown' })
    expect(await manager.waitForCompletion('unknown')).toEqual({ settled: false, cause: 'not-found' })
    expect(await manager.get('unknown')).toBeUndefined()
    const error = await rejection(readAll(manager.events('unknown')))
    expect(error).toBeInstanceOf(JobNotFoundError)
    expect(error).toMatchObject({ code: 'job.not-found', jobId: 'unknown' })
    await expectUsable(manager)
  })

  it('refuse wrong and unknown options, and change nothing', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(untilCancelled)
    await clock.settle()
    const id = job.jobId
    const cancels: [string, object][] = [
      ['kind', { kind: 'deadline' }],
      ['kind', { kind: 'bored' }],
      ['by', { by: '' }],
      ['by', { by: 'a\nb' }],
      ['message', { message: 7 }],
      ['message', { message: 'x'.repeat(3_000) }],
      ['reason', { reason: 'user' }],
      ...WRONG_DELAYS.map((timeoutMs): [string, object] => ['timeoutMs', { timeoutMs }]),
    ]
    for (const [culprit, options] of cancels) {
      expectInvalidOptions(await rejection(manager.cancel(id, options)), culprit)
      expectInvalidOptions(await rejection(job.cancel(options)), culprit)
    }
    const waits: [string, object][] = [
      ['timeout', { timeout: 5 }],
      ['signal', { signal: 'now' }],
      ...WRONG_DELAYS.map((timeoutMs): [string, object] => ['timeoutMs', { timeoutMs }]),
    ]
    for (const [culprit, options] of waits) {
      expectInvalidOptions(await rejection(manager.waitForCompletion(id, options)), culprit)
    }
    const reads: [string, object][] = [
      ...[-1, 1.5, Number.NaN, '3', null].map((after): [string, object] => ['after', { after }]),
      ['viewer', { viewer: 'yes' }],
      ['signal', { signal: {} }],
      ['since', { since: 1 }],
    ]
    for (const [culprit, options] of reads) {
      expectInvalidOptions(
        thrownBy(() => manager.events(id, options)),
        culprit,
      )
      if (culprit !== 'viewer')
        expectInvalidOptions(
          thrownBy(() => job.events(options)),
          culprit,
        )
    }
    expect(job.snapshot()).toMatchObject({ status: 'running', lastSeq: 0 })
    await expectUsable(manager)
    await job.cancel()
  })

  it('refuse wrong filters, and a cancelMany of everything', async () => {
    const { manager } = fixture()
    const job = await manager.register(untilCancelled)
    const filters: [string, object][] = [
      ['status', { status: 'done' }],
      ['status', { status: ['running', 'done'] }],
      ['owner', { owner: '' }],
      ['user', { user: 'ada' }],
    ]
    for (const [culprit, filter] of filters) {
      expectInvalidOptions(await rejection(manager.list(filter)), culprit)
      expectInvalidOptions(await rejection(manager.cancelMany(filter as Wrong)), culprit)
    }
    expectInvalidOptions(await rejection(manager.cancelMany({})), 'cancelMany', 'drain')
    expectInvalidOptions(await rejection(manager.cancelMany(undefined as Wrong)), 'cancelMany')
    expect(job.snapshot().status).toBe('running')
    await expectUsable(manager)
    await job.cancel()
  })

  it('refuse wrong options of drain, which then has not begun', async () => {
    const { manager } = fixture()
    for (const options of [...WRONG_DELAYS.map((timeoutMs) => ({ timeoutMs })), { timeout: 5 }]) {
      expect(await rejection(manager.drain(options as Wrong))).toBeInstanceOf(InvalidOptionsError)
    }
    await expectUsable(manager)
  })
})

describe('listeners', () => {
  it('must be functions of a known event', async () => {
    const { manager } = fixture()
    for (const listener of [undefined, null, 'log', {}] as Wrong[]) {
      expectInvalidOptions(
        thrownBy(() => manager.on('settled', listener)),
        'function',
        'got ',
      )
      expectInvalidOptions(
        thrownBy(() => manager.once('settled', listener)),
        'function',
        'got ',
      )
    }
    expectInvalidOptions(
      thrownBy(() => manager.on('finished' as Wrong, () => {})),
      'finished',
    )
    await expectUsable(manager)
  })
})

describe('what a producer emits', () => {
  const wrongEvents: [what: string, event: unknown][] = [
    ['an unknown type', { type: 'finished' }],
    ['a type of ours that is not for producers', { type: 'complete' }],
    ['no type', { content: 'a' }],
    ['null', null],
    ['undefined', undefined],
    ['a number', 42],
    ['an array', ['a']],
    ['a chunk without text', { type: 'chunk' }],
    ['a chunk with a number', { type: 'chunk', content: 42 }],
    ['a step without name', { type: 'step' }],
    ['metadata that is no object', { type: 'metadata', data: 'text' }],
    ['metadata that is an array', { type: 'metadata', data: [] }],
    ['data without name', { type: 'data', data: 1 }],
    ['data without value', { type: 'data', name: 'tool' }],
  ]
  for (const [what, event] of wrongEvents) {
    it(`is refused with a typed error and the run goes on: ${what}`, async () => {
      const { manager } = fixture()
      let error: unknown
      const job = await manager.register(async (run) => {
        run.emit('before')
        error = thrownBy(() => run.emit(event as Wrong))
        run.emit('after')
        return 'whole'
      })
      expect(await job.settled).toMatchObject({ status: 'completed', value: 'whole' })
      expectInvalidOptions(error, 'expected', 'got ')
      expect((await readAll(job.events())).map(({ type }) => type)).toEqual(['chunk', 'chunk', 'complete'])
      await expectUsable(manager)
    })
  }

  for (const [what, data] of Object.entries(notJson())) {
    it(`is refused as metadata and as data when it holds ${what}`, async () => {
      const { manager } = fixture()
      const errors: unknown[] = []
      const job = await manager.register(async (run) => {
        errors.push(thrownBy(() => run.emit({ type: 'metadata', data })))
        errors.push(thrownBy(() => run.emit({ type: 'data', name: 'tool', data })))
      })
      expect(await job.settled).toMatchObject({ status: 'completed' })
      for (const error of errors) expectInvalidOptions(error, 'JSON', 'expected')
      expect(errors).toHaveLength(2)
    })
  }

  it('is refused as a yield of an async generator, which then fails with its finally run', async () => {
    const { manager } = fixture()
    let released = false
    const job = await manager.register(async function* () {
      try {
        yield 'before'
        yield { type: 'finished' } as Wrong
        yield 'after'
      } finally {
        released = true
      }
    })
    const outcome = await job.settled
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'options.invalid' } })
    expectInvalidOptions(outcome.status === 'failed' && outcome.error.cause, 'expected', "got type 'finished'")
    expect(chunksOf(await readAll(job.events()))).toEqual(['before'])
    expect(released).toBe(true)
    await expectUsable(manager)
  })

  it('is refused by step, defer, stream and commit when it is of the wrong kind', async () => {
    const { manager } = fixture()
    const errors: unknown[] = []
    const job = await manager.register(async (run) => {
      errors.push(thrownBy(() => run.step(42 as Wrong)))
      errors.push(thrownBy(() => run.defer('close' as Wrong)))
      errors.push(await rejection(run.stream(undefined as Wrong)))
      errors.push(await rejection(run.stream(42 as Wrong)))
      errors.push(await rejection(run.stream({} as Wrong)))
      errors.push(await rejection(run.commit({ save: true } as Wrong)))
      return run.commit(() => 'saved')
    })
    expect(await job.settled).toMatchObject({ status: 'completed', value: 'saved', commit: 'done' })
    expect(errors).toHaveLength(6)
    for (const error of errors) expectInvalidOptions(error, 'expected', 'got ')
    await expectUsable(manager)
  })

  it('is refused after the end of the run, with a typed error that says so', async () => {
    const { manager } = fixture()
    let run: RunContext | undefined
    const job = await manager.register(async (context) => {
      run = context
      context.emit('whole')
    })
    await job.settled
    const late = run
    if (!late) throw new Error('the producer was not called')
    const errors = [
      thrownBy(() => late.emit('late')),
      thrownBy(() => late.step('Late')),
      await rejection(late.stream(scriptedSource(['late']))),
      await rejection(late.commit(() => 'late')),
    ]
    for (const error of errors) expectInvalidOptions(error, 'ended')
    expect(chunksOf(await readAll(job.events()))).toEqual(['whole'])
    await expectUsable(manager)
  })

  it('is refused after a cancel with the JobCancelledError, also when the job has settled', async () => {
    const { clock, manager } = fixture()
    let run: RunContext | undefined
    const job = await manager.register(async (context) => {
      run = context
      await untilCancelled(context)
    })
    await clock.settle()
    await job.cancel()
    expect(thrownBy(() => run?.emit('late'))).toBeInstanceOf(JobCancelledError)
  })
})

describe('commit', () => {
  it('CVC-18: refuses a second call with a typed error, and saves once', async () => {
    const { manager } = fixture()
    const saves: string[] = []
    let error: unknown
    const job = await manager.register(async (run) => {
      await run.commit(() => void saves.push('first'))
      error = await rejection(run.commit(() => void saves.push('second')))
      return 'whole'
    })
    expect(await job.settled).toMatchObject({ status: 'completed', value: 'whole', commit: 'done' })
    expectInvalidOptions(error, 'run.commit', 'second')
    expect(saves).toEqual(['first'])
    await expectUsable(manager)
  })

  it('CVC-18: refuses a second call while the first is under way', async () => {
    const { clock, manager } = fixture()
    const saves: string[] = []
    let error: unknown
    const job = await manager.register(async (run) => {
      const first = run.commit(async () => {
        await clock.yieldMacrotask()
        saves.push('first')
      })
      error = await rejection(run.commit(() => void saves.push('second')))
      await first
    })
    await clock.settle()
    expect(await job.settled).toMatchObject({ status: 'completed', commit: 'done' })
    expectInvalidOptions(error, 'run.commit', 'second')
    expect(saves).toEqual(['first'])
  })
})

describe('an orchestrator', () => {
  const generate = () => scriptedSource(['a'])

  it('refuses stages that are missing, wrong or unknown', () => {
    const wrong: [string, unknown][] = [
      ['object', undefined],
      ['object', null],
      ['object', generate],
      ['generate', {}],
      ['generate', { generate: 'story' }],
      ['prompt', { generate, prompt: 'Write' }],
      ['validate', { generate, validate: {} }],
      ['validate', { generate, validate: 'json' }],
      ['commit', { generate, commit: {} }],
      ['save', { generate, save: () => {} }],
    ]
    for (const [culprit, stages] of wrong) {
      expectInvalidOptions(
        thrownBy(() => new GenerationOrchestrator(stages as Wrong)),
        culprit,
        'expected',
      )
    }
  })

  it('REG-12: refuses wrong and unknown options', () => {
    const wrong: [string, object][] = [
      ...['gracePeriodMs', 'commitTimeoutMs'].flatMap((option) =>
        WRONG_DELAYS.map((value): [string, object] => [option, { [option]: value }]),
      ),
      ['clock', { clock: {} }],
      ['logger', { logger: console.log }],
      ['locale', { locale: 'fr' }],
    ]
    for (const [culprit, options] of wrong) {
      expectInvalidOptions(
        thrownBy(() => new GenerationOrchestrator({ generate }, options as Wrong)),
        culprit,
      )
    }
  })

  it('takes the longest grace period in a stand-alone run too', async () => {
    const clock = createVirtualClock()
    const orchestrator = new GenerationOrchestrator({ generate }, { clock, logger: false, gracePeriodMs: 2 ** 31 - 1 })
    const events = await readAll(orchestrator.generateWithEvents('request'))
    expect(events.at(-1)).toEqual({ type: 'complete', result: 'a' })
  })

  it('refuses a token that is none, at the call', async () => {
    const clock = createVirtualClock()
    const orchestrator = new GenerationOrchestrator({ generate }, { clock, logger: false })
    for (const token of [null, 'stop', 42, {}, new AbortController()]) {
      const error = thrownBy(() => orchestrator.generateWithEvents('request', token as Wrong))
      expectInvalidOptions(error, 'token', 'expected')
    }
    expect((await readAll(orchestrator.generateWithEvents('request'))).at(-1)?.type).toBe('complete')
    expect(clock.timers()).toEqual([])
  })
})
