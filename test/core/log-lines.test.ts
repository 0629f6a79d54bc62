import { inspect } from 'node:util'
import {
  type CancelKind,
  createMemoryJobStore,
  type GenerationJobManager,
  type GenerationJobManagerOptions,
  GenerationOrchestrator,
  type JobHandle,
  type JobStore,
  type Logger,
  MESSAGES,
  type Producer,
  type RunContext,
} from 'generation-jobs'
import { controlledSource, scriptedSource, type VirtualClock } from 'generation-jobs/testing'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { captureLogs } from '../support/captured-logs.js'
import { type Fixture, fixture } from '../support/fixture.js'
import { readAll } from '../support/read-all.js'
import { within } from '../support/within.js'

const SECRET = 'sk-secret-9f8e7d'
const boom = new Error('boom')
const untilCancelled = (run: RunContext): Promise<void> =>
  new Promise((resolve) => void run.token.onCancel(() => resolve()))
const generating: Producer<void> = async (run) => {
  run.step('Generating')
  await untilCancelled(run)
}

function wait(clock: VirtualClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(ms, resolve))
}

function iso(clock: VirtualClock, monotonicMs: number): string {
  return new Date(clock.now() - clock.monotonic() + monotonicMs).toISOString()
}

/** Makes a running job in step Generating end by a cancel of one kind, 1.5 s after it was registered (2 s for the lease). */
const cancels: Record<CancelKind, (world: Fixture, options: GenerationJobManagerOptions) => Promise<unknown>> = {
  async user({ clock, newManager }, options) {
    const job = await newManager(options).register(generating, { jobId: 'story-1' })
    await clock.advance(1_500)
    await job.cancel()
  },
  async deadline({ clock, newManager }, options) {
    await newManager(options).register(generating, { jobId: 'story-1', deadlineMs: 1_500 })
    await clock.advance(1_500)
  },
  async idle({ clock, newManager }, options) {
    await newManager(options).register(generating, { jobId: 'story-1', idleTimeoutMs: 1_500 })
    await clock.advance(1_500)
  },
  async disconnect({ clock, newManager }, options) {
    const manager = newManager({ ...options, onDisconnect: 'cancel', disconnectGraceMs: 1_500 })
    await manager.register(generating, { jobId: 'story-1' })
    await clock.advance(1_500)
  },
  async shutdown({ clock, newManager }, options) {
    const manager = newManager(options)
    await manager.register(generating, { jobId: 'story-1' })
    await clock.advance(1_500)
    await manager.drain({ timeoutMs: 0 })
  },
  async replaced({ clock, newManager }, options) {
    const manager = newManager(options)
    await manager.register(generating, { jobId: 'story-1', group: 'talk' })
    await clock.advance(1_500)
    const next = await manager.register(async () => 'next', { jobId: 'story-2', group: 'talk', onConflict: 'replace' })
    await next.settled
  },
  async signal({ clock, newManager }, options) {
    const { signal, abort } = abortable()
    await newManager(options).register(generating, { jobId: 'story-1', signal })
    await clock.advance(1_500)
    abort()
  },
  async 'lease-lost'({ clock, newManager }, options) {
    const store = createMemoryJobStore({ clock })
    let beats = 0
    const renewLeases: JobStore['renewLeases'] = (leases) =>
      ++beats < 2 ? store.renewLeases(leases) : leases.map(() => ({ answer: 'fenced' }))
    await newManager({ ...options, store: { ...store, renewLeases } }).register(generating, { jobId: 'story-1' })
    await clock.advance(2_000)
  },
}

function abortable(): { signal: AbortSignal; abort: (reason?: unknown) => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) }
}

/** The lines of a deep print of the value in which the secret stands. */
function placesOfSecret(value: unknown): string[] {
  const lines = inspect(value, { depth: null, showHidden: true }).split('\n')
  return lines.filter((line) => line.includes(SECRET))
}

