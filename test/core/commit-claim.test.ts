import {
  type CancelResult,
  CommitError,
  createMemoryJobStore,
  type GenerationJobManager,
  JobCancelledError,
  type JobHandle,
  type RegisterOptions,
} from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { CANCELLERS } from '../support/cancellers.js'
import { chunksOf, shapeOf } from '../support/event-log.js'
import { fixture } from '../support/fixture.js'
import { afterMicrotasks } from '../support/microtasks.js'
import { oneEnd } from '../support/one-end.js'
import { type Fault, type SlowStore, slowStore } from '../support/slow-store.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'

/** The default limit of one store call, and of one of its three attempts. */
const STORE_TIMEOUT_MS = 1_500
const ATTEMPT_MS = 500

/** One manager behind a network of the test's, and a job that commits when it is told to. */
async function world(options: RegisterOptions = {}) {
  const f = fixture()
  const memory = createMemoryJobStore({ clock: f.clock })
  const slow = slowStore(memory)
  const manager = f.newManager({ store: slow, retentionMs: 60_000 })
  const ready = tap<void>()
  const errors: unknown[] = []
  let saves = 0
  const handle = await manager.register(async (run) => {
    run.emit('a')
    await ready.next()
    try {
      return await run.commit(() => `saved ${++saves}`)
    } catch (error) {
      errors.push(error)
      throw error
    }
  }, options)
  await f.clock.settle()
  expect(handle.snapshot()).toMatchObject({ status: 'running', lastSeq: 1 })
  return {
    ...f,
    manager,
    memory,
    slow,
    handle,
    errors,
    saves: () => saves,
    commit: () => ready.give(),
    end: () => oneEnd({ ...f, manager }, handle),
  }
}

/** The same with the claim under way. */
async function claiming(fault: Fault, options?: RegisterOptions) {
  const w = await world(options)
  w.slow.always('claimCommit', fault)
  w.commit()
  await w.clock.settle()
  expect(w.slow.calls('claimCommit')).toBe(1)
  expect(w.saves()).toBe(0)
  return w
}

const tooLate = (handle: JobHandle<unknown>, status: string) => ({ outcome: 'too-late', jobId: handle.jobId, status })

describe('a claim that the store has won, with its answer on the way', () => {
  it.each(CANCELLERS)(
    'CVC-14, CVC-03: $name comes too late; save is called once and the job completes',
    async (canceller) => {
      const { options, cancel } = canceller.prepare()
      const { clock, manager, handle, slow, end, saves } = await claiming('hold-reply', options)
      const answer = cancel({ manager, handle, clock })
      if (canceller.takesMs) await answer
      await clock.settle()
      expect(saves()).toBe(0)
      slow.release('claimCommit')
      const { outcome, record, events } = await end()
      expect(outcome).toMatchObject({ status: 'completed', commit: 'done', value: 'saved 1' })
      expect(record.cancel).toBeUndefined()
      expect(shapeOf(events)).toEqual(['chunk', 'complete'])
      expect(saves()).toBe(1)
      if (canceller.kind === 'user') {
        const [result] = [await answer].flat() as CancelResult[]
        expect(result).toEqual(tooLate(handle, 'completed'))
      }
    },
  )

  it('CVC-14: a cancel waits for the answer of the claim and for the end of the commit', async () => {
    const { clock, handle, slow } = await claiming('hold-reply')
    let answered = false
    const answer = handle.cancel().then((result) => {
      answered = true
      return result
    })
    await clock.advance(100)
    expect(answered).toBe(false)
    slow.release('claimCommit')
    expect(await within(clock, 0, answer)).toEqual(tooLate(handle, 'completed'))
  })

  it('CVC-14: a claim whose first reply was lost is proved by the second attempt, and save is called once', async () => {
    const { clock, handle, slow, saves, end } = await world().then(async (w) => {
      w.slow.next('claimCommit', 'lose-reply', 'answer')
      w.commit()
      await w.clock.settle()
      return w
    })
    const answer = handle.cancel()
    await clock.advance(ATTEMPT_MS - 1)
    expect(saves()).toBe(0)
    expect(await within(clock, 1, answer)).toEqual(tooLate(handle, 'completed'))
    expect((await end()).outcome).toMatchObject({ status: 'completed', commit: 'done' })
    expect(saves()).toBe(1)
    expect(slow.calls('claimCommit')).toBe(2)
  })

  it('CVC-14, G6: answers to several attempts call save once', async () => {
    const { clock, slow, saves, end } = await claiming('hold-reply')
    await clock.advance(2 * ATTEMPT_MS)
    expect(slow.held('claimCommit')).toBe(3)
    slow.release('claimCommit')
    expect((await end()).outcome).toMatchObject({ status: 'completed', value: 'saved 1' })
    expect(saves()).toBe(1)
  })
})

