import { CapacityError, type JobHandle, type JobStatus, type RunContext } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { cluster } from '../support/cluster.js'
import { fixture } from '../support/fixture.js'
import { seededRandom } from '../support/seeded-random.js'
import { within } from '../support/within.js'

/** Producers that run until the test lets them end, or until their job is cancelled. */
function workshop() {
  const started: string[] = []
  const running = new Map<string, () => void>()
  return {
    /** Ids of the jobs whose producer was called, in that order. */
    started,
    running,
    producer: (run: RunContext) =>
      new Promise<string>((resolve, reject) => {
        started.push(run.jobId)
        const leave = (): void => void running.delete(run.jobId)
        running.set(run.jobId, () => {
          leave()
          resolve('done')
        })
        run.token.onCancel(() => {
          leave()
          reject(new Error('stopped'))
        })
      }),
    finish: (jobId: string) => running.get(jobId)?.(),
  }
}

function statuses(handles: readonly JobHandle<unknown>[]): JobStatus[] {
  return handles.map((handle) => handle.snapshot().status)
}

function capacityOf(error: unknown) {
  return error instanceof CapacityError ? { code: error.code, limit: error.limit } : error
}

describe('maxConcurrentJobs', () => {
  it('LIM-01: lets a job above the limit wait as pending, and run when a slot is free', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 2 })
    const { producer, started, finish } = workshop()
    const handles = [await manager.register(producer), await manager.register(producer)]
    const third = await manager.register(producer)
    await clock.settle()
    expect(statuses([...handles, third])).toEqual(['running', 'running', 'pending'])
    expect((await manager.get(third.jobId))?.status).toBe('pending')
    expect(started).toHaveLength(2)

    finish(started[1] ?? '')
    await clock.settle()
    expect(statuses([...handles, third])).toEqual(['running', 'completed', 'running'])
    expect((await manager.get(third.jobId))?.status).toBe('running')
    for (const jobId of started) finish(jobId)
    await within(clock, 0, Promise.all([...handles, third].map(({ settled }) => settled)))
  })

  it('LIM-01: starts pending jobs in the order of their registration', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
    const { producer, started, finish } = workshop()
    const jobs: string[] = []
    for (let count = 0; count < 6; count++) jobs.push((await manager.register(producer)).jobId)
    for (const [index, jobId] of jobs.entries()) {
      await clock.settle()
      expect(started).toEqual(jobs.slice(0, index + 1))
      finish(jobId)
    }
    await clock.settle()
    expect(manager.stats().jobs).toMatchObject({ pending: 0, running: 0, completed: 6 })
  })

  it('LIM-01: keeps the order of registers that are under way at the same time', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
    const { producer, started, finish } = workshop()
    const jobs = Array.from({ length: 8 }, (_, index) => `job-${index}`)
    await Promise.all(jobs.map((jobId) => manager.register(producer, { jobId })))
    for (const jobId of jobs) {
      await clock.settle()
      finish(jobId)
    }
    expect(started).toEqual(jobs)
  })

  it('LIM-01 G4: gives the slot of a job on only when its cleanups are over', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
    const { producer, started, finish } = workshop()
    let cleaned: () => void = () => {}
    const first = await manager.register(async (run) => {
      run.defer(() => new Promise<void>((resolve) => (cleaned = resolve)))
    })
    const second = await manager.register(producer)
    await clock.settle()
    expect(started).toEqual([])
    cleaned()
    await first.settled
    await clock.settle()
    expect(started).toEqual([second.jobId])
    finish(second.jobId)
  })

  it('LIM-01 WAIT-08: tells how long a job waited and how long it ran', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
    const { producer, finish } = workshop()
    const first = await manager.register(producer)
    const second = await manager.register(producer)
    await clock.advance(300)
    finish(first.jobId)
    await clock.advance(200)
    finish(second.jobId)
    expect(await second.settled).toMatchObject({ status: 'completed', queuedMs: 300, runMs: 200 })
    expect(await first.settled).toMatchObject({ queuedMs: 0, runMs: 300 })
  })

  it.each(['completes', 'fails', 'is cancelled', 'is forced'])(
    'LIM-01: frees the slot of a job that %s',
    async (how) => {
      const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
      const { producer, started, finish } = workshop()
      const first = await manager.register(async () => {
        if (how === 'fails') throw new Error('no model')
        if (how !== 'completes') await new Promise(() => {})
      })
      const second = await manager.register(producer)
      const cancelled = how === 'is cancelled' || how === 'is forced' ? first.cancel() : undefined
      await clock.advance(how === 'is forced' || how === 'is cancelled' ? 7_000 : 0)
      await cancelled
      await first.settled
      await clock.settle()
      expect(started).toEqual([second.jobId])
      finish(second.jobId)
    },
  )

  it('LIM-01: is per process: another node on the same store has slots of its own', async () => {
    const { clock, join } = cluster({ maxConcurrentJobs: 1 })
    const [a, b] = [join().manager, join().manager]
    const { producer, started, finish } = workshop()
    const handles = [await a.register(producer), await a.register(producer), await b.register(producer)]
    await clock.settle()
    expect(statuses(handles)).toEqual(['running', 'pending', 'running'])
    for (const jobId of started) finish(jobId)
    await clock.settle()
    for (const jobId of started) finish(jobId)
    await clock.settle()
    expect(statuses(handles)).toEqual(['completed', 'completed', 'completed'])
  })
})

