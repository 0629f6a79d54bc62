import {
  CommitError,
  createMemoryJobStore,
  GenerationJobManager,
  InvalidOptionsError,
  type JobOutcome,
  type JobStore,
  type RunContext,
  StoreError,
} from 'generation-jobs'
import { createVirtualClock, type StoreFault, type StoreOperation } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection, thrownBy } from '../support/caught.js'
import { type Cluster, type ClusterNode, cluster } from '../support/cluster.js'
import { chunksOf, eventLog, shapeOf } from '../support/event-log.js'
import { seededRandom } from '../support/seeded-random.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'

const HEARTBEAT = 1_000
/** Limit of one store call with the default options. */
const STORE_TIMEOUT = 1_500
const TERMINAL = ['complete', 'cancelled', 'error']

const OPERATIONS: readonly StoreOperation[] = [
  'create',
  'start',
  'append',
  'claimCommit',
  'settle',
  'requestCancel',
  'renewLeases',
  'touchViewers',
  'read',
  'readEvents',
  'list',
  'reap',
  'sweep',
]

const FAULTS: Readonly<Record<string, StoreFault>> = {
  fails: 'fail',
  throws: 'throw',
  hangs: 'hang',
  'loses its reply': 'lose-reply',
  'is done and never answered': 'hang-after',
  'answers something unknown': { answer: { answer: 'perhaps' } },
  'answers a number': { answer: 7 },
  'answers null': { answer: null },
}

const cooperative = (run: RunContext) =>
  new Promise<never>((_, reject) => run.token.onCancel(() => reject(new Error('stopped'))))

/** What must hold for every job, whatever the store did: one end, one gapless log, and no save that should not have been. */
async function expectSound(
  { store, clock }: Cluster,
  outcomes: readonly JobOutcome<unknown>[],
  saves: ReadonlyMap<string, number>,
) {
  const now = clock.monotonic()
  for (const record of await store.list({})) {
    expect(TERMINAL, `${record.jobId} is ${record.status} at ${now}`).toContain(
      { completed: 'complete', cancelled: 'cancelled', failed: 'error' }[record.status as string],
    )
    const answer = await store.readEvents(record.jobId, 0, 10_000)
    const events = answer.answer === 'events' ? answer.events : []
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
    expect(events.filter(({ type }) => TERMINAL.includes(type))).toEqual([events.at(-1)])
    const outcome = outcomes.find(({ jobId }) => jobId === record.jobId)
    const saved = saves.get(record.jobId) ?? 0
    expect(saved).toBeLessThanOrEqual(1)
    if (record.commit === 'done') expect(saved).toBe(1)
    if (record.status === 'cancelled' || record.commit === 'none') expect(saved).toBe(0)
    if (outcome?.recorded) expect([record.status, record.commit]).toEqual([outcome.status, outcome.commit])
    if (outcome && outcome.commit === 'none') expect(saved).toBe(0)
    if (outcome?.status === 'cancelled') expect(record.commit).toBe('none')
  }
}

interface Life {
  readonly outcomes: JobOutcome<unknown>[]
  readonly errors: unknown[]
  readonly saves: Map<string, number>
  /** The longest wait of each kind, in virtual time. */
  readonly took: Record<'register' | 'cancel' | 'settled' | 'read' | 'wait', number>
}