describe('a claim that has not reached the store', () => {
  it.each(CANCELLERS)('CVC-14: $name, which the store records first, wins; save is never called', async (canceller) => {
    const { options, cancel } = canceller.prepare()
    const { clock, manager, handle, slow, end, saves, errors } = await claiming('hold-request', options)
    const answer = cancel({ manager, handle, clock })
    if (canceller.takesMs) await answer
    await clock.settle()
    slow.release('claimCommit')
    const { outcome, record } = await end()
    expect(outcome).toMatchObject({
      status: 'cancelled',
      commit: 'none',
      forced: false,
      reason: { kind: canceller.kind },
    })
    expect(record.cancel?.reason).toEqual(outcome.status === 'cancelled' && outcome.reason)
    expect(saves()).toBe(0)
    expect(errors).toEqual([expect.any(JobCancelledError)])
    if (canceller.kind === 'user') {
      expect([await answer].flat()).toMatchObject([{ outcome: 'cancelled', joined: false }])
    }
  })

  it('CVC-14: another node, whose cancel the store records first, wins; save is never called', async () => {
    const { clock, memory, handle, slow, end, saves, ...w } = await claiming('hold-request')
    const other = w.newManager({ store: memory, retentionMs: 60_000 })
    const answer = other.cancel(handle.jobId, { by: 'other' })
    await clock.settle()
    slow.release('claimCommit')
    expect(await within(clock, 0, answer)).toMatchObject({ outcome: 'cancelled', reason: { by: 'other' } })
    expect((await end()).outcome).toMatchObject({ status: 'cancelled', commit: 'none' })
    expect(saves()).toBe(0)
  })

  it('CVC-14, C4: a cancel that the store has recorded stands, also if the claim is never answered', async () => {
    const { clock, handle, slow, end, saves } = await claiming('hold-request')
    const answer = handle.cancel()
    expect(await within(clock, STORE_TIMEOUT_MS, answer)).toMatchObject({ outcome: 'cancelled' })
    slow.release('claimCommit')
    expect((await end()).outcome).toMatchObject({ status: 'cancelled', commit: 'none' })
    expect(saves()).toBe(0)
  })

  it('CVC-14: a cancel whose own request is on its way is too late when the claim passes it', async () => {
    const { clock, handle, slow, end, saves } = await claiming('hold-request')
    slow.always('requestCancel', 'hold-request')
    const answer = handle.cancel()
    await clock.settle()
    slow.release('claimCommit')
    await clock.settle()
    expect(saves()).toBe(1)
    slow.release('requestCancel')
    slow.always('requestCancel', 'answer')
    const result = await within(clock, ATTEMPT_MS, answer)
    expect(result).toMatchObject({ jobId: handle.jobId, status: 'completed' })
    expect(['too-late', 'already-settled']).toContain(result.outcome)
    const { outcome, record } = await end()
    expect(outcome).toMatchObject({ status: 'completed', commit: 'done' })
    expect(record.cancel).toBeUndefined()
  })

  it('CVC-14: a cancel that was recorded and whose reply was lost wins over the claim', async () => {
    const { clock, handle, slow, end, saves } = await claiming('hold-request')
    slow.next('requestCancel', 'lose-reply')
    const answer = handle.cancel({ by: 'ada' })
    await clock.settle()
    slow.release('claimCommit')
    expect(await within(clock, ATTEMPT_MS, answer)).toMatchObject({ outcome: 'cancelled', reason: { by: 'ada' } })
    expect((await end()).outcome).toMatchObject({ status: 'cancelled', commit: 'none' })
    expect(saves()).toBe(0)
  })
})