describe('maxPendingJobs', () => {
  it('LIM-01: rejects a job above the limit, leaves no record of it, and touches no live job', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1, maxPendingJobs: 2 })
    const { producer, started, finish } = workshop()
    const handles = []
    for (let count = 0; count < 3; count++) handles.push(await manager.register(producer))
    const error = await rejection(manager.register(producer, { jobId: 'one-too-many' }))
    expect(capacityOf(error)).toEqual({ code: 'capacity.pending', limit: 2 })
    expect(await manager.get('one-too-many')).toBeUndefined()
    expect(statuses(handles)).toEqual(['running', 'pending', 'pending'])

    finish(started[0] ?? '')
    await clock.settle()
    handles.push(await manager.register(producer, { jobId: 'one-too-many' }))
    expect(statuses(handles)).toEqual(['completed', 'running', 'pending', 'pending'])
    for (let count = 0; count < 3; count++) {
      for (const jobId of started) finish(jobId)
      await clock.settle()
    }
    expect(manager.stats().jobs.completed).toBe(4)
  })

  it('LIM-01: with 0 admits only what has a slot', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1, maxPendingJobs: 0 })
    const { producer, finish } = workshop()
    const first = await manager.register(producer)
    expect(capacityOf(await rejection(manager.register(producer)))).toEqual({ code: 'capacity.pending', limit: 0 })
    finish(first.jobId)
    await first.settled
    const second = await manager.register(producer)
    await clock.settle()
    finish(second.jobId)
    await second.settled
  })

  it('LIM-01: counts registers that are under way at the same time', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1, maxPendingJobs: 3 })
    const { producer, running, finish } = workshop()
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => manager.register(producer)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(4)
    for (const result of results)
      if (result.status === 'rejected')
        expect(capacityOf(result.reason)).toEqual({ code: 'capacity.pending', limit: 3 })
    for (let count = 0; count < 4; count++) {
      await clock.settle()
      for (const jobId of running.keys()) finish(jobId)
    }
    await clock.settle()
    expect(manager.stats().jobs).toMatchObject({ pending: 0, running: 0, completed: 4 })
  })

  it('REG-04 LIM-01: answers a known idempotency key also at the limit, and refuses a new one', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1, maxPendingJobs: 1 })
    const { producer, running, finish } = workshop()
    const first = await manager.register(producer, { idempotencyKey: 'k' })
    const second = await manager.register(producer)
    const again = await manager.register(producer, { idempotencyKey: 'k' })
    expect([again.jobId, again.created]).toEqual([first.jobId, false])
    const refused = await rejection(manager.register(producer, { idempotencyKey: 'another', jobId: 'refused' }))
    expect(capacityOf(refused)).toEqual({ code: 'capacity.pending', limit: 1 })
    expect(await manager.get('refused')).toBeUndefined()
    for (let count = 0; count < 2; count++) {
      await clock.settle()
      for (const jobId of running.keys()) finish(jobId)
    }
    await Promise.all([first.settled, second.settled])
  })
})

