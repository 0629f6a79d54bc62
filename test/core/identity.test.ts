import {
  type GenerationJobManager,
  JobConflictError,
  type JobHandle,
  type JobSnapshot,
  type RegisterOptions,
  type RunContext,
} from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { cluster } from '../support/cluster.js'
import { eventLog } from '../support/event-log.js'
import { fixture } from '../support/fixture.js'
import { within } from '../support/within.js'

/** Runs until it is cancelled, or until `finish` is called. */
function patient(text = 'working') {
  const ends: (() => void)[] = []
  const calls: string[] = []
  return {
    calls,
    producer: (run: RunContext) =>
      new Promise<string>((resolve, reject) => {
        calls.push(run.jobId)
        run.emit(text)
        ends.push(() => resolve(text))
        run.token.onCancel(() => reject(new Error('stopped')))
      }),
    finish: () => {
      for (const end of ends) end()
    },
  }
}

function conflictOf(error: unknown) {
  return error instanceof JobConflictError ? { code: error.code, jobId: error.jobId } : error
}

/** The most jobs of a group that were ever live together, as records and listeners show it. */
function watchGroup(managers: readonly GenerationJobManager[], group: string) {
  const live = new Set<string>()
  let most = 0
  for (const manager of managers) {
    manager.on('registered', ({ job }) => {
      if (job.group !== group) return
      live.add(job.jobId)
      most = Math.max(most, live.size)
    })
    manager.on('settled', ({ job }) => void live.delete(job.jobId))
  }
  return { live, most: () => most }
}