/** Jobs that run, wait, commit, are read, waited for and cancelled, all on one node: every call of the store is needed. */
async function live({ clock }: Cluster, { manager }: ClusterNode): Promise<Life> {
  const life: Life = {
    outcomes: [],
    errors: [],
    saves: new Map(),
    took: { register: 0, cancel: 0, settled: 0, read: 0, wait: 0 },
  }
  async function timed<T>(kind: keyof Life['took'], promise: Promise<T>): Promise<T | undefined> {
    const startedAt = clock.monotonic()
    try {
      return await promise
    } catch (error) {
      life.errors.push(error)
      return undefined
    } finally {
      life.took[kind] = Math.max(life.took[kind], clock.monotonic() - startedAt)
    }
  }
  const pause = (ms: number) => new Promise<void>((resolve) => clock.setTimer(ms, resolve))
  const committing = async (run: RunContext): Promise<string> => {
    for (const chunk of ['a', 'b', 'c']) {
      run.emit(chunk)
      await pause(700)
    }
    return run.commit(() => {
      life.saves.set(run.jobId, (life.saves.get(run.jobId) ?? 0) + 1)
      return 'saved'
    })
  }
  async function one(producer: (run: RunContext) => Promise<unknown>, cancelAfter?: number): Promise<void> {
    const handle = await timed(
      'register',
      manager.register(producer as never, { onDisconnect: 'cancel', disconnectGraceMs: 60_000, deadlineMs: 40_000 }),
    )
    if (!handle) return
    const all: Promise<unknown>[] = [
      timed('settled', handle.settled).then((outcome) => {
        if (outcome) life.outcomes.push(outcome)
      }),
      timed('wait', manager.waitForCompletion(handle.jobId, { timeoutMs: 20_000 })),
      timed('read', readViewer(manager, handle.jobId)),
      timed('wait', manager.get(handle.jobId)),
      timed('wait', manager.list()),
    ]
    if (cancelAfter !== undefined) {
      await pause(cancelAfter)
      all.push(timed('cancel', manager.cancel(handle.jobId)))
    }
    await Promise.all(all)
  }
  await Promise.all([one(committing), one(cooperative, 900), one(committing, 100), one(committing)])
  return life
}

async function readViewer(manager: GenerationJobManager, jobId: string): Promise<void> {
  for await (const { type } of manager.events(jobId, { viewer: true })) if (TERMINAL.includes(type)) return
}

describe('a store that is no store', () => {
  function build(store: unknown) {
    return new GenerationJobManager({ logger: false, clock: createVirtualClock(), store: store as JobStore })
  }

  it.each(Object.keys(createMemoryJobStore()).filter((key) => !key.endsWith('Ms')))(
    'DIS-11: is refused at construction when it lacks %s, which is named',
    (method) => {
      const { [method as keyof JobStore]: _, ...store } = createMemoryJobStore({ clock: createVirtualClock() })
      const error = thrownBy(() => build(store))
      expect(error).toBeInstanceOf(InvalidOptionsError)
      expect(error).toMatchObject({ message: expect.stringContaining(`${method}()`) })
    },
  )

  it('DIS-11: is refused with all that is missing in one message', () => {
    const error = thrownBy(() => build({ leaseMs: 6_000, heartbeatMs: 1_000, create: 'no function' }))
    for (const name of ['create()', 'settle()', 'footprint()'])
      expect(error).toMatchObject({ message: expect.stringContaining(name) })
  })

  it.each([null, 7, 'redis://localhost', () => {}])('DIS-11: is refused when it is %o', (store) => {
    expect(thrownBy(() => build(store))).toBeInstanceOf(InvalidOptionsError)
  })

  it.each([
    [2_999, 1_000],
    [6_000, 0],
    [6_000, Number.NaN],
    [Number.NaN, 1_000],
    [-6_000, -1_000],
  ])('DIS-06 DIS-11: is refused with a lease of %d ms and heartbeats of %d ms', (leaseMs, heartbeatMs) => {
    const store = { ...createMemoryJobStore({ clock: createVirtualClock() }), leaseMs, heartbeatMs }
    expect(thrownBy(() => build(store))).toBeInstanceOf(InvalidOptionsError)
  })
})