describe('maxJobsPerOwner', () => {
  it('LIM-01: counts pending and running jobs of an owner, and leaves other owners and jobs without owner alone', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1, maxJobsPerOwner: 2 })
    const { producer, running, finish } = workshop()
    const first = await manager.register(producer, { owner: 'ada' })
    const second = await manager.register(producer, { owner: 'ada' })
    const refused = await rejection(manager.register(producer, { owner: 'ada', jobId: 'refused' }))
    expect(capacityOf(refused)).toEqual({ code: 'capacity.owner', limit: 2 })
    expect(await manager.get('refused')).toBeUndefined()
    const others = [await manager.register(producer, { owner: 'bob' })]
    for (let count = 0; count < 3; count++) others.push(await manager.register(producer))
    expect(statuses([first, second])).toEqual(['running', 'pending'])

    await clock.settle()
    finish(first.jobId)
    await first.settled
    const third = await manager.register(producer, { owner: 'ada' })
    for (let count = 0; count < 6; count++) {
      await clock.settle()
      for (const jobId of running.keys()) finish(jobId)
    }
    expect(await third.settled).toMatchObject({ status: 'completed' })
  })

  it('LIM-01: is free again after every end, and after a register that failed', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1, maxJobsPerOwner: 1 })
    const { producer, finish } = workshop()
    const owner = 'ada'
    const failed = await manager.register(() => Promise.reject(new Error('no model')), { owner })
    await failed.settled
    const blocker = await manager.register(producer)
    const pending = await manager.register(producer, { owner })
    expect(await pending.cancel()).toMatchObject({ outcome: 'cancelled' })
    await rejection(manager.register(producer, { owner, jobId: blocker.jobId }))
    const last = await manager.register(producer, { owner })
    finish(blocker.jobId)
    await clock.settle()
    finish(last.jobId)
    expect(await last.settled).toMatchObject({ status: 'completed' })
  })

  it('LIM-01: is per process: jobs of another node do not count', async () => {
    const { clock, join } = cluster({ maxJobsPerOwner: 1 })
    const [a, b] = [join().manager, join().manager]
    const { producer, running, finish } = workshop()
    const handles = [await a.register(producer, { owner: 'ada' }), await b.register(producer, { owner: 'ada' })]
    expect(capacityOf(await rejection(b.register(producer, { owner: 'ada' })))).toMatchObject({
      code: 'capacity.owner',
    })
    await clock.settle()
    for (const jobId of running.keys()) finish(jobId)
    await Promise.all(handles.map(({ settled }) => settled))
  })
})