describe('an idempotency key', () => {
  it('REG-04: gives 50 concurrent starts one producer and one job', async () => {
    const { clock, manager } = fixture()
    const { producer, calls, finish } = patient()
    const options = { owner: 'ada', idempotencyKey: 'k' }
    const handles = await Promise.all(Array.from({ length: 50 }, () => manager.register(producer, options)))
    await clock.settle()
    expect(calls).toHaveLength(1)
    expect(new Set(handles.map(({ jobId }) => jobId)).size).toBe(1)
    expect(handles.filter(({ created }) => created)).toHaveLength(1)
    expect(await manager.list()).toHaveLength(1)
    finish()
    const outcomes = await within(clock, 0, Promise.all(handles.map(({ settled }) => settled)))
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'completed', value: 'working' })
  })

  it('REG-04 DIS-20: gives concurrent starts on two nodes one producer and one job, whose end all callers get', async () => {
    const { clock, join } = cluster()
    const managers = [join().manager, join().manager]
    const { producer, calls, finish } = patient()
    const options = { owner: 'ada', idempotencyKey: 'k' }
    const handles = await Promise.all(
      Array.from({ length: 20 }, (_, index) => managers[index % 2]?.register(producer, options)),
    )
    await clock.settle()
    expect(calls).toHaveLength(1)
    expect(handles.filter((handle) => handle?.created)).toHaveLength(1)
    finish()
    const outcomes = await within(clock, 0, Promise.all(handles.map((handle) => handle?.settled)))
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'completed', jobId: calls[0] })
  })

  it('REG-04: belongs to its owner', async () => {
    const { clock, manager } = fixture()
    const { producer, calls, finish } = patient()
    const owners = ['ada', 'bob', undefined]
    const handles = []
    for (const owner of owners) handles.push(await manager.register(producer, { owner, idempotencyKey: 'k' }))
    await clock.settle()
    expect(calls).toHaveLength(3)
    expect(handles.map(({ created }) => created)).toEqual([true, true, true])
    finish()
    await Promise.all(handles.map(({ settled }) => settled))
  })

  it('REG-04: answers a settled job until it is swept, and a job of its own afterwards', async () => {
    const { clock, manager } = fixture({ retentionMs: 10_000 })
    const options = { idempotencyKey: 'k' }
    const first = await manager.register(async () => 'first', options)
    await first.settled
    await clock.advance(9_000)
    const again = await manager.register(async () => 'never called', options)
    expect([again.jobId, again.created]).toEqual([first.jobId, false])
    expect(await again.settled).toMatchObject({ status: 'completed', value: 'first' })
    await clock.advance(2_000)
    const next = await manager.register(async () => 'next', options)
    expect(next.created).toBe(true)
    expect(await next.settled).toMatchObject({ value: 'next' })
  })

  it('REG-04: gives the other callers a handle that shows, reads and cancels the job', async () => {
    const { clock, manager } = fixture()
    const { producer } = patient()
    const options = { idempotencyKey: 'k', metadata: { a: 1 } }
    const first = await manager.register(producer, options)
    await clock.settle()
    const again = await manager.register(producer, options)
    expect(again.snapshot()).toMatchObject({ jobId: first.jobId, status: 'running', metadata: { a: 1 } })
    expect(await again.cancel()).toMatchObject({ outcome: 'cancelled', jobId: first.jobId })
    const types = []
    for await (const { type } of again.events()) types.push(type)
    expect(types).toEqual(['chunk', 'cancelling', 'cancelled'])
    expect(await again.settled).toBe(await first.settled)
  })

  it('REG-04: with the same fingerprint is the same request, and without one too', async () => {
    const { manager } = fixture()
    const options = { idempotencyKey: 'k', requestFingerprint: 'f' }
    const first = await manager.register(async () => 1, options)
    expect((await manager.register(async () => 2, options)).jobId).toBe(first.jobId)
    expect((await manager.register(async () => 2, { idempotencyKey: 'k' })).jobId).toBe(first.jobId)
    await first.settled
  })

  it.each([['f'], [undefined]])(
    'REG-04: with another fingerprint than %s is a conflict that names the job, and runs nothing',
    async (requestFingerprint) => {
      const { clock, manager } = fixture()
      const first = await manager.register(async () => 1, { idempotencyKey: 'k', requestFingerprint })
      const { producer, calls } = patient()
      const error = await rejection(manager.register(producer, { idempotencyKey: 'k', requestFingerprint: 'other' }))
      expect(conflictOf(error)).toEqual({ code: 'idempotency.conflict', jobId: first.jobId })
      await clock.settle()
      expect(calls).toEqual([])
      expect(await manager.list()).toHaveLength(1)
      await first.settled
    },
  )

  it('REG-04: gives its place in the limits back when the job is another caller’s', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 2, maxPendingJobs: 0 })
    const { producer, calls, finish } = patient()
    const handles = [await manager.register(producer, { idempotencyKey: 'k' })]
    for (let count = 0; count < 5; count++) handles.push(await manager.register(producer, { idempotencyKey: 'k' }))
    handles.push(await manager.register(producer))
    await clock.settle()
    expect(calls).toHaveLength(2)
    finish()
    await Promise.all(handles.map(({ settled }) => settled))
  })
})