describe.each(OPERATIONS)('%s', (operation) => {
  it.each(Object.entries(FAULTS))(
    'DIS-09 G13 G14: that %s a few times stops no job',
    { timeout: 20_000 },
    async (_, fault) => {
      const setup = cluster({ maxConcurrentJobs: 2 })
      const node = setup.join()
      const random = seededRandom(11)
      node.store.inject(fault, { on: operation, times: 4, when: () => random() < 0.5 })
      const life = live(setup, node)
      const { outcomes, errors, saves, took } = await within(setup.clock, 60_000, life)
      for (const error of errors) expect(error).toMatchObject({ code: 'store.failed', operation })
      expectBounded(took)
      await setup.clock.advance(20_000)
      await expectSound(setup, outcomes, saves)
    },
  )

  it.each(Object.entries(FAULTS))(
    'DIS-10 DIS-24 G2 G13: that %s always lets every call be answered and every job end, in bounded time, and all is well afterwards',
    { timeout: 20_000 },
    async (_, fault) => {
      const setup = cluster({ maxConcurrentJobs: 2 })
      const node = setup.join()
      setup.join()
      const heal = node.store.inject(fault, { on: operation })
      const life = live(setup, node)
      const { outcomes, errors, saves, took } = await within(setup.clock, 120_000, life)
      for (const error of errors) expect(error).toMatchObject({ code: 'store.failed', operation })
      expectBounded(took)
      heal()
      await setup.clock.advance(20_000)
      await expectSound(setup, outcomes, saves)
    },
  )
})

function expectBounded({ register, cancel, wait }: Life['took']): void {
  expect(register).toBeLessThanOrEqual(STORE_TIMEOUT)
  expect(cancel).toBeLessThanOrEqual(9_000)
  expect(wait).toBeLessThanOrEqual(20_000 + STORE_TIMEOUT)
}

describe('register', () => {
  it.each(['fail', 'hang', 'throw', { answer: { answer: 'perhaps' } }] as const)(
    'G13 LIM-01: with the store away (%o) is a StoreError in time, and nothing of the job is left',
    async (fault) => {
      const { clock, join } = cluster({ maxConcurrentJobs: 1, maxPendingJobs: 0, maxJobsPerOwner: 1 })
      const { manager, store } = join()
      const heal = store.inject(fault, { on: 'create' })
      const calls: string[] = []
      const register = () => manager.register(async (run) => void calls.push(run.jobId), { owner: 'ada' })
      const error = await within(clock, STORE_TIMEOUT, rejection(register()))
      expect(error).toBeInstanceOf(StoreError)
      expect(error).toMatchObject({ operation: 'create' })
      await clock.advance(10_000)
      expect(calls).toEqual([])
      expect(manager.stats().jobs).toMatchObject({ pending: 0, running: 0 })
      heal()
      const handle = await register()
      await handle.settled
      expect(calls).toEqual([handle.jobId])
    },
  )

  it('REG-03: whose reply was lost, or came late, is one job', async () => {
    for (const fault of ['lose-reply', 'hang-after'] as const) {
      const { clock, join } = cluster()
      const { manager, store } = join()
      let calls = 0
      store.inject(fault, { on: 'create', times: 1 })
      const handle = await within(
        clock,
        STORE_TIMEOUT,
        manager.register(async () => ++calls, { idempotencyKey: 'k' }),
      )
      expect(handle.created).toBe(true)
      expect(await handle.settled).toMatchObject({ status: 'completed', value: 1 })
      expect(await manager.list()).toHaveLength(1)
    }
  })

  it('G12 G13: that was refused and whose record comes late never calls its producer, and is reaped', async () => {
    const { clock, store: shared, join } = cluster()
    const { manager, store } = join()
    const heal = store.inject('hold', { on: 'create' })
    const calls: string[] = []
    const error = within(
      clock,
      STORE_TIMEOUT,
      rejection(manager.register(async (run) => void calls.push(run.jobId), { jobId: 'late' })),
    )
    expect(await error).toBeInstanceOf(StoreError)
    heal()
    store.release()
    await clock.settle()
    expect(await shared.read('late')).toMatchObject({ status: 'running' })
    await clock.advance(7_000)
    expect(await manager.get('late')).toMatchObject({ status: 'failed', error: { code: 'owner.lost' } })
    expect(calls).toEqual([])
  })
})