describe('the line of a cancelled job', () => {
  const words: Record<CancelKind, { fr: string; en: string }> = {
    user: { fr: 'par utilisateur', en: 'by user' },
    deadline: { fr: 'par dépassement du délai', en: 'by deadline' },
    idle: { fr: 'pour inactivité', en: 'for inactivity' },
    disconnect: { fr: 'après déconnexion', en: 'after disconnect' },
    shutdown: { fr: 'par arrêt du serveur', en: 'by server shutdown' },
    replaced: { fr: 'par une nouvelle génération', en: 'by a newer generation' },
    signal: { fr: "par l'application", en: 'by the application' },
    'lease-lost': { fr: 'après perte du bail', en: 'after loss of its lease' },
  }

  for (const kind of Object.keys(words) as CancelKind[]) {
    const seconds = kind === 'lease-lost' ? '2.00' : '1.50'

    it(`OBS-02 OBS-06: names a cancel of kind ${kind} in French, the default`, async () => {
      const world = fixture()
      await cancels[kind](world, {})
      await world.clock.settle()
      expect(world.logs.of('job.cancelled', 'story-1')).toMatchObject([
        {
          level: 'info',
          fields: { event: 'job.cancelled', job_id: 'story-1', reason: kind, status: 'cancelled' },
          message: `Génération annulée ${words[kind].fr} - job_id: story-1, durée: ${seconds}s, étape: Generating`,
        },
      ])
    })

    it(`OBS-02: names a cancel of kind ${kind} in English`, async () => {
      const world = fixture()
      await cancels[kind](world, { locale: 'en' })
      await world.clock.settle()
      expect(world.logs.of('job.cancelled', 'story-1').map(({ message }) => message)).toEqual([
        `Generation cancelled ${words[kind].en} - job_id: story-1, duration: ${seconds}s, step: Generating`,
      ])
    })

    it(`OBS-03: writes a cancel of kind ${kind} below the level of errors`, async () => {
      const world = fixture()
      await cancels[kind](world, {})
      await world.clock.settle()
      expect(world.logs.events('story-1')).toContain('job.cancelled')
      expect(world.logs.lines.filter(({ level }) => level === 'error')).toEqual([])
    })
  }

  it('OBS-01: is one, with all fields, whoever else cancelled too', async () => {
    const { clock, logs, newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1 })
    const before = await manager.register(() => wait(clock, 300))
    const job = await manager.register(
      async (run) => {
        run.defer(() => wait(clock, 250))
        run.step('Generating')
        for (const text of ['a', 'b', 'c']) run.emit(text)
        await untilCancelled(run)
        run.tryEmit('late')
        run.tryEmit('later')
        await wait(clock, 250)
      },
      { jobId: 'story-1', owner: 'ada' },
    )
    await clock.advance(1_300)
    const results = Promise.all([
      job.cancel({ by: 'ada', message: 'enough' }),
      ...Array.from({ length: 100 }, () => job.cancel({ by: 'bob' })),
    ])
    await within(clock, 500, results)
    await before.settled
    const settledAt = iso(clock, 1_800)
    expect(logs.of('job.cancelled')).toEqual([
      {
        level: 'info',
        message: 'Génération annulée par utilisateur - job_id: story-1, durée: 1.80s, étape: Generating',
        fields: {
          event: 'job.cancelled',
          job_id: 'story-1',
          status: 'cancelled',
          reason: 'user',
          by: 'ada',
          cancel_message: 'enough',
          step: 'Generating',
          duration_s: 1.8,
          run_s: 1.5,
          queued_s: 0.3,
          cancel_ms: 500,
          commit: 'none',
          forced: false,
          cleanup: 'clean',
          recorded: true,
          chunks: 3,
          dropped_chunks: 2,
          requested_at: iso(clock, 1_300),
          settled_at: settledAt,
          timestamp: settledAt,
        },
      },
    ])
    expect(logs.of('job.cancel_requested')).toMatchObject([{ fields: { reason: 'user', by: 'ada' } }])
  })

  for (const [locale, waiting, starting] of [
    ['fr', 'étape: en attente', 'étape: démarrage'],
    ['en', 'step: waiting', 'step: starting'],
  ] as const) {
    it(`OBS-02: says that a pending job was waiting, and one without step was starting, in ${locale}`, async () => {
      const { clock, logs, newManager } = fixture()
      const manager = newManager({ locale, maxConcurrentJobs: 1 })
      const running = await manager.register(untilCancelled, { jobId: 'running' })
      const pending = await manager.register(untilCancelled, { jobId: 'pending' })
      await clock.advance(2_345)
      expect(pending.snapshot().status).toBe('pending')
      await pending.cancel()
      await running.cancel()
      const [ofPending] = logs.of('job.cancelled', 'pending')
      const [ofRunning] = logs.of('job.cancelled', 'running')
      expect(ofPending?.message).toMatch(new RegExp(`2\\.3[45]s, ${waiting}$`))
      expect(ofPending?.fields).toMatchObject({ step: waiting.replace(/.*: /, ''), run_s: 0, cancel_ms: 0 })
      expect(ofRunning?.message).toMatch(new RegExp(`2\\.3[45]s, ${starting}$`))
      expect(ofRunning?.fields).toMatchObject({ queued_s: 0 })
    })
  }

  it('OBS-02: measures its spans by the monotonic clock, wherever the wall clock jumps', async () => {
    const { clock, logs, newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1 })
    const before = await manager.register(() => wait(clock, 200))
    const job = await manager.register(async (run) => {
      run.step('Generating')
      await untilCancelled(run)
      await wait(clock, 100)
    })
    clock.jumpWallClock(-3_600_000)
    await clock.advance(1_000)
    clock.jumpWallClock(7_200_000)
    const cancelling = job.cancel()
    clock.jumpWallClock(-86_400_000)
    await within(clock, 100, cancelling)
    await before.settled
    expect(logs.of('job.cancelled')).toMatchObject([
      { fields: { queued_s: 0.2, run_s: 0.9, duration_s: 1.1, cancel_ms: 100 } },
    ])
  })

  it('OBS-01: tells the step that the job was in, not the first one', async () => {
    const { clock, logs, manager } = fixture()
    const job = await manager.register(async (run) => {
      for (const step of ['Prompting', 'Generating', 'Validating']) run.step(step)
      await untilCancelled(run)
    })
    await clock.settle()
    await job.cancel()
    expect(logs.of('job.cancelled')).toMatchObject([
      { fields: { step: 'Validating' }, message: expect.stringMatching(/étape: Validating$/) },
    ])
  })
})