describe('a group', () => {
  const GROUP = { owner: 'ada', group: 'conversation' }

  it('REG-05: with replace, the first job is cancelled and settled before the second is admitted', async () => {
    const { clock, manager } = fixture()
    const order: string[] = []
    manager.on('registered', ({ job }) => order.push(`registered ${job.jobId}`))
    manager.on('settled', ({ job }) => order.push(`settled ${job.jobId}`))
    const old = patient('old text')
    const young = patient('young text')
    const first = await manager.register(
      async (run) => {
        run.defer(() => new Promise<void>((resolve) => clock.setTimer(2_000, resolve)))
        return old.producer(run)
      },
      { ...GROUP, jobId: 'first', metadata: { of: 'first' } },
    )
    await clock.settle()
    expect(old.calls).toEqual(['first'])
    const registering = manager.register(young.producer, { ...GROUP, jobId: 'second', onConflict: 'replace' })
    await clock.advance(1_999)
    expect(order).toEqual(['registered first'])
    expect(await manager.get('second')).toBeUndefined()
    const second = await within(clock, 1, registering)
    expect(order).toEqual(['registered first', 'settled first', 'registered second'])
    await clock.settle()
    expect(await first.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'replaced' }, cleanup: 'clean' })

    young.finish()
    expect(await within(clock, 0, second.settled)).toMatchObject({ status: 'completed', value: 'young text' })
    expect((await eventLog(manager, 'second')).map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'chunk'],
      [2, 'complete'],
    ])
    expect(JSON.stringify([await eventLog(manager, 'second'), await manager.get('second')])).not.toMatch(/old|first/)
    expect(JSON.stringify(await eventLog(manager, 'first'))).not.toContain('young')
  })

  it('REG-05: with replace, a pending job is replaced too, and its producer never called', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
    const blocker = patient()
    const first = await manager.register(blocker.producer)
    const { producer, calls, finish } = patient()
    const pending = await manager.register(producer, GROUP)
    const second = await manager.register(producer, { ...GROUP, onConflict: 'replace' })
    expect(await pending.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'replaced' } })
    blocker.finish()
    await first.settled
    await clock.settle()
    expect(calls).toEqual([second.jobId])
    finish()
    await second.settled
  })

  it('REG-05: with replace, a job that does not let go is forced, and the second is admitted then', async () => {
    const { clock, manager } = fixture()
    const first = await manager.register(() => new Promise(() => {}), GROUP)
    await clock.settle()
    const registering = manager.register(async () => 'second', { ...GROUP, onConflict: 'replace' })
    await clock.advance(3_000)
    expect(first.snapshot().status).toBe('cancelling')
    const second = await within(clock, 4_000, registering)
    expect(await first.settled).toMatchObject({ status: 'cancelled', forced: true })
    expect(await second.settled).toMatchObject({ value: 'second' })
  })

  it('REG-05 CVC-03: with replace, a job whose commit has begun is waited for, and keeps its result', async () => {
    const { clock, manager } = fixture()
    const saving = { finish: (): void => {} }
    const first = await manager.register(
      async (run) => run.commit(() => new Promise<string>((resolve) => (saving.finish = () => resolve('saved')))),
      GROUP,
    )
    await clock.settle()
    expect(first.snapshot().status).toBe('committing')
    const registering = manager.register(async () => 'second', { ...GROUP, onConflict: 'replace' })
    await clock.advance(1_000)
    saving.finish()
    const second = await within(clock, 0, registering)
    expect(await first.settled).toMatchObject({ status: 'completed', value: 'saved', commit: 'done' })
    expect(await second.settled).toMatchObject({ value: 'second' })
  })

  it('REG-05 G13: with replace, a commit that is not over in time is a conflict, and nothing is recorded', async () => {
    const { clock, manager } = fixture()
    const first = await manager.register(async (run) => run.commit(() => new Promise(() => {})), GROUP)
    await clock.settle()
    const error = rejection(manager.register(async () => 2, { ...GROUP, jobId: 'second', onConflict: 'replace' }))
    expect(conflictOf(await within(clock, 9_000, error))).toEqual({ code: 'job.conflict', jobId: first.jobId })
    expect(await manager.get('second')).toBeUndefined()
    await clock.advance(30_000)
    expect(await first.settled).toMatchObject({ status: 'failed', error: { code: 'commit.unknown' } })
  })

  it('REG-05 DIS-20: with replace, a job of another node is cancelled and settled there first', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join().manager, join().manager]
    const old = patient()
    const first = await a.register(old.producer, GROUP)
    await clock.settle()
    expect(old.calls).toHaveLength(1)
    const second = await within(
      clock,
      0,
      b.register(async () => 'second', { ...GROUP, onConflict: 'replace' }),
    )
    expect(first.snapshot()).toMatchObject({ status: 'cancelled', cancel: { reason: { kind: 'replaced' } } })
    expect(await second.settled).toMatchObject({ value: 'second' })
  })

  it('REG-16: with reject, the next job is refused while one is live, and nothing of it is left', async () => {
    const { clock, manager } = fixture()
    const { producer, calls, finish } = patient()
    const first = await manager.register(producer, GROUP)
    await clock.settle()
    const error = await rejection(manager.register(producer, { ...GROUP, jobId: 'second', onConflict: 'reject' }))
    expect(conflictOf(error)).toEqual({ code: 'job.conflict', jobId: first.jobId })
    await clock.settle()
    expect(calls).toEqual([first.jobId])
    expect(await manager.get('second')).toBeUndefined()
    expect(first.snapshot().status).toBe('running')
    finish()
    await first.settled
    const third = await manager.register(async () => 'third', { ...GROUP, onConflict: 'reject' })
    expect(await third.settled).toMatchObject({ value: 'third' })
  })

  it('REG-16: with allow, which is the default, both run', async () => {
    const { clock, manager } = fixture()
    const { producer, calls, finish } = patient()
    const handles = [
      await manager.register(producer, { ...GROUP, onConflict: 'reject' }),
      await manager.register(producer, GROUP),
      await manager.register(producer, { ...GROUP, onConflict: 'allow' }),
    ]
    await clock.settle()
    expect(calls).toEqual(handles.map(({ jobId }) => jobId))
    finish()
    await Promise.all(handles.map(({ settled }) => settled))
  })

  it('REG-16: belongs to its owner', async () => {
    const { clock, manager } = fixture()
    const { producer, calls, finish } = patient()
    const handles = []
    for (const owner of ['ada', 'bob', undefined])
      handles.push(await manager.register(producer, { owner, group: 'conversation', onConflict: 'reject' }))
    await clock.settle()
    expect(calls).toHaveLength(3)
    finish()
    await Promise.all(handles.map(({ settled }) => settled))
  })

  it('REG-16: gives its place in the limits back when it is refused', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 2, maxPendingJobs: 0, maxJobsPerOwner: 2 })
    const { producer, calls, finish } = patient()
    const handles = [await manager.register(producer, GROUP)]
    for (let count = 0; count < 5; count++)
      await rejection(manager.register(producer, { ...GROUP, onConflict: 'reject' }))
    handles.push(await manager.register(producer, { owner: 'ada' }))
    await clock.settle()
    expect(calls).toHaveLength(2)
    finish()
    await Promise.all(handles.map(({ settled }) => settled))
  })

  it.each([
    ['reject', 1],
    ['reject', 2],
    ['replace', 1],
    ['replace', 2],
    ['replace', 3],
  ] as const)(
    'REG-17: 20 registers at once with %s, from %i nodes, never have two live jobs',
    async (onConflict, nodes) => {
      const { clock, join } = cluster()
      const managers = Array.from({ length: nodes }, () => join().manager)
      const { live, most } = watchGroup(managers, GROUP.group)
      const { producer, calls, finish } = patient()
      const working = { now: 0, most: 0 }
      const counted = async (run: RunContext) => {
        working.most = Math.max(working.most, ++working.now)
        return producer(run).finally(() => void working.now--)
      }
      const results = Promise.allSettled(
        Array.from({ length: 20 }, (_, index) => managers[index % nodes]?.register(counted, { ...GROUP, onConflict })),
      )
      const answered = await within(clock, 60_000, results)
      await clock.settle()
      expect([most(), working.most]).toEqual([1, 1])
      const handles = answered.flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value] : []))
      const refused = answered.flatMap((one) => (one.status === 'rejected' ? [conflictOf(one.reason)] : []))
      for (const error of refused) expect(error).toMatchObject({ code: 'job.conflict' })
      if (onConflict === 'reject') expect([handles.length, refused.length]).toEqual([1, 19])
      else expect(refused.length).toBe(0)
      expect(live.size).toBe(1)
      expect(calls.length).toBeGreaterThan(0)
      finish()
      const outcomes = await within(clock, 0, Promise.all(handles.map(({ settled }) => settled)))
      const completed = outcomes.filter(({ status }) => status === 'completed')
      expect(completed).toHaveLength(1)
    },
  )
})