describe('the start of a pending job', () => {
  it.each(['fail', 'hang', 'throw', 'lose-reply', 'hang-after', { answer: 7 }] as const)(
    'REG-06 DIS-09: that met a fault (%o) is tried again, and its producer called once',
    async (fault) => {
      const { clock, join } = cluster({ maxConcurrentJobs: 1 })
      const { manager, store } = join()
      const ended = tap<string>()
      const first = await manager.register(() => ended.next())
      let calls = 0
      const second = await manager.register(async () => ++calls)
      store.inject(fault, { on: 'start', times: 5 })
      ended.give('first')
      await first.settled
      await clock.settle()
      expect(second.snapshot().status).toBe('pending')
      expect(await within(clock, 10_000, second.settled)).toMatchObject({ status: 'completed', value: 1 })
      expect(calls).toBe(1)
      expect(store.calls('start').length).toBeGreaterThan(1)
    },
  )

  it.each(['fail', 'throw', 'hang', { answer: null }] as const)(
    'DIS-10: that never succeeds (%o) keeps the job from nothing but its start: its deadline ends it, and the next has its turn',
    async (fault) => {
      const { clock, join } = cluster({ maxConcurrentJobs: 1 })
      const { manager, store } = join()
      const ended = tap<string>()
      const first = await manager.register(() => ended.next())
      const second = await manager.register(async () => 'second', { deadlineMs: 20_000 })
      const third = await manager.register(async () => 'third')
      const when = (request: unknown) => (request as { jobId: string }).jobId === second.jobId
      const heal = store.inject(fault, { on: 'start', when })
      ended.give('first')
      await first.settled
      await clock.advance(19_000)
      expect(second.snapshot().status).toBe('pending')
      await clock.advance(1_000)
      expect(await within(clock, 0, second.settled)).toMatchObject({
        status: 'cancelled',
        reason: { kind: 'deadline' },
      })
      expect(await within(clock, 0, third.settled)).toMatchObject({ value: 'third' })
      heal()
    },
  )
})

describe('the events of a job', () => {
  it.each(['fail', 'hang', 'throw', 'lose-reply', 'hang-after', 'later', { answer: 7 }] as const)(
    'EVT-10 DIS-09 DIS-15: that met a fault on their way (%o) are in the log once and in order',
    async (fault) => {
      const { clock, join } = cluster()
      const { manager, store } = join()
      store.inject(fault, { on: 'append', times: 2 })
      const texts = Array.from({ length: 30 }, (_, index) => `${index}`)
      const handle = await manager.register(async (run) => {
        for (const text of texts) run.emit(text)
        return 'whole'
      })
      expect(await within(clock, 5_000, handle.settled)).toMatchObject({ status: 'completed', recorded: true })
      const events = await eventLog(manager, handle.jobId)
      expect(chunksOf(events)).toEqual(texts)
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
    },
  )

  it.each(['fail', 'hang', 'throw', 'lose-reply', { answer: 7 }] as const)(
    'DIS-24 G10: that cannot be stored for a while (%o) are not lost: the end waits for them, and says that it is not recorded yet',
    async (fault) => {
      const { clock, store: shared, join } = cluster()
      const { manager, store } = join()
      const heal = store.inject(fault, { on: 'append' })
      const handle = await manager.register(async (run) => {
        for (const text of ['a', 'b', 'c']) run.emit(text)
        return 'whole'
      })
      expect(await within(clock, 3_000, handle.settled)).toMatchObject({
        status: 'completed',
        value: 'whole',
        recorded: false,
      })
      heal()
      await clock.advance(3_000)
      expect(await shared.read(handle.jobId)).toMatchObject({ status: 'completed', result: 'whole' })
      const log = await eventLog(manager, handle.jobId)
      expect(shapeOf(log)).toEqual(['chunk', 'chunk', 'chunk', 'complete'])
      expect(chunksOf(log)).toEqual(['a', 'b', 'c'])
    },
  )

  it('DIS-09: that the store says it lacks are the end of the run, not a hole', async () => {
    const { clock, join } = cluster()
    const { manager, store } = join()
    store.inject(
      { answer: { answer: 'gap', lastSeq: 0 } },
      { on: 'append', times: 1, when: (_, __, events) => (events as unknown[]).length > 0 },
    )
    const handle = await manager.register(async (run) => {
      run.emit('a')
      await new Promise<void>((resolve) => clock.setTimer(100, resolve))
      run.emit('b')
      return 'whole'
    })
    const outcome = await within(clock, 20_000, handle.settled)
    const log = await eventLog(manager, handle.jobId)
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1))
    if (outcome.status === 'completed') expect(chunksOf(log)).toEqual(['a', 'b'])
    else expect(outcome.status).not.toBe('completed')
  })
})