describe('the line of a job that ended by itself', () => {
  for (const [locale, start, duration] of [
    ['fr', 'Génération terminée, cleanup automatique', 'durée'],
    ['en', 'Generation finished, automatic cleanup', 'duration'],
  ] as const) {
    it(`OBS-06: tells the success in ${locale}, with all fields`, async () => {
      const { clock, logs, newManager } = fixture()
      const manager = newManager({ locale })
      const job = await manager.register(
        async (run) => {
          run.step('Generating')
          await run.stream(scriptedSource(['a', { do: 'wait', ms: 2_340 }, 'b'], { clock }))
          await run.commit(() => 'saved')
        },
        { jobId: 'story-1' },
      )
      await within(clock, 2_340, job.settled)
      const settledAt = iso(clock, 2_340)
      expect(logs.of('job.completed')).toEqual([
        {
          level: 'info',
          message: `${start} - job_id: story-1, ${duration}: 2.34s`,
          fields: {
            event: 'job.completed',
            job_id: 'story-1',
            status: 'completed',
            step: 'Generating',
            duration_s: 2.34,
            run_s: 2.34,
            queued_s: 0,
            commit: 'done',
            forced: false,
            cleanup: 'clean',
            recorded: true,
            chunks: 2,
            dropped_chunks: 0,
            settled_at: settledAt,
            timestamp: settledAt,
          },
        },
      ])
    })
  }

  it('OBS-06: claims success or a cancel for no failed job', async () => {
    const { logs, manager } = fixture()
    const job = await manager.register(() => Promise.reject(boom), { jobId: 'story-1' })
    await job.settled
    const texts = logs.lines.map(({ message }) => message).join('\n')
    expect(texts).not.toMatch(/Génération terminée|Génération annulée/)
    expect(logs.of('job.failed')).toMatchObject([
      { level: 'error', fields: { job_id: 'story-1', status: 'failed', error_code: 'producer.failed' } },
    ])
    expect(logs.of('job.failed')[0]?.message).toContain('job_id: story-1, durée: 0.00s')
  })

  it('OBS-06: claims no user for a cancel of another kind', async () => {
    const world = fixture()
    await cancels.deadline(world, {})
    expect(world.logs.lines.map(({ message }) => message).join('\n')).not.toContain('utilisateur')
  })

  it('names a foreign error by its name, code and HTTP status, which are safe', async () => {
    const { logs, manager } = fixture()
    class APIError extends Error {
      override readonly name = 'APIError'
      readonly code = 'rate_limit_exceeded'
      readonly status = 429
    }
    const job = await manager.register(() => Promise.reject(new APIError(SECRET)))
    await job.settled
    const line = inspect(logs.of('job.failed'), { depth: null })
    expect(line).toContain('APIError')
    expect(line).toContain('rate_limit_exceeded')
    expect(line).toContain('429')
    expect(line).not.toContain(SECRET)
  })

  it("shows the application's own words about an error in log, record and event", async () => {
    const { logs, newManager } = fixture()
    const manager = newManager({
      describeError: (error) =>
        error instanceof RangeError ? { code: 'quota.exceeded', message: 'The monthly quota is used up.' } : undefined,
    })
    const job = await manager.register(() => Promise.reject(new RangeError(SECRET)))
    const error = { code: 'quota.exceeded', message: 'The monthly quota is used up.' }
    expect(await job.settled).toMatchObject({ status: 'failed', error })
    expect(logs.of('job.failed')).toMatchObject([{ fields: { error_code: error.code, error_message: error.message } }])
    expect(await manager.get(job.jobId)).toMatchObject({ error })
    expect((await readAll(job.events())).at(-1)).toMatchObject({ type: 'error', ...error })
  })

  it('survives a describeError that throws or answers nonsense', async () => {
    const { logs, newManager } = fixture()
    const answers: (() => unknown)[] = [
      () => {
        throw new Error(SECRET)
      },
      () => 'nonsense',
      () => ({ code: 42, message: {} }),
    ]
    for (const answer of answers) {
      const manager = newManager({ describeError: answer as () => undefined })
      const job = await manager.register(() => Promise.reject(boom))
      expect(await job.settled).toMatchObject({ status: 'failed', error: { code: 'producer.failed' } })
    }
    expect(placesOfSecret(logs.lines)).toEqual([])
  })
})