describe('list', () => {
  const NAMES = ['a', 'b', 'c', 'd']

  async function listed(manager: GenerationJobManager, filter?: Parameters<GenerationJobManager['list']>[0]) {
    return (await manager.list(filter)).map(({ jobId }) => jobId).join('')
  }

  async function registered(managers: readonly GenerationJobManager[], producer: (run: RunContext) => Promise<string>) {
    const options: RegisterOptions[] = [
      { owner: 'ada', group: 'g' },
      { owner: 'ada' },
      { owner: 'bob', group: 'g' },
      { group: 'h' },
    ]
    const handles: JobHandle<string>[] = []
    for (const [index, jobId] of NAMES.entries()) {
      const manager = managers[index % managers.length]
      if (manager) handles.push(await manager.register(producer, { jobId, ...options[index] }))
    }
    return handles
  }

  it.each([1, 2])('shows the jobs of %i nodes by owner, group and status, oldest first', async (nodes) => {
    const { clock, join } = cluster()
    const managers = Array.from({ length: nodes }, () => join().manager)
    const manager = managers.at(-1) ?? managers[0]
    if (!manager) throw new Error('no manager')
    const { producer, finish } = patient()
    const handles = await registered(managers, producer)
    await clock.settle()
    await manager.cancel('b')
    expect(await listed(manager)).toBe('abcd')
    expect(await listed(manager, { owner: 'ada' })).toBe('ab')
    expect(await listed(manager, { group: 'g' })).toBe('ac')
    expect(await listed(manager, { owner: 'ada', group: 'g' })).toBe('a')
    expect(await listed(manager, { status: 'running' })).toBe('acd')
    expect(await listed(manager, { status: ['cancelled', 'pending'] })).toBe('b')
    expect(await listed(manager, { owner: 'ada', status: 'running' })).toBe('a')
    expect(await listed(manager, { owner: 'nobody' })).toBe('')
    expect(await listed(manager, { status: [] })).toBe('')
    finish()
    await Promise.all(handles.map(({ settled }) => settled))
  })

  it('shows snapshots: nothing of the store’s own', async () => {
    const { manager } = fixture()
    const handle = await manager.register(async () => 'value', { owner: 'ada', requestFingerprint: 'f' })
    await handle.settled
    const [snapshot] = await manager.list()
    expect(snapshot).toEqual(await manager.get(handle.jobId))
    const own: (keyof JobSnapshot | string)[] = ['fencingToken', 'requestFingerprint', 'operationId', 'lease', 'nodeId']
    for (const key of own) expect(snapshot).not.toHaveProperty(key)
  })
})