describe('a claim that cannot be proved', () => {
  it.each(['hold-request', 'hold-reply', 'fail', 'lose-reply'] satisfies Fault[])(
    'CVC-15: with every attempt under "%s", save is never called and the job fails with commit.unproved at the limit',
    async (fault) => {
      const { clock, handle, slow, end, saves, errors } = await claiming(fault)
      await clock.advance(STORE_TIMEOUT_MS - 1)
      expect(errors).toEqual([])
      await clock.advance(1)
      const { outcome, record } = await end()
      expect(outcome).toMatchObject({
        status: 'failed',
        commit: 'none',
        error: { code: 'commit.unproved' },
        recorded: true,
        forced: false,
      })
      expect(record).toMatchObject({ status: 'failed', commit: 'none', error: { code: 'commit.unproved' } })
      expect(errors).toEqual([expect.any(CommitError)])
      expect(errors).toMatchObject([{ code: 'commit.unproved' }])
      expect(slow.calls('claimCommit')).toBe(3)

      slow.release('claimCommit') // the answer comes after all
      await clock.advance(1_000)
      expect(saves()).toBe(0)
      expect(await handle.settled).toBe(outcome)
    },
  )

  it.each(['hold-reply', 'lose-reply'] satisfies Fault[])(
    'CVC-15: a cancel that waited for a claim under "%s" is answered too-late with status failed',
    async (fault) => {
      const { clock, handle, end, saves } = await claiming(fault)
      const answer = handle.cancel()
      await clock.advance(STORE_TIMEOUT_MS - 1)
      expect(await within(clock, 1, answer)).toEqual(tooLate(handle, 'failed'))
      expect((await end()).outcome).toMatchObject({ status: 'failed', error: { code: 'commit.unproved' } })
      expect(saves()).toBe(0)
    },
  )

  it.each(['hold-request', 'fail'] satisfies Fault[])(
    'CVC-15, DIS-24: with the whole store away ("%s") a cancel is answered too-late; the end is recorded when the store is back',
    async (fault) => {
      const w = await world()
      const { clock, handle, slow, saves, end } = w
      slow.alwaysAll(fault)
      w.commit()
      await clock.settle()
      expect(slow.calls('claimCommit')).toBe(1)
      await clock.advance(100)
      const answer = handle.cancel()
      const outcome = await within(clock, 3 * STORE_TIMEOUT_MS, handle.settled)
      expect(outcome).toMatchObject({
        status: 'failed',
        commit: 'none',
        error: { code: 'commit.unproved' },
        recorded: false,
      })
      expect(await within(clock, 0, answer)).toEqual(tooLate(handle, 'failed'))
      expect(saves()).toBe(0)

      slow.alwaysAll('answer')
      await clock.advance(5_000)
      expect(await w.manager.get(handle.jobId)).toMatchObject({
        status: 'failed',
        commit: 'none',
        error: { code: 'commit.unproved' },
      })
      expect(shapeOf((await end()).events)).toEqual(['chunk', 'error'])
    },
  )

  it.each([
    ['the deadline', { deadlineMs: 600 }],
    ['the idle limit', { idleTimeoutMs: 600 }],
  ])('CVC-15: %s, which passes while nobody answers, does not make it a cancel', async (_, options) => {
    const { clock, slow, handle, saves, ...w } = await claiming('hold-reply', options)
    slow.alwaysAll('hold-reply')
    const outcome = await within(clock, 3 * STORE_TIMEOUT_MS, handle.settled)
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'commit.unproved' }, commit: 'none' })
    expect(saves()).toBe(0)
    slow.alwaysAll('answer')
    await clock.advance(5_000)
    expect(await w.manager.get(handle.jobId)).toMatchObject({ status: 'failed', commit: 'none' })
  })

  it('CVC-15: a store that answers nonsense to the claim is no proof', async () => {
    const f = fixture()
    const memory = createMemoryJobStore({ clock: f.clock })
    const store = { ...memory, claimCommit: () => ({ answer: 'sure' }) as never }
    const manager = f.newManager({ store, retentionMs: 60_000 })
    let saves = 0
    const handle = await manager.register((run) => run.commit(() => ++saves))
    await f.clock.advance(STORE_TIMEOUT_MS)
    const { outcome } = await oneEnd({ ...f, manager }, handle)
    expect(outcome).toMatchObject({ status: 'failed', commit: 'none', error: { code: 'commit.unproved' } })
    expect(saves).toBe(0)
  })

  it.each(['fenced', 'gone'] as const)('G6, C12: a claim that is answered "%s" never calls save', async (answer) => {
    const f = fixture()
    const memory = createMemoryJobStore({ clock: f.clock })
    const store = { ...memory, claimCommit: () => ({ answer }) }
    const manager = f.newManager({ store, retentionMs: 60_000 })
    let saves = 0
    const errors: unknown[] = []
    const handle = await manager.register((run) =>
      run
        .commit(() => ++saves)
        .catch((error: unknown) => {
          errors.push(error)
          throw error
        }),
    )
    expect(await within(f.clock, 0, handle.settled)).toMatchObject({
      status: 'cancelled',
      reason: { kind: 'lease-lost' },
      commit: 'none',
      recorded: false,
    })
    expect(errors).toEqual([expect.any(JobCancelledError)])
    expect(saves).toBe(0)
    expect(f.logs.of('job.fenced')).toHaveLength(1)
    await f.clock.advance(10_000) // the record of a store that lost us is reaped
  })
})