describe('a pending job', () => {
  it('CAN-06 LIM-01: leaves the queue when it is cancelled, and those behind it keep their order', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
    const { producer, started, finish } = workshop()
    const handles = []
    for (let count = 0; count < 5; count++) handles.push(await manager.register(producer))
    const [first, second, third, fourth, fifth] = handles
    expect(await third?.cancel()).toMatchObject({ outcome: 'cancelled', cleanup: 'clean', forced: false, runMs: 0 })
    for (const handle of [first, second, fourth, fifth]) {
      await clock.settle()
      finish(handle?.jobId ?? '')
    }
    expect(started).toEqual([first, second, fourth, fifth].map((handle) => handle?.jobId))
    expect(await third?.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'user' }, recorded: true })
  })

  it('LIM-01 REG-15: has its deadline from register, and is cancelled by it without its producer being called', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
    const { producer, started, finish } = workshop()
    const first = await manager.register(producer)
    const second = await manager.register(producer, { deadlineMs: 5_000 })
    await clock.advance(4_999)
    expect(second.snapshot().status).toBe('pending')
    await clock.advance(1)
    expect(await within(clock, 0, second.settled)).toMatchObject({
      status: 'cancelled',
      reason: { kind: 'deadline' },
      queuedMs: 5_000,
      runMs: 0,
    })
    finish(first.jobId)
    await clock.settle()
    expect(started).toEqual([first.jobId])
  })

  it('LIM-01 REG-15: has spent part of its deadline when it starts', async () => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1 })
    const { producer, started, finish } = workshop()
    const first = await manager.register(producer)
    const second = await manager.register(producer, { deadlineMs: 5_000 })
    await clock.advance(3_000)
    finish(first.jobId)
    await clock.advance(1_999)
    expect(started).toEqual([first.jobId, second.jobId])
    expect(second.snapshot().status).toBe('running')
    await clock.advance(1)
    expect(await within(clock, 0, second.settled)).toMatchObject({
      reason: { kind: 'deadline' },
      queuedMs: 3_000,
      runMs: 2_000,
    })
  })

  it('REG-06: gives its place on when another node cancels it', async () => {
    const { clock, join } = cluster({ maxConcurrentJobs: 1, maxPendingJobs: 1 })
    const [a, b] = [join().manager, join().manager]
    const { producer, started, finish } = workshop()
    const first = await a.register(producer)
    const second = await a.register(producer)
    expect(await b.cancel(second.jobId, { by: 'bob' })).toMatchObject({ outcome: 'cancelled', reason: { by: 'bob' } })
    expect(await within(clock, 0, second.settled)).toMatchObject({ status: 'cancelled', reason: { by: 'bob' } })
    const third = await a.register(producer)
    finish(first.jobId)
    await clock.settle()
    expect(started).toEqual([first.jobId, third.jobId])
    finish(third.jobId)
    await third.settled
  })

  it('REG-06: is not run when its cancel by another node was not heard of before its turn came', async () => {
    const { clock, join } = cluster({ maxConcurrentJobs: 1 })
    const [a, b] = [join(), join()]
    const { producer, started, finish } = workshop()
    const first = await a.manager.register(producer)
    const second = await a.manager.register(producer)
    await clock.settle()
    a.store.loseHints()
    expect(await b.manager.cancel(second.jobId)).toMatchObject({ outcome: 'cancelled' })
    expect(second.snapshot().status).toBe('pending')
    finish(first.jobId)
    expect(await within(clock, 0, second.settled)).toMatchObject({ status: 'cancelled', reason: { kind: 'user' } })
    expect(started).toEqual([first.jobId])
  })
})