describe('cancelMany over several nodes', () => {
  it('CAN-16 CAN-19: cancels what matches on every node, each with its own result, and leaves the rest', async () => {
    const { clock, join } = cluster()
    const managers = [join().manager, join().manager, join().manager]
    const { producer, calls, finish } = patient()
    const handles: JobHandle<string>[] = []
    for (let index = 0; index < 60; index++) {
      const owner = index % 5 === 0 ? 'bob' : 'ada'
      const handle = await managers[index % 3]?.register(producer, { owner, group: `g${index % 2}` })
      if (handle) handles.push(handle)
    }
    await clock.settle()
    expect(calls).toHaveLength(60)
    const results = await within(
      clock,
      0,
      managers[0]?.cancelMany({ owner: 'ada', group: 'g1' }, { kind: 'replaced' }) ?? Promise.resolve([]),
    )
    const matching = handles.filter((handle) => handle.snapshot().owner === 'ada' && handle.snapshot().group === 'g1')
    expect(results.map(({ jobId }) => jobId)).toEqual(matching.map(({ jobId }) => jobId))
    expect(matching).toHaveLength(24)
    for (const result of results)
      expect(result).toMatchObject({ outcome: 'cancelled', joined: false, forced: false, reason: { kind: 'replaced' } })
    const left = handles.filter((handle) => handle.snapshot().status === 'running')
    expect(left).toHaveLength(36)
    expect(await managers[1]?.cancelMany({ owner: 'nobody' })).toEqual([])
    finish()
    await Promise.all(handles.map(({ settled }) => settled))
  })
})