describe('before the claim', () => {
  it('G6, EVT: what was emitted is accepted by the store before the claim is sent', async () => {
    const w = await world()
    const { clock, slow, saves, end } = w
    slow.always('append', 'hold-request')
    const handle = await w.manager.register(async (run) => {
      run.emit('a')
      run.emit('b')
      return run.commit(() => 'saved')
    })
    await clock.settle()
    expect([slow.held('append'), slow.calls('claimCommit')]).toEqual([1, 0])
    slow.always('append', 'answer')
    slow.release('append')
    const { outcome, events } = await oneEnd({ ...w }, handle)
    expect(outcome).toMatchObject({ status: 'completed', commit: 'done' })
    expect(shapeOf(events)).toEqual(['chunk', 'chunk', 'complete'])
    w.commit()
    expect((await end()).outcome.status).toBe('completed')
    expect(saves()).toBe(1)
  })

  it('CVC-02: a cancel while the events are on their way wins, and neither claim nor save happens', async () => {
    const w = await world()
    const { clock, slow, manager } = w
    slow.always('append', 'hold-request')
    let saves = 0
    const handle = await manager.register(async (run) => {
      run.emit('a')
      return run.commit(() => ++saves)
    })
    await clock.settle()
    const answer = handle.cancel()
    slow.always('append', 'answer')
    await clock.settle()
    slow.release('append')
    expect(await within(clock, STORE_TIMEOUT_MS, answer)).toMatchObject({ outcome: 'cancelled', forced: false })
    expect([saves, slow.calls('claimCommit')]).toEqual([0, 0])
    expect((await oneEnd(w, handle)).outcome).toMatchObject({ status: 'cancelled', commit: 'none' })
    w.commit()
    await w.end()
  })

  it('CVC-15: events that are never accepted are no proof: the job fails with commit.unproved, save is not called', async () => {
    const w = await world()
    const { clock, slow, manager } = w
    slow.always('append', 'hold-request')
    let saves = 0
    const handle = await manager.register(async (run) => {
      run.emit('a')
      return run.commit(() => ++saves)
    })
    const outcome = await within(clock, 3 * STORE_TIMEOUT_MS, handle.settled)
    expect(outcome).toMatchObject({ status: 'failed', commit: 'none', error: { code: 'commit.unproved' } })
    expect([saves, slow.calls('claimCommit')]).toEqual([0, 0])
    slow.always('append', 'answer')
    slow.release('append')
    w.commit()
    await w.end()
  })
})