describe('10,000 pending jobs with 100 slots', () => {
  it.each<[string, () => Promise<unknown>]>([
    [
      'throws at once',
      () => {
        throw new Error('no model')
      },
    ],
    ['has nothing to do', async () => undefined],
  ])('LIM-01: are all started and settled when their producer %s', async (_, producer) => {
    const { clock, manager } = fixture({ maxConcurrentJobs: 1, maxPendingJobs: 10_000, logger: false })
    const blocker = workshop()
    const first = await manager.register(blocker.producer)
    for (let count = 0; count < 10_000; count++) await manager.register(producer)
    await clock.settle()
    blocker.finish(first.jobId)
    await first.settled
    await clock.settle()
    const { running, pending, completed, failed } = manager.stats().jobs
    expect({ running, pending, ended: completed + failed }).toEqual({ running: 0, pending: 0, ended: 10_001 })
  })

  it.each([1, 20_260_101])(
    'LIM-01 G11: cancelled, replaced and completed at random (seed %i): no slot is lost, none used twice, the order kept',
    { timeout: 60_000 },
    async (seed) => {
      const slots = 100
      const random = seededRandom(seed)
      const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)]
      const pickLive = () => checker.anyLive(() => pick(checker.ids))
      const { clock, manager } = fixture({
        maxConcurrentJobs: slots,
        maxPendingJobs: 20_000,
        logger: false,
        deadlineMs: false,
        idleTimeoutMs: false,
      })
      const checker = new SlotChecker(slots)
      manager.on('registered', ({ job }) => checker.registered(job.jobId))
      manager.on('settled', ({ job, outcome }) => checker.settled(job.jobId, outcome.status))
      const { producer, running, finish } = workshop()
      const observed = async (run: RunContext) => {
        checker.started(run.jobId)
        return producer(run).finally(() => checker.left(run.jobId))
      }
      const groups = new Map<string, string>()
      const register = async (group: string): Promise<void> => {
        const { jobId } = await manager.register(observed, { group, onConflict: 'replace' })
        groups.set(jobId, group)
      }
      for (let count = 0; count < 10_000 + slots; count++) await register(`group-${count}`)
      await clock.settle()
      checker.check(manager.stats().jobs)
      expect(manager.stats().jobs).toMatchObject({ running: slots, pending: 10_000 })

      for (let step = 0; checker.live.size > 0; step++) {
        for (let batch = 1 + Math.floor(random() * 20); batch > 0; batch--) {
          const roll = random()
          if (roll < 0.5) finish(pick([...running.keys()]) ?? '')
          else if (roll < 0.75) void manager.cancel(pickLive() ?? 'nobody')
          else if (step < 500) void register(groups.get(pickLive() ?? '') ?? 'another')
        }
        await clock.settle()
        checker.check(manager.stats().jobs)
      }
      expect(checker.ends.size).toBeGreaterThan(10_000)
      for (const status of ['completed', 'cancelled']) expect([...checker.ends.values()]).toContain(status)
    },
  )
})

/** Knows nothing of the manager's insides: only who was registered, whose producer works, and who settled. */
class SlotChecker {
  /** Jobs that are not settled, in the order of registration, and whether their producer was called. */
  readonly live = new Map<string, boolean>()
  readonly ends = new Map<string, string>()
  readonly faults: string[] = []
  /** All that were ever registered. */
  readonly ids: string[] = []
  readonly #slots: number
  readonly #working = new Set<string>()
  readonly #order = new Map<string, number>()
  #lastStarted = -1

  constructor(slots: number) {
    this.#slots = slots
  }

  registered(jobId: string): void {
    if (this.#order.has(jobId)) this.faults.push(`${jobId} is registered twice`)
    this.#order.set(jobId, this.ids.push(jobId))
    this.live.set(jobId, false)
  }

  started(jobId: string): void {
    if (this.live.get(jobId) !== false) this.faults.push(`${jobId} starts twice, or after its end`)
    this.live.set(jobId, true)
    this.#working.add(jobId)
    if (this.#working.size > this.#slots) this.faults.push(`${this.#working.size} jobs work in ${this.#slots} slots`)
    const place = this.#order.get(jobId) ?? -1
    if (place <= this.#lastStarted) this.faults.push(`number ${place} starts after number ${this.#lastStarted}`)
    this.#lastStarted = place
  }

  left(jobId: string): void {
    this.#working.delete(jobId)
  }

  settled(jobId: string, status: string): void {
    if (this.ends.has(jobId)) this.faults.push(`${jobId} settles twice`)
    if (this.#working.has(jobId)) this.faults.push(`${jobId} settles while its producer works`)
    this.ends.set(jobId, status)
    this.live.delete(jobId)
  }

  /** A live job that `pick` happens upon, else the oldest one. */
  anyLive(pick: () => string | undefined): string | undefined {
    for (let attempt = 0; attempt < 50; attempt++) {
      const jobId = pick()
      if (jobId !== undefined && this.live.has(jobId)) return jobId
    }
    return this.live.keys().next().value
  }

  /** At rest: every slot is used as long as somebody waits for one, and the manager counts the same. */
  check(jobs: Readonly<Record<JobStatus, number>>): void {
    expect(this.faults).toEqual([])
    const running = Math.min(this.#slots, this.live.size)
    expect(this.#working.size, 'working producers').toBe(running)
    expect(jobs).toMatchObject({ running, pending: this.live.size - running, cancelling: 0, committing: 0 })
  }
}