describe('a commit', () => {
  it.each(['lose-reply', 'hang-after', 'fail', 'hang', 'throw'] as const)(
    'CVC-14 DIS-09: whose claim met a fault once (%s) is claimed, and save called once',
    async (fault) => {
      const { clock, join } = cluster()
      const { manager, store } = join()
      store.inject(fault, { on: 'claimCommit', times: 1 })
      let saves = 0
      const handle = await manager.register((run) => run.commit(() => ++saves))
      expect(await within(clock, STORE_TIMEOUT, handle.settled)).toMatchObject({
        status: 'completed',
        value: 1,
        commit: 'done',
      })
      expect(saves).toBe(1)
    },
  )

  it.each(['lose-reply', 'hang-after', 'fail', 'hang', 'throw', { answer: { answer: 'perhaps' } }] as const)(
    'CVC-15 G6: whose claim cannot be proved (%o) ends failed with commit.unproved, and save is never called',
    async (fault) => {
      const { clock, store: shared, join } = cluster()
      const { manager, store } = join()
      store.inject(fault, { on: 'claimCommit' })
      let saves = 0
      const handle = await manager.register((run) => run.commit(() => ++saves))
      await clock.settle()
      const outcome = await within(clock, 2 * STORE_TIMEOUT, handle.settled)
      expect(outcome).toMatchObject({
        status: 'failed',
        error: { code: 'commit.unproved' },
        commit: 'none',
        recorded: true,
      })
      expect(outcome.status === 'failed' && outcome.error.cause).toBeInstanceOf(CommitError)
      expect(saves).toBe(0)
      expect(await shared.read(handle.jobId)).toMatchObject({
        status: 'failed',
        error: { code: 'commit.unproved' },
        commit: 'none',
      })
    },
  )

  it('CVC-14 CVC-15: whose claim cannot be proved: a cancel that waited on it is too late, with status failed', async () => {
    const { clock, join } = cluster()
    const { manager, store } = join()
    store.inject('hang', { on: ['claimCommit', 'requestCancel'] })
    let saves = 0
    const handle = await manager.register((run) => run.commit(() => ++saves))
    await clock.settle()
    const result = manager.cancel(handle.jobId)
    expect(await within(clock, 9_000, result)).toEqual({ outcome: 'too-late', jobId: handle.jobId, status: 'failed' })
    expect(await handle.settled).toMatchObject({ status: 'failed', error: { code: 'commit.unproved' } })
    expect(saves).toBe(0)
  })

  it('CVC-15 EVT-10: whose events cannot be stored is not claimed, and save is never called', async () => {
    const { clock, join } = cluster()
    const { manager, store } = join()
    const heal = store.inject('hang', { on: 'append' })
    let saves = 0
    const handle = await manager.register(async (run) => {
      run.emit('text')
      return run.commit(() => ++saves)
    })
    const outcome = await within(clock, 20_000, handle.settled)
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'commit.unproved' }, commit: 'none' })
    expect(saves).toBe(0)
    expect(store.calls('claimCommit')).toEqual([])
    heal()
  })

  it('G13 DIS-24: that was saved while the store went away is done, not recorded, and recorded later', async () => {
    const { clock, store: shared, join } = cluster()
    const { manager, store } = join()
    const saved = tap<string>()
    const handle = await manager.register((run) => run.commit(() => saved.next()))
    await clock.settle()
    const heal = store.inject('fail', { on: 'settle' })
    saved.give('saved')
    const outcome = await within(clock, 2 * STORE_TIMEOUT, handle.settled)
    expect(outcome).toMatchObject({ status: 'completed', value: 'saved', commit: 'done', recorded: false })
    expect(await shared.read(handle.jobId)).toMatchObject({ status: 'committing' })
    heal()
    await clock.advance(3 * HEARTBEAT)
    expect(await shared.read(handle.jobId)).toMatchObject({ status: 'completed', commit: 'done' })
    expect(shapeOf(await eventLog(manager, handle.jobId))).toEqual(['complete'])
  })
})