describe('the lines and events of a job', () => {
  /** The manager events of each job, in order. */
  function watch(manager: GenerationJobManager): string[] {
    const told: string[] = []
    manager.on('registered', () => told.push('registered'))
    manager.on('started', () => told.push('started'))
    manager.on('cancelRequested', () => told.push('cancelRequested'))
    manager.on('committing', () => told.push('committing'))
    manager.on('settled', () => told.push('settled'))
    return told
  }

  it('OBS-04: are registered, started and completed, each once', async () => {
    const { logs, manager } = fixture()
    const told = watch(manager)
    const job = await manager.register((run) => run.commit(() => 'saved'))
    await job.settled
    expect(logs.events()).toEqual(['job.registered', 'job.started', 'job.completed'])
    expect(logs.lines.every(({ fields }) => fields.job_id === job.jobId)).toBe(true)
    expect(told).toEqual(['registered', 'started', 'committing', 'settled'])
  })

  it('OBS-04: are registered, started, requested and cancelled, each once, with 100 cancels at once', async () => {
    const { clock, logs, manager } = fixture()
    const told = watch(manager)
    const job = await manager.register(generating)
    await clock.settle()
    await Promise.all(Array.from({ length: 100 }, () => job.cancel()))
    expect(logs.events()).toEqual(['job.registered', 'job.started', 'job.cancel_requested', 'job.cancelled'])
    expect(told).toEqual(['registered', 'started', 'cancelRequested', 'settled'])
  })

  it('OBS-04: tell the cancel request of a pending job too, and no start', async () => {
    const { clock, logs, newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1 })
    const running = await manager.register(generating, { jobId: 'running' })
    await clock.settle()
    const told = watch(manager)
    const pending = await manager.register(generating, { jobId: 'pending' })
    await pending.cancel()
    expect(told).toEqual(['registered', 'cancelRequested', 'settled'])
    expect(logs.events('pending')).toEqual(['job.registered', 'job.cancel_requested', 'job.cancelled'])
    await running.cancel()
  })

  it('OBS-04: are registered and failed for a job that fails', async () => {
    const { logs, manager } = fixture()
    const told = watch(manager)
    const job = await manager.register(() => Promise.reject(boom))
    await job.settled
    expect(logs.events()).toEqual(['job.registered', 'job.started', 'job.failed'])
    expect(told).toEqual(['registered', 'started', 'settled'])
  })

  it('OBS-03: stay below the level of errors in a lost race with a commit and with the end', async () => {
    const { clock, logs, manager } = fixture()
    let saved = (): void => {}
    const job = await manager.register((run) =>
      run.commit(
        () =>
          new Promise<void>((resolve) => {
            saved = resolve
          }),
      ),
    )
    await clock.settle()
    expect(job.snapshot().status).toBe('committing')
    const tooLate = job.cancel()
    saved()
    expect(await tooLate).toMatchObject({ outcome: 'too-late' })
    expect(await job.cancel()).toMatchObject({ outcome: 'already-settled' })
    expect(await manager.cancel('unknown')).toMatchObject({ outcome: 'not-found' })
    expect(logs.lines.map(({ level }) => level)).toEqual(['info', 'info', 'info'])
    expect(manager.stats().jobs).toMatchObject({ running: 0, committing: 0, cancelling: 0, completed: 1, failed: 0 })
  })

  it('OBS-01 OBS-03: tell a fenced owner as a warning, once', async () => {
    const world = fixture()
    await cancels['lease-lost'](world, {})
    expect(world.logs.of('job.fenced')).toMatchObject([{ level: 'warn', fields: { job_id: 'story-1' } }])
  })

  it('OBS-01: tell the end of a dead owner by the node that recorded it', async () => {
    const { clock, newManager } = fixture()
    const store = createMemoryJobStore({ clock })
    let isAway = true
    const reached = <A>(ask: () => A) => (isAway ? Promise.reject(new Error('unreachable')) : ask())
    const renewLeases: JobStore['renewLeases'] = (leases) => reached(() => store.renewLeases(leases))
    const reap: JobStore['reap'] = () => reached(() => store.reap())
    const owner = newManager({ store: { ...store, renewLeases, reap }, logger: false })
    const logs = captureLogs()
    newManager({ store, logger: logs })
    await owner.register(generating, { jobId: 'story-1' })
    await clock.advance(8_000)
    expect(logs.events('story-1')).toEqual(['job.reaped', 'job.failed'])
    expect(logs.of('job.failed')).toMatchObject([
      { fields: { error_code: 'owner.lost', forced: true, cleanup: 'unknown' } },
    ])
    expect(logs.of('job.reaped')).toMatchObject([{ level: 'warn' }])
    isAway = false
  })

  it('tell a save that answered after its limit, and a producer that failed after its commit, once each', async () => {
    const { clock, logs, newManager } = fixture()
    const manager = newManager({ commitTimeoutMs: 1_000 })
    const late = await manager.register((run) => run.commit(() => wait(clock, 5_000)), { jobId: 'late' })
    const failing = await manager.register(
      async (run) => {
        await run.commit(() => 'saved')
        throw boom
      },
      { jobId: 'failing' },
    )
    await within(clock, 1_000, Promise.all([late.settled, failing.settled]))
    await clock.advance(5_000)
    expect(logs.of('job.commit_late')).toMatchObject([{ level: 'warn', fields: { job_id: 'late' } }])
    expect(logs.of('job.post_commit_failed')).toMatchObject([{ level: 'warn', fields: { job_id: 'failing' } }])
    expect(logs.of('job.failed')).toMatchObject([{ fields: { job_id: 'late', error_code: 'commit.unknown' } }])
    expect(logs.of('job.completed')).toMatchObject([{ fields: { job_id: 'failing', commit: 'done' } }])
  })
})