/** A job that emits while the store is away, and then ends. */
async function waiting(
  manager: GenerationJobManager,
  slow: SlowStore,
  end: () => Promise<string>,
): Promise<JobHandle<string>> {
  slow.always('create', 'answer')
  return manager.register(async (run) => {
    run.emit('a')
    run.emit('b')
    return end()
  })
}

describe('claim and cancel at the same time', () => {
  const answers: Array<[claim: Fault, cancel: Fault]> = [
    ['answer', 'answer'],
    ['later', 'answer'],
    ['answer', 'later'],
    ['later', 'later'],
  ]
  it.each(answers)(
    'CVC-01, CVC-14, C13: with a claim under "%s" and a cancel under "%s", k microtasks apart, one of them wins for everybody',
    async (claim, cancel) => {
      const seen = new Set<string>()
      for (let k = 0; k <= 16; k++) {
        const { clock, slow, handle, end, saves, commit } = await world()
        slow.always('claimCommit', claim)
        slow.always('requestCancel', cancel)
        let answer: Promise<CancelResult> | undefined
        commit()
        afterMicrotasks(k, () => {
          answer = handle.cancel()
        })
        await clock.settle()
        const { outcome, record } = await end()
        const result = await within(clock, 0, answer ?? Promise.reject(new Error('not called')))
        seen.add(outcome.status)
        if (outcome.status === 'cancelled') {
          expect([saves(), outcome.commit, result.outcome]).toEqual([0, 'none', 'cancelled'])
        } else {
          expect(outcome).toMatchObject({ status: 'completed', commit: 'done' })
          expect(saves()).toBe(1)
          expect(['too-late', 'already-settled']).toContain(result.outcome)
          expect(result).toMatchObject({ status: 'completed' })
          expect(record.cancel).toBeUndefined()
        }
      }
      expect(seen).toEqual(new Set(['cancelled', 'completed']))
    },
  )

  it('CVC-14: over memory nothing waits: save is called before run.commit returns', async () => {
    const f = fixture({ retentionMs: 1_000 })
    const order: string[] = []
    const handle = await f.manager.register(async (run) => {
      const committed = run.commit(() => order.push('save'))
      order.push('commit returned')
      await committed
    })
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', commit: 'done' })
    expect(order).toEqual(['save', 'commit returned'])
  })

  it.each(['later', 'hold-request', 'hold-reply', 'lose-reply'] satisfies Fault[])(
    'CAN-09, CAN-10: of a hundred cancels whose requests are under "%s" one is accepted, the others join it',
    async (fault) => {
      const { clock, handle, slow, commit, saves, end } = await world()
      slow.always('requestCancel', fault)
      const answers = Array.from({ length: 100 }, (_, index) => handle.cancel({ by: `u${index}` }))
      await clock.settle()
      slow.always('requestCancel', 'answer')
      slow.release('requestCancel')
      await clock.advance(ATTEMPT_MS) // for the next attempt, where the first had no answer
      expect(handle.snapshot().status).toBe('cancelling')
      commit() // too late: it ends the producer
      const results = await within(clock, 0, Promise.all(answers))
      expect(results.filter((result) => result.outcome === 'cancelled' && !result.joined)).toHaveLength(1)
      const { outcome, record, events } = await end()
      if (outcome.status !== 'cancelled') throw new Error('it must be cancelled')
      expect(results.every((result) => result.outcome === 'cancelled' && result.reason.by === outcome.reason.by)).toBe(
        true,
      )
      expect(record.cancel?.reason).toEqual(outcome.reason)
      expect(shapeOf(events)).toEqual(['chunk', 'cancelling', 'cancelled'])
      expect(saves()).toBe(0)
    },
  )

  it('G13, DIS-24: a settle whose reply was lost is one end, recorded once', async () => {
    const w = await world()
    w.slow.next('settle', 'lose-reply', 'answer')
    w.commit()
    const outcome = await within(w.clock, ATTEMPT_MS, w.handle.settled)
    expect(outcome).toMatchObject({ status: 'completed', commit: 'done', recorded: true })
    expect(shapeOf((await w.end()).events)).toEqual(['chunk', 'complete'])
  })

  it('G13, DIS-24: an end that cannot be written says recorded: false, and is written when the store is back', async () => {
    const w = await world()
    w.slow.always('settle', 'fail')
    w.commit()
    const outcome = await within(w.clock, STORE_TIMEOUT_MS, w.handle.settled)
    expect(outcome).toMatchObject({ status: 'completed', commit: 'done', value: 'saved 1', recorded: false })
    expect(await w.manager.get(w.handle.jobId)).toMatchObject({ status: 'committing' })
    w.slow.always('settle', 'answer')
    await w.clock.advance(2_000)
    expect(await w.manager.get(w.handle.jobId)).toMatchObject({
      status: 'completed',
      commit: 'done',
      result: 'saved 1',
    })
    expect(w.logs.of('job.completed', w.handle.jobId)).toHaveLength(1)
  })

  it('DIS-10, G2: a cancel with the store away settles the job here and says recorded: false; the record follows', async () => {
    const { clock, manager, handle, slow, saves, commit, ...w } = await world()
    slow.alwaysAll('fail')
    const answer = handle.cancel()
    await clock.advance(STORE_TIMEOUT_MS)
    expect(handle.snapshot().status).toBe('cancelling')
    commit() // too late for it
    const result = await within(clock, 0, answer)
    expect(result).toMatchObject({ outcome: 'cancelled', recorded: false })
    slow.alwaysAll('answer')
    await clock.advance(5_000)
    expect(await manager.get(handle.jobId)).toMatchObject({
      status: 'cancelled',
      commit: 'none',
      cancel: { reason: { kind: 'user' } },
    })
    expect(saves()).toBe(0)
    expect(w.logs.of('job.cancelled')).toHaveLength(1)
  })

  it.each([
    ['completes', async (): Promise<string> => 'value', { status: 'completed', value: 'value' }],
    [
      'fails',
      (): Promise<string> => Promise.reject(new Error('broken')),
      { status: 'failed', error: { code: 'producer.failed' } },
    ],
  ] as const)(
    'G2, G13: a job that %s while its last events cannot be written ends in time with recorded: false; all follows later',
    async (_, end, expected) => {
      const w = await world()
      const { clock, slow, manager } = w
      slow.alwaysAll('fail')
      const handle = await waiting(manager, slow, end)
      const outcome = await within(clock, 3 * STORE_TIMEOUT_MS, handle.settled)
      expect(outcome).toMatchObject({ ...expected, commit: 'none', recorded: false })
      slow.alwaysAll('answer')
      await clock.advance(2_000)
      expect(await manager.get(handle.jobId)).toMatchObject({ status: expected.status })
      const { events } = await oneEnd(w, handle)
      expect(chunksOf(events)).toEqual(['a', 'b'])
      w.commit()
      await w.end()
    },
  )

  it('CVC-14: every method can be slow: held, failed or with its reply lost, a job still has one end', async () => {
    const faults: Fault[] = ['later', 'fail', 'lose-reply']
    for (const fault of faults) {
      for (const method of ['append', 'claimCommit', 'requestCancel', 'settle'] satisfies Array<
        Parameters<SlowStore['next']>[0]
      >) {
        const w = await world()
        w.slow.next(method, fault)
        w.commit()
        const answer = w.handle.cancel()
        await w.clock.advance(STORE_TIMEOUT_MS)
        const { outcome } = await w.end()
        const result = await within(w.clock, 0, answer)
        expect(result.outcome === 'cancelled', `${method} ${fault}`).toBe(outcome.status === 'cancelled')
        expect(w.saves(), `${method} ${fault}`).toBe(outcome.status === 'completed' ? 1 : 0)
      }
    }
  })
})