describe('an end that the store does not take', () => {
  const ENDINGS: Record<
    string,
    { producer: (run: RunContext) => Promise<unknown>; status: string; cancels?: boolean }
  > = {
    completed: { producer: async () => 'value', status: 'completed' },
    failed: { producer: () => Promise.reject(new Error('no model')), status: 'failed' },
    cancelled: { producer: cooperative, status: 'cancelled', cancels: true },
  }

  it.each(Object.entries(ENDINGS))(
    'DIS-24 G13: %s: the outcome says recorded: false, and the write is repeated until it is recorded',
    async (_, { producer, status, cancels }) => {
      const { clock, store: shared, join } = cluster()
      const { manager, store, logs } = join()
      const heal = store.inject('fail', { on: 'settle' })
      const handle = await manager.register<unknown>(producer)
      await clock.settle()
      const results = cancels ? [manager.cancel(handle.jobId)] : []
      expect(await within(clock, 2_000, handle.settled)).toMatchObject({ status, recorded: false })
      for (const result of await Promise.all(results))
        expect(result).toMatchObject({ outcome: 'cancelled', recorded: false })
      const attempts = store.calls('settle').length
      await clock.advance(2 * HEARTBEAT)
      expect(store.calls('settle').length).toBeGreaterThan(attempts)
      heal()
      await clock.advance(2_000)
      expect(await shared.read(handle.jobId)).toMatchObject({ status })
      expect((await eventLog(manager, handle.jobId)).filter(({ type }) => TERMINAL.includes(type))).toHaveLength(1)
      const after = store.calls('settle').length
      await clock.advance(10_000)
      expect(store.calls('settle')).toHaveLength(after)
      expect(logs.of(`job.${status}`, handle.jobId)).toHaveLength(1)
    },
  )

  it.each(['lose-reply', 'hang-after'] as const)(
    'DIS-09 G1: whose reply was lost (%s) is recorded once and says so',
    async (fault) => {
      const { clock, join } = cluster()
      const { manager, store } = join()
      store.inject(fault, { on: 'settle', times: 2 })
      const handle = await manager.register(async () => 'value')
      expect(await within(clock, STORE_TIMEOUT, handle.settled)).toMatchObject({ status: 'completed', recorded: true })
      expect(shapeOf(await eventLog(manager, handle.jobId))).toEqual(['complete'])
    },
  )

  it('DIS-24 G12: is given up when a reaper was faster, whose end stands', async () => {
    const { clock, store: shared, join } = cluster()
    const [a, b] = [join(), join()]
    const heal = a.store.inject('fail', { on: ['settle', 'renewLeases'] })
    const handle = await a.manager.register(async () => 'value')
    expect(await within(clock, 2_000, handle.settled)).toMatchObject({ status: 'completed', recorded: false })
    await clock.advance(8_000)
    expect(await b.manager.get(handle.jobId)).toMatchObject({ status: 'failed', error: { code: 'owner.lost' } })
    heal()
    await clock.advance(5_000)
    const attempts = a.store.calls('settle').length
    await clock.advance(10_000)
    expect(a.store.calls('settle')).toHaveLength(attempts)
    expect(await shared.read(handle.jobId)).toMatchObject({ status: 'failed' })
  })

  it('DIS-24 SHU-06: gets one more chance in close(), which is bounded all the same', async () => {
    for (const heals of [true, false]) {
      const { clock, store: shared, join } = cluster()
      const { manager, store } = join()
      const heal = store.inject(heals ? 'fail' : 'hang', { on: 'settle' })
      const handle = await manager.register(async () => 'value')
      await within(clock, 2_000, handle.settled)
      if (heals) heal()
      await within(clock, 2 * STORE_TIMEOUT, manager.close())
      expect((await shared.read(handle.jobId))?.status).toBe(heals ? 'completed' : 'running')
      expect(clock.timers()).toEqual([])
    }
  })

  it('DIS-10 G2 G8: as a cancel of its own node is settled here with that reason, though another reason is recorded later', async () => {
    const { clock, store: shared, join } = cluster()
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(cooperative)
    await clock.settle()
    const heal = a.store.cut()
    const own = a.manager.cancel(handle.jobId, { by: 'ada' })
    await clock.advance(100)
    const remote = b.manager.cancel(handle.jobId, { by: 'bob' })
    expect(await within(clock, 2_000, own)).toMatchObject({
      outcome: 'cancelled',
      recorded: false,
      reason: { by: 'ada' },
    })
    heal()
    await within(clock, 3_000, remote)
    expect(await remote).toMatchObject({ outcome: 'cancelled', reason: { by: 'bob' } })
    const record = await shared.read(handle.jobId)
    expect(record).toMatchObject({ status: 'cancelled', cancel: { reason: { by: 'bob' } } })
    expect(shapeOf(await eventLog(b.manager, handle.jobId))).toEqual(['cancelling', 'cancelled'])
  })
})