describe('secrets', () => {
  /** An error as SDKs throw it: with headers, request body and answer attached. */
  class ProviderError extends Error {
    readonly status = 401
    readonly headers = { authorization: `Bearer ${SECRET}` }
    readonly body = { prompt: SECRET, completion: SECRET }
    readonly error = { message: SECRET }
    constructor() {
      super(`401 for key ${SECRET}: ${SECRET}`, { cause: new Error(SECRET) })
    }
  }
  const fail = (): never => {
    throw new ProviderError()
  }

  interface Plant {
    producer: Producer<unknown>
    act?: (job: JobHandle<unknown>, world: Fixture) => unknown
    options?: { metadata?: object; signal?: AbortSignal }
    /** The record holds it by design: the caller's own metadata, or the result. */
    recordMayHoldIt?: boolean
  }

  const orchestrated = (stages: {
    validate?: () => unknown
    commit?: () => void
    source?: () => AsyncIterable<string>
  }) =>
    new GenerationOrchestrator({
      prompt: (request: string) => `${request} ${SECRET}`,
      generate: () => stages.source?.() ?? scriptedSource(['{"text": "', SECRET, '"']),
      validate: stages.validate ?? ((text) => text),
      commit: stages.commit ?? (() => {}),
    }).producer(SECRET) as Producer<unknown>

  const streamed = async (run: RunContext) => (await run.stream(scriptedSource([SECRET]))).text
  const aborter = abortable()

  const plants: Record<string, Plant> = {
    'prompt, chunks and result of a success': { producer: orchestrated({}), recordMayHoldIt: true },
    'metadata of the job and of an event': {
      producer: async (run) => run.emit({ type: 'metadata', data: { prompt: SECRET } }),
      options: { metadata: { prompt: SECRET } },
      recordMayHoldIt: true,
    },
    'a data event': {
      producer: async (run) => run.emit({ type: 'data', name: 'tool', data: SECRET }),
      recordMayHoldIt: true,
    },
    'an error of the provider before the first chunk': { producer: async () => fail() },
    'an error of the provider in the stream': {
      producer: (run) => run.stream(scriptedSource([SECRET, { do: 'throw', error: new ProviderError() }])),
    },
    'an error of the provider in an orchestrated job': {
      producer: orchestrated({ source: () => scriptedSource([{ do: 'throw', error: new ProviderError() }]) as never }),
    },
    'a string that is thrown': { producer: () => Promise.reject(SECRET) },
    'an object that is thrown': { producer: () => Promise.reject({ message: SECRET, name: SECRET }) },
    'an error with text in its name and code': {
      producer: () =>
        Promise.reject(Object.assign(new Error(SECRET), { name: `No ${SECRET}!`, code: `No ${SECRET}!` })),
    },
    'an error whose name throws': {
      producer: () =>
        Promise.reject(
          Object.defineProperty(new Error(SECRET), 'name', {
            get() {
              throw new Error(SECRET)
            },
          }),
        ),
    },
    'text that is not JSON': {
      producer: new GenerationOrchestrator({
        generate: () => scriptedSource([SECRET]),
        validate: z.object({ text: z.string() }),
      }).producer(undefined),
    },
    'text that does not match the schema': {
      producer: new GenerationOrchestrator({
        generate: () => scriptedSource([JSON.stringify({ [SECRET]: SECRET, text: SECRET })]),
        validate: z.strictObject({ text: z.literal('other') }),
      }).producer(undefined),
    },
    'the error of a validation': { producer: orchestrated({ validate: fail }) },
    'the error of a schema': {
      producer: new GenerationOrchestrator({
        generate: () => scriptedSource(['{}']),
        validate: z.object({}).transform((): string => fail()),
      }).producer(undefined),
    },
    'the error of a save': { producer: orchestrated({ commit: fail }) },
    'the error of a save that comes late': {
      producer: async (run) =>
        run.commit(async () => {
          await new Promise<void>((resolve) => setImmediate(resolve))
          fail()
        }),
    },
    'the error of a cleanup': { producer: async (run) => run.defer(fail, 'close the socket') },
    'the error of a producer after its commit': {
      producer: async (run) => {
        await run.commit(() => undefined)
        fail()
      },
    },
    'the error of a cancelled producer, and its text': {
      producer: async (run) => {
        run.emit(SECRET)
        await untilCancelled(run)
        run.tryEmit(SECRET)
        fail()
      },
      act: (job) => job.cancel(),
    },
    'the error of an onCancel listener and of an abort listener': {
      producer: async (run) => {
        run.token.onCancel(fail)
        await untilCancelled(run)
      },
      act: (job) => job.cancel(),
    },
    "the reason of the caller's signal": {
      producer: untilCancelled,
      options: { signal: aborter.signal },
      act: () => aborter.abort(new ProviderError()),
    },
    'a text given to run.stream by mistake': { producer: (run) => run.stream(SECRET as never) },
    'a text given to run.commit by mistake': { producer: (run) => run.commit(SECRET as never) },
    'a text given to run.defer by mistake': { producer: async (run) => run.defer(SECRET as never) },
    'a text in place of metadata': {
      producer: async (run) => run.emit({ type: 'metadata', data: SECRET as never }),
    },
    'a result that is not JSON': {
      producer: async (run) => ({ text: await streamed(run), when: new Date(), toString: () => SECRET }),
    },
    'a stream as result': { producer: (async () => scriptedSource([SECRET])) as unknown as Producer<unknown> },
  }

  for (const [name, { producer, act, options = {}, recordMayHoldIt = false }] of Object.entries(plants)) {
    it(`G14 SEC-04: are in no log line${recordMayHoldIt ? '' : ', record or terminal event'}: ${name}`, async () => {
      const world = fixture()
      const { clock, logs, manager } = world
      manager.on('cleanupFailed', fail)
      manager.on('settled', () => Promise.reject(new ProviderError()))
      const job = await manager.register(producer, { ...options })
      await clock.settle()
      act?.(job, world)
      await within(clock, 7_000, job.settled)
      await clock.settle()
      expect(logs.events()).toContain('listener.failed')
      expect(placesOfSecret(logs.lines)).toEqual([])
      if (recordMayHoldIt) return
      const events = (await readAll(job.events())).filter(({ type }) => type !== 'chunk')
      const records = [await manager.get(job.jobId), await manager.list(), job.snapshot(), events]
      expect(placesOfSecret(records)).toEqual([])
    })
  }
})