describe('a heartbeat', () => {
  it.each([
    ['a list that is too short', { answer: [] }],
    ['no list', { answer: { answer: 'renewed' } }],
    ['a list of strangers', { answer: [{ answer: 'perhaps' }] }],
    ['nothing', { answer: undefined }],
  ])('DIS-06 G13: that answers %s is a failed one, and proves nothing', async (_, fault) => {
    const { clock, join } = cluster()
    const { manager, store } = join()
    const handle = await manager.register(cooperative)
    await clock.advance(500)
    store.inject(fault, { on: 'renewLeases' })
    await clock.advance(4_000)
    expect(handle.snapshot().status).toBe('running')
    await clock.advance(1_000)
    expect(await within(clock, 3_000, handle.settled)).toMatchObject({
      status: expect.stringMatching(/cancelled|failed/),
    })
    expect(handle.snapshot().status).not.toBe('completed')
  })

  it('DIS-06: that is answered late proves only the time at which it was sent', async () => {
    const { clock, store: shared, join } = cluster()
    const { manager, store } = join()
    let lostAt = -1
    const handle = await manager.register(async (run) => {
      run.token.onCancel(() => {
        lostAt = clock.monotonic()
      })
      await cooperative(run)
    })
    await clock.advance(900)
    store.inject('hold', { on: 'renewLeases' })
    await clock.advance(1_300) // sent at 1000
    store.release()
    await clock.settle()
    store.inject('hang', { on: 'renewLeases' })
    await clock.advance(10_000)
    expect(lostAt).toBeGreaterThan(0)
    expect(lostAt).toBeLessThanOrEqual(1_000 + 5_000)
    expect((await shared.read(handle.jobId))?.status).toBe('failed')
  })
})

describe('the work that a heartbeat does besides', () => {
  it.each(['fail', 'throw', 'hang', { answer: 7 }] as const)(
    'G13: meets faults (%o) without harm to any job, and is done later',
    async (fault) => {
      const { clock, join } = cluster({ retentionMs: 5_000 })
      const { manager, store } = join()
      const heal = store.inject(fault, { on: ['reap', 'sweep', 'touchViewers'] })
      const short = await manager.register(async () => 'value')
      const handle = await manager.register(cooperative)
      await clock.advance(20_000)
      expect(handle.snapshot().status).toBe('running')
      expect(manager.stats().jobs.completed).toBe(1)
      heal()
      await clock.advance(4_000)
      expect(await manager.get(short.jobId)).toBeUndefined()
      await within(clock, 0, handle.cancel())
    },
  )

  it.each(['fail', 'throw', 'hang', { answer: 7 }, { answer: [7] }] as const)(
    'G13: get, list and cancelMany with the store away (%o) are StoreErrors in time that name the operation',
    async (fault) => {
      const { clock, join } = cluster()
      const { manager, store } = join()
      const heal = store.inject(fault, { on: ['read', 'list'] })
      const calls = {
        read: () => manager.get('a'),
        list: () => manager.list(),
        'list ': () => manager.cancelMany({ owner: 'ada' }),
      }
      for (const [operation, call] of Object.entries(calls)) {
        const error = await within(clock, STORE_TIMEOUT, rejection(call()))
        expect(error).toBeInstanceOf(StoreError)
        expect(error).toMatchObject({ code: 'store.failed', operation: operation.trim() })
      }
      heal()
      expect(await manager.get('a')).toBeUndefined()
    },
  )

  it('EVT-11: watches that cannot be set up are lost hints', async () => {
    const clock = createVirtualClock()
    const watch = (): never => {
      throw new Error('no subscription')
    }
    const store = { ...createMemoryJobStore({ clock }), watchJob: watch, watchNode: watch }
    const managers = [1, 2].map(() => new GenerationJobManager({ clock, logger: false, store }))
    const [a, b] = managers
    const ended = tap<string>()
    const handle = await a?.register(() => ended.next())
    const wait = b?.waitForCompletion(handle?.jobId ?? '', { timeoutMs: 30_000 })
    await clock.settle()
    ended.give('value')
    expect(await within(clock, 6_000, wait ?? Promise.reject(new Error('no wait')))).toMatchObject({ settled: true })
    await Promise.all(managers.map((manager) => manager.close()))
    expect(clock.timers()).toEqual([])
  })
})

describe('a store where anything may fail', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'G1 G2 G6 G13 G14: at random (seed %i): every job ends once, no save too many, and all is well when it is back',
    { timeout: 30_000 },
    async (seed) => {
      const setup = cluster({ maxConcurrentJobs: 3, retentionMs: 300_000 })
      const { clock, join } = setup
      const nodes = [join(), join(), join()]
      const random = seededRandom(seed)
      const kinds: StoreFault[] = ['fail', 'throw', 'hang', 'lose-reply', 'hang-after', 'later', { answer: {} }]
      const heals = nodes.flatMap(({ store }) => [
        ...kinds.map((kind) => store.inject(kind, { when: () => random() < 0.04 })),
        store.loseHints(() => random() < 0.3),
      ])
      const lives = nodes.flatMap((node) => [live(setup, node), live(setup, node), live(setup, node)])
      const cuts = (async () => {
        for (let round = 0; round < 6; round++) {
          await new Promise<void>((resolve) => clock.setTimer(random() * 4_000, resolve))
          const heal = nodes[Math.floor(random() * 3)]?.store.cut()
          await new Promise<void>((resolve) => clock.setTimer(random() * 8_000, resolve))
          heal?.()
        }
      })()
      const ended = await within(clock, 200_000, Promise.all([...lives, cuts]))
      for (const heal of heals) heal()
      await clock.advance(30_000)
      const all = ended.flatMap((one) => (one ? [one] : []))
      const saves = new Map(all.flatMap((one) => [...one.saves]))
      const outcomes = all.flatMap((one) => one.outcomes)
      for (const { took, errors } of all) {
        expectBounded(took)
        for (const error of errors) expect(error).toMatchObject({ code: 'store.failed' })
      }
      expect(outcomes.length).toBeGreaterThan(0)
      await expectSound(setup, outcomes, saves)
    },
  )
})

it('G13: a store that cannot say what it holds gives a StoreError to stats(), and jobs go on', async () => {
  const clock = createVirtualClock()
  const inner = createMemoryJobStore({ clock })
  let isBroken = true
  const footprint = () => {
    if (isBroken) throw new TypeError('no numbers today')
    return inner.footprint()
  }
  const manager = new GenerationJobManager({ store: { ...inner, footprint }, clock, logger: false })
  const error = thrownBy(() => manager.stats())
  expect(error).toBeInstanceOf(StoreError)
  expect(error).toMatchObject({ operation: 'footprint' })
  expect((await (await manager.register(async () => 1)).settled).status).toBe('completed')
  isBroken = false
  await manager.close()
})