describe('the logger', () => {
  it('OBS-05: may throw in every call: the job is not affected, and it is logged once where it can be', async () => {
    const { clock, newManager } = fixture()
    const captured = captureLogs()
    const fail = (): never => {
      throw boom
    }
    const manager = newManager({ logger: { ...captured, debug: fail, info: fail, warn: fail } })
    const completed = await manager.register(async (run) => {
      run.logger.info({}, 'from the producer')
      run.defer(() => Promise.reject(boom))
      return 'value'
    })
    const cancelled = await manager.register(generating)
    await clock.settle()
    expect(await cancelled.cancel()).toMatchObject({ outcome: 'cancelled' })
    expect(await completed.settled).toMatchObject({ status: 'completed', value: 'value' })
    expect(captured.of('listener.failed')).toHaveLength(1)
  })

  it('OBS-05: may throw in every call of every level', async () => {
    const { newManager } = fixture()
    const fail = (): never => {
      throw boom
    }
    const manager = newManager({ logger: { debug: fail, info: fail, warn: fail, error: fail } })
    const job = await manager.register(() => Promise.reject(boom))
    expect(await job.settled).toMatchObject({ status: 'failed' })
  })

  it('may be pino, which gets each line with its fields', async () => {
    const { newManager } = fixture()
    const lines: Record<string, unknown>[] = []
    const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
    const manager = newManager({ logger })
    const job = await manager.register(async (run) => run.logger.info({ tokens: 3 }, 'from the producer'), {
      jobId: 'story-1',
    })
    await job.settled
    expect(lines).toMatchObject([
      { level: 30, event: 'job.registered', job_id: 'story-1' },
      { level: 30, event: 'job.started', job_id: 'story-1' },
      { level: 30, msg: 'from the producer', tokens: 3, job_id: 'story-1' },
      {
        level: 30,
        event: 'job.completed',
        job_id: 'story-1',
        msg: 'Génération terminée, cleanup automatique - job_id: story-1, durée: 0.00s',
      },
    ])
  })

  it('may be a class instance, whose methods are called on it', async () => {
    const { newManager } = fixture()
    class CountingLogger implements Logger {
      #count = 0
      get count() {
        return this.#count
      }
      debug() {
        this.#count++
      }
      info() {
        this.#count++
      }
      warn() {
        this.#count++
      }
      error() {
        this.#count++
      }
    }
    const logger = new CountingLogger()
    const job = await newManager({ logger }).register(async () => 'value')
    await job.settled
    expect(logger.count).toBe(3)
  })

  it('may be turned off: the producer still has one, which says nothing', async () => {
    const { newManager } = fixture()
    const manager = newManager({ logger: false })
    const job = await manager.register(async (run) => run.logger.error({}, 'unheard'))
    expect(await job.settled).toMatchObject({ status: 'completed' })
  })

  it('writes in words of the application', async () => {
    const { clock, logs, newManager } = fixture()
    const { en } = MESSAGES
    const locale = {
      ...en,
      cancelled: { ...en.cancelled, user: 'Stopped by the player' },
      log: { ...en.log, duration: 'took', step: 'while' },
    }
    const job = await newManager({ locale }).register(generating, { jobId: 'story-1' })
    await clock.settle()
    await job.cancel()
    expect(logs.of('job.cancelled')[0]?.message).toBe(
      'Stopped by the player - job_id: story-1, took: 0.00s, while: Generating',
    )
  })
})

describe('a listener', () => {
  it('OBS-05: that throws or rejects in every event affects no job and is logged once', async () => {
    const { clock, logs, manager } = fixture()
    for (const event of ['registered', 'started', 'step', 'cancelRequested', 'committing', 'settled'] as const) {
      manager.on(event, () => {
        throw boom
      })
      manager.on(event, () => Promise.reject(boom))
    }
    const source = controlledSource()
    const completed = await manager.register(async (run) => {
      run.step('Generating')
      await run.stream(source)
      return run.commit(() => 'saved')
    })
    source.push('text')
    source.end()
    expect(await completed.settled).toMatchObject({ status: 'completed', value: 'saved', commit: 'done' })
    const cancelled = await manager.register(generating)
    await clock.settle()
    expect(await cancelled.cancel()).toMatchObject({ outcome: 'cancelled', forced: false, cleanup: 'clean' })
    expect(logs.of('listener.failed')).toMatchObject([{ level: 'error' }])
  })
})
