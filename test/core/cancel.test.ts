import {
  type CancelReason,
  createMemoryJobStore,
  GenerationOrchestrator,
  JobCancelledError,
  type JobHandle,
  type Producer,
  type RunContext,
} from 'generation-jobs'
import { controlledSource, countingSignal, scriptedSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { ABORT_REASONS, CANCELLERS } from '../support/cancellers.js'
import { chunksOf, eventLog } from '../support/event-log.js'
import { expectCancelled } from '../support/expect-cancelled.js'
import { type Fixture, fixture } from '../support/fixture.js'
import { CHUNK, PRODUCER_BEHAVIOURS } from '../support/producer-behaviours.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'

/** Half of the default grace period: when a producer that does not end is given up. */
const GIVEN_UP_MS = 3_500
const GRACE_MS = 7_000
const CANCEL_TIMEOUT_MS = 9_000

const quick = () => fixture({ retentionMs: 1_000 })

/** Reads a source of the test's own and answers its text. */
const streams =
  (source: AsyncIterable<string>): Producer<string> =>
  async (run) =>
    (await run.stream(source)).text

/** Ends when it is cancelled, and not before. */
const untilCancelled: Producer<never> = (run) =>
  new Promise((_, reject) =>
    run.token.onCancel(() => reject(new JobCancelledError(run.jobId, { kind: 'user', at: 0 }))),
  )

const never: Producer<never> = () => new Promise(() => {})

async function feedThree({ clock }: Fixture, handle: JobHandle<unknown>, feed: () => void): Promise<void> {
  for (let count = 0; count < 3; count++) {
    feed()
    await clock.settle()
  }
  expect(handle.snapshot()).toMatchObject({ status: 'running' })
  expect(handle.snapshot().lastSeq).toBeGreaterThanOrEqual(3)
}

describe('any hand that cancels × any producer', () => {
  for (const behaviour of PRODUCER_BEHAVIOURS) {
    describe(`a producer that ${behaviour.name}`, () => {
      it.each(CANCELLERS)(
        `CAN-01, CAN-10, G1, G7: $name stops it, with one end and no chunk afterwards`,
        async (canceller) => {
          const f = quick()
          const { producer, feed, finish, store } = behaviour.make()
          const { options, cancel } = canceller.prepare()
          const handle = await f.manager.register(producer, options)
          await f.clock.settle()
          await feedThree(f, handle, feed)

          const cancelled = cancel({ manager: f.manager, handle, clock: f.clock })
          if (canceller.takesMs) await cancelled
          expect(handle.snapshot()).toMatchObject({ cancel: { reason: { kind: canceller.kind } } })
          feed() // the late answer of a model, in the tick of the cancel where that is possible
          await f.clock.settle()
          const forced = behaviour.letsGo === 'never'
          if (forced) await f.clock.advance(GIVEN_UP_MS)
          finish()
          await f.clock.settle()

          await expectCancelled(f, handle, { kind: canceller.kind, forced, chunks: 3 })
          expect(store.calls()).toEqual([])
        },
      )
    })
  }

  it.each(PRODUCER_BEHAVIOURS.filter(({ letsGo }) => letsGo === 'at a late chunk'))(
    'G2, CAN-03: a producer that $name and gets no chunk any more is given up at half of the grace period',
    async ({ make }) => {
      const f = quick()
      const { producer, feed, finish, store } = make()
      const handle = await f.manager.register(producer)
      await f.clock.settle()
      await feedThree(f, handle, feed)

      const answer = handle.cancel()
      await f.clock.advance(GIVEN_UP_MS - 1)
      expect(handle.snapshot().status).toBe('cancelling')
      expect(await within(f.clock, 1, answer)).toMatchObject({
        outcome: 'cancelled',
        forced: true,
        cancelMs: GIVEN_UP_MS,
      })
      // The model answers after the settle: nothing of it counts, and nothing is thrown into the void.
      feed()
      finish()
      await f.clock.settle()
      await expectCancelled(f, handle, { kind: 'user', forced: true, chunks: 3 })
      expect(store.calls()).toEqual([])
    },
  )
})

describe('a local cancel', () => {
  it('CAN-01: counts the chunks that come after it as dropped', async () => {
    const f = quick()
    const source = controlledSource({ deaf: true })
    const handle = await f.manager.register(streams(source as AsyncIterable<string>))
    await f.clock.settle()
    for (const chunk of ['a', 'b', 'c']) {
      source.push(chunk)
      await f.clock.settle()
    }
    const answer = handle.cancel()
    source.push('late')
    expect(await within(f.clock, 0, answer)).toMatchObject({ outcome: 'cancelled' })
    source.push('later')
    await f.clock.settle()
    expect(chunksOf(await eventLog(f.manager, handle.jobId))).toEqual(['a', 'b', 'c'])
    expect(f.logs.of('job.cancelled')[0]?.fields).toMatchObject({ chunks: 3, dropped_chunks: 1 })
  })

  it('CAN-01: counts what a loop emits and tries to emit afterwards as dropped', async () => {
    const f = quick()
    const handle = await f.manager.register(async (run) => {
      run.emit('a')
      run.token.onCancel(() => {
        expect(run.tryEmit('b')).toBe(false)
        expect(() => run.emit('c')).toThrow(JobCancelledError)
      })
      await untilCancelled(run)
    })
    await f.clock.settle()
    await within(f.clock, 0, handle.cancel())
    expect(f.logs.of('job.cancelled')[0]?.fields).toMatchObject({ chunks: 1, dropped_chunks: 2 })
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 1 })
  })

  it.each([
    ['whose next() never resolves', () => scriptedSource(['a', { do: 'hang' }])],
    ['whose first next() never resolves', () => scriptedSource([{ do: 'hang' }])],
  ])('CAN-02, CAN-04: settles a source %s in no time, with no timer fired', async (_, makeSource) => {
    const f = quick()
    const source = makeSource()
    const handle = await f.manager.register(streams(source as AsyncIterable<string>))
    await f.clock.settle()
    expect(source.pendingNext).toBe(1)
    const answer = await within(f.clock, 0, handle.cancel())
    expect(answer).toMatchObject({ outcome: 'cancelled', forced: false, cancelMs: 0 })
    expect(source).toMatchObject({ pendingNext: 0, closed: true, returnCalls: 1 })
  })

  it('CAN-02: settles a call that reacts to the signal in no time', async () => {
    const f = quick()
    const handle = await f.manager.register(
      (run) =>
        new Promise<string>((_, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason))),
    )
    await f.clock.settle()
    expect(handle.snapshot().status).toBe('running')
    expect(await within(f.clock, 0, handle.cancel())).toMatchObject({ outcome: 'cancelled', forced: false })
  })

  it('CAN-02, G2: answers a call that never resolves inside the hard limit, cleanups included', async () => {
    const f = quick()
    const started: number[] = []
    const handle = await f.manager.register((run) => {
      run.defer(() => {
        started.push(f.clock.monotonic())
        return new Promise(() => {})
      })
      return new Promise<never>(() => {})
    })
    await f.clock.settle()
    const answer = handle.cancel()
    await f.clock.advance(GRACE_MS - 1)
    expect(handle.snapshot().status).toBe('cancelling')
    expect(await within(f.clock, 1, answer)).toMatchObject({
      outcome: 'cancelled',
      forced: true,
      cleanup: 'timed-out',
      cancelMs: GRACE_MS,
    })
    expect(started).toEqual([GIVEN_UP_MS])
  })

  it('G2: is late by no more than the time for which user code blocks the event loop', async () => {
    const f = quick()
    const handle = await f.manager.register((run) => {
      run.defer(() => f.clock.block(20_000))
      return new Promise<never>(() => {})
    })
    await f.clock.settle()
    const answer = handle.cancel()
    await f.clock.advance(GIVEN_UP_MS)
    expect(await within(f.clock, 0, answer)).toMatchObject({
      outcome: 'cancelled',
      forced: true,
      cancelMs: GIVEN_UP_MS + 20_000,
    })
  })

  it('CAN-03, G3: settles a source that ignores signal and return() with forced: true and drops its later chunks', async () => {
    const f = quick()
    const source = scriptedSource([{ do: 'yield' }, CHUNK], {
      repeat: true,
      deaf: true,
      returnHangs: true,
      clock: f.clock,
      onNext: () => f.clock.block(1),
    })
    const handle = await f.manager.register(streams(source as AsyncIterable<string>))
    await f.clock.advance(50)
    const before = handle.snapshot().lastSeq
    expect(before).toBeGreaterThan(3)
    const answer = handle.cancel()
    expect(await within(f.clock, GIVEN_UP_MS, answer)).toMatchObject({ outcome: 'cancelled', forced: true })
    await expectCancelled(f, handle, { kind: 'user', forced: true, chunks: before })
    expect(f.logs.events(handle.jobId).filter((event) => event === 'job.forced')).toHaveLength(1)
  })

  it('CAN-04, C9: needs no timer for a cooperative job, deferred cleanups included', async () => {
    const f = quick()
    const cleaned: string[] = []
    const handle = await f.manager.register(async (run) => {
      run.defer(async () => {
        await Promise.resolve()
        cleaned.push('a')
      })
      run.defer(() => void cleaned.push('b'))
      await untilCancelled(run)
    })
    await f.clock.settle()
    const answer = handle.cancel()
    await f.clock.runMicrotasks(64) // no macrotask either
    expect(cleaned).toEqual(['b', 'a'])
    expect(handle.snapshot()).toMatchObject({ status: 'cancelled', forced: false, cleanup: 'clean' })
    expect(await within(f.clock, 0, answer)).toMatchObject({ outcome: 'cancelled', cancelMs: 0 })
  })

  it('CAN-07: answers not-found for an unknown id, keeps nothing of it, and a later job of this id runs normally', async () => {
    const f = quick()
    expect(await f.manager.cancel('later')).toEqual({ outcome: 'not-found', jobId: 'later' })
    expect(await f.manager.get('later')).toBeUndefined()
    expect(f.logs.lines).toEqual([])
    const handle = await f.manager.register(async () => 'ran', { jobId: 'later' })
    expect(await within(f.clock, 0, handle.settled)).toMatchObject({ status: 'completed', value: 'ran' })
  })

  it('CAN-07: answers not-found for a job that was swept', async () => {
    const f = quick()
    const handle = await f.manager.register(async () => 'ran')
    await f.clock.advance(1_000 + 2_000)
    expect(await handle.cancel()).toEqual({ outcome: 'not-found', jobId: handle.jobId })
  })

  it.each([
    ['completed', async () => 'value'],
    [
      'failed',
      async () => {
        throw new Error('broken')
      },
    ],
    ['cancelled', untilCancelled],
  ] satisfies Array<[string, Producer<unknown>]>)(
    'CAN-08, C5: changes nothing of a job that is %s',
    async (status, producer) => {
      const f = quick()
      const handle = await f.manager.register(producer as Producer<unknown>)
      await f.clock.settle()
      if (status === 'cancelled') await within(f.clock, 0, handle.cancel())
      const events = await eventLog(f.manager, handle.jobId)
      const record = await f.manager.get(handle.jobId)
      const outcome = await handle.settled
      const lines = f.logs.lines.length
      expect(record?.status).toBe(status)

      await f.clock.advance(10)
      for (const cancel of [() => handle.cancel(), () => f.manager.cancel(handle.jobId, { kind: 'shutdown' })]) {
        expect(await within(f.clock, 0, cancel())).toEqual({ outcome: 'already-settled', jobId: handle.jobId, status })
      }
      expect(await eventLog(f.manager, handle.jobId)).toEqual(events)
      expect(await f.manager.get(handle.jobId)).toEqual(record)
      expect(await handle.settled).toBe(outcome)
      expect(f.logs.lines).toHaveLength(lines)
    },
  )

  it('CAN-09, CLN-01: a hundred cancels at once are one cancel, one cleanup, one summary line, and all are answered', async () => {
    const f = quick()
    let cleanups = 0
    const handle = await f.manager.register((run) => {
      run.defer(() => {
        cleanups++
        return new Promise((resolve) => f.clock.setTimer(500, () => resolve()))
      })
      return untilCancelled(run)
    })
    const cancelRequests: unknown[] = []
    f.manager.on('cancelRequested', ({ reason }) => cancelRequests.push(reason.by))
    await f.clock.settle()
    const answers = Array.from({ length: 100 }, (_, index) =>
      index % 2 ? f.manager.cancel(handle.jobId, { by: `u${index}` }) : handle.cancel({ by: `u${index}` }),
    )
    await f.clock.advance(250)
    const late = handle.cancel() // does not extend anything
    const results = await within(f.clock, 250, Promise.all([...answers, late]))
    expect(results.filter((result) => result.outcome === 'cancelled' && !result.joined)).toHaveLength(1)
    expect(results.every((result) => result.outcome === 'cancelled' && result.reason.by === 'u0')).toBe(true)
    expect(results.every((result) => result.outcome === 'cancelled' && result.cancelMs === 500)).toBe(true)
    expect(cleanups).toBe(1)
    expect(cancelRequests).toEqual(['u0'])
    expect(f.logs.of('job.cancel_requested')).toHaveLength(1)
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
  })

  it('CAN-09: further cancels do not extend the grace period', async () => {
    const f = quick()
    const handle = await f.manager.register(never)
    await f.clock.settle()
    const answers = [handle.cancel()]
    for (let time = 0; time < GIVEN_UP_MS; time += 500) {
      await f.clock.advance(500)
      answers.push(handle.cancel())
    }
    expect(f.clock.monotonic()).toBe(GIVEN_UP_MS)
    const outcomes = (await within(f.clock, 0, Promise.all(answers))).map(({ outcome }) => outcome)
    expect(new Set(outcomes.slice(0, -1))).toEqual(new Set(['cancelled']))
    await expectCancelled(f, handle, { kind: 'user', forced: true, chunks: 0 })
  })

  it('CAN-10, G8: the first reason wins and is the same object on token, signal, error, outcome, result and event', async () => {
    const f = quick()
    const seen: Record<string, CancelReason | undefined> = {}
    const handle = await f.manager.register(async (run) => {
      run.token.onCancel((reason) => {
        seen.onCancel = reason
      })
      run.signal.addEventListener('abort', () => {
        seen.signal = (run.signal.reason as JobCancelledError).reason
      })
      run.defer((end) => {
        seen.cleanup = end.status === 'cancelled' ? end.reason : undefined
      })
      try {
        await untilCancelled(run)
      } finally {
        seen.token = run.token.reason
        try {
          run.emit('late')
        } catch (error) {
          seen.emit = (error as JobCancelledError).reason
          expect(error).toBe(run.signal.reason)
        }
        try {
          run.token.throwIfCancelled()
        } catch (error) {
          seen.throwIfCancelled = (error as JobCancelledError).reason
        }
      }
    })
    f.manager.on('cancelRequested', ({ reason }) => {
      seen.event = reason
    })
    await f.clock.settle()
    const first = handle.cancel({ by: 'ada', message: 'first' })
    const second = f.manager.cancel(handle.jobId, { kind: 'shutdown', by: 'bob', message: 'second' })
    const [one, two] = await within(f.clock, 0, Promise.all([first, second]))
    const outcome = await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
    expect(outcome.reason).toMatchObject({ kind: 'user', by: 'ada', message: 'first', at: f.clock.now() })
    expect(one).toMatchObject({ outcome: 'cancelled', joined: false })
    expect(two).toMatchObject({ outcome: 'cancelled', joined: true })
    seen.first = one.outcome === 'cancelled' ? one.reason : undefined
    seen.second = two.outcome === 'cancelled' ? two.reason : undefined
    expect(Object.keys(seen)).toHaveLength(9)
    for (const [where, reason] of Object.entries(seen)) expect(reason, where).toBe(outcome.reason)
    expect(f.logs.of('job.cancelled')[0]?.fields).toMatchObject({ reason: 'user', by: 'ada' })
    expect((await f.manager.get(handle.jobId))?.cancel?.reason).toEqual(outcome.reason)
  })

  it.each(ABORT_REASONS)(
    'CAN-12: a caller who aborts with %s cancels with kind signal, at every moment',
    async (_, reason) => {
      const f = fixture({ retentionMs: 1_000, maxConcurrentJobs: 1 })
      const running = new AbortController()
      const pending = new AbortController()
      const first = await f.manager.register(untilCancelled, { signal: running.signal })
      const second = await f.manager.register(untilCancelled, { signal: pending.signal })
      await f.clock.settle()
      pending.abort(reason)
      await expectCancelled(f, second, { kind: 'signal', forced: false, chunks: 0 })
      running.abort(reason)
      await expectCancelled(f, first, { kind: 'signal', forced: false, chunks: 0 })
      const third = await f.manager.register(untilCancelled, { signal: AbortSignal.abort(reason) })
      await expectCancelled(f, third, { kind: 'signal', forced: false, chunks: 0 })
    },
  )

  it.each(ABORT_REASONS)(
    'CAN-12: a fetch that rejects because the caller aborted it with %s is a cancel, not a failure',
    async (_, reason) => {
      const f = quick()
      const caller = new AbortController()
      // The producer hands the caller's own signal to its call, so it rejects with the caller's raw reason, a tick earlier or later.
      const handle = await f.manager.register(
        () =>
          new Promise<never>((__, reject) =>
            caller.signal.addEventListener('abort', () => reject(caller.signal.reason ?? new Error('aborted'))),
          ),
        { signal: caller.signal },
      )
      await f.clock.settle()
      caller.abort(reason)
      await expectCancelled(f, handle, { kind: 'signal', forced: false, chunks: 0 })
    },
  )

  it('CAN-13: a listener that another one takes off while the cancel is told is left out', async () => {
    const f = quick()
    const told: string[] = []
    const handle = await f.manager.register((run) => {
      let takeOff = (): void => {}
      run.token.onCancel(() => {
        told.push('first')
        takeOff()
      })
      takeOff = run.token.onCancel(() => told.push('second'))
      return untilCancelled(run)
    })
    await f.clock.settle()
    await handle.cancel()
    expect(told).toEqual(['first'])
  })

  it("CAN-13: everything on the run's signal is told in the tick of the cancel, and no follow-up starts", async () => {
    const f = quick()
    const told: string[] = []
    const started: string[] = []
    const answer = tap<string>()
    let subJob: JobHandle<unknown> | undefined
    const handle = await f.manager.register(async (run) => {
      subJob = await f.manager.register(untilCancelled, { signal: run.signal })
      run.signal.addEventListener('abort', () => told.push('fetch'))
      run.token.onCancel(() => told.push('tool'))
      for (const step of ['first', 'second', 'third']) {
        run.step(step) // throws after the cancel
        started.push(step)
        await answer.next()
      }
    })
    await f.clock.settle()
    answer.give('tool answered')
    await f.clock.settle()
    expect(started).toEqual(['first', 'second'])

    void handle.cancel()
    expect(told.sort()).toEqual(['fetch', 'tool'])
    expect(subJob?.snapshot()).toMatchObject({ status: 'cancelling', cancel: { reason: { kind: 'signal' } } })
    answer.give('tool answered all the same')
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
    expect(started).toEqual(['first', 'second'])
    expect(await within(f.clock, 0, subJob?.settled ?? Promise.reject(new Error('no sub-job')))).toMatchObject({
      status: 'cancelled',
      reason: { kind: 'signal' },
    })
  })

  it.each([
    ['value', async (run: RunContext) => run.signal],
    [
      'commit',
      (run: RunContext) =>
        run.commit(() => {
          signals.push(run.signal)
          return run.signal
        }),
    ],
  ])('CAN-14: the signal of a job that succeeded with a %s was never aborted', async (_, makeSignal) => {
    const f = quick()
    signals.length = 0
    let aborts = 0
    const handle = await f.manager.register(async (run) => {
      run.signal.addEventListener('abort', () => aborts++)
      signals.push(run.signal)
      await makeSignal(run)
      return 'done'
    })
    expect(await within(f.clock, 0, handle.settled)).toMatchObject({ status: 'completed' })
    expect(await handle.cancel()).toMatchObject({ outcome: 'already-settled' })
    await f.clock.advance(500)
    expect(signals.map(({ aborted }) => aborted)).not.toContain(true)
    expect(aborts).toBe(0)
  })

  it('CAN-15: a late cancel of one job does not touch the next one of its conversation', async () => {
    const f = quick()
    const conversation = { owner: 'ada', group: 'conversation-1' }
    const first = await f.manager.register(async () => 'first', conversation)
    await f.clock.settle()
    const source = controlledSource()
    const second = await f.manager.register(streams(source as AsyncIterable<string>), conversation)
    await f.clock.settle()
    source.push('b')
    await f.clock.settle()
    expect(await first.cancel()).toMatchObject({ outcome: 'already-settled', status: 'completed' })
    source.push('c')
    source.end('stop')
    expect(await within(f.clock, 0, second.settled)).toMatchObject({ status: 'completed', value: 'bc' })
  })

  it('CAN-15: a late cancel of a job that still ends does not touch its replacement', async () => {
    const f = quick()
    const conversation = { owner: 'ada', group: 'conversation-1', onConflict: 'replace' } as const
    const first = await f.manager.register((run) => {
      run.defer(() => new Promise((resolve) => f.clock.setTimer(100, () => resolve())))
      return untilCancelled(run)
    }, conversation)
    await f.clock.settle()
    const replacing = f.manager.register(untilCancelled, conversation)
    const late = first.cancel()
    const second = await within(f.clock, 100, replacing)
    expect(await late).toMatchObject({ outcome: 'cancelled', joined: true, reason: { kind: 'replaced' } })
    expect(second.snapshot().status).toBe('running')
    await within(f.clock, 0, second.cancel())
  })

  it('CAN-18: a provider loop that ends silently on abort is a cancel in an orchestrator too', async () => {
    const f = quick()
    const saved: unknown[] = []
    const orchestrator = new GenerationOrchestrator({
      generate: async function* (_: string, run) {
        yield 'half'
        await new Promise<void>((resolve) => run.signal.addEventListener('abort', () => resolve()))
      } as (prompt: string, run: { signal: AbortSignal }) => AsyncIterable<string>,
      commit: (text) => void saved.push(text),
    })
    const handle = await f.manager.register(orchestrator.producer('a prompt'))
    await f.clock.settle()
    void handle.cancel()
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 1 })
    expect(saved).toEqual([])
  })

  it('CAN-20: a caller with a limit of its own gets requested inside it; job and other callers go on', async () => {
    const f = quick()
    const handle = await f.manager.register(never)
    await f.clock.settle()
    const patient = handle.cancel()
    const hasty = f.manager.cancel(handle.jobId, { timeoutMs: 100 })
    await f.clock.advance(99)
    expect(f.manager.stats().jobs.cancelling).toBe(1)
    expect(await within(f.clock, 1, hasty)).toEqual({
      outcome: 'requested',
      jobId: handle.jobId,
      status: 'cancelling',
    })
    expect(await within(f.clock, GIVEN_UP_MS - 100, patient)).toMatchObject({ outcome: 'cancelled', joined: false })
    await expectCancelled(f, handle, { kind: 'user', forced: true, chunks: 0 })
  })

  it('CAN-20: with timeoutMs 0 the reason is recorded and the answer is what is true at once', async () => {
    const f = quick()
    const handle = await f.manager.register(never)
    await f.clock.settle()
    const answer = handle.cancel({ timeoutMs: 0 })
    expect(handle.snapshot().cancel?.reason.kind).toBe('user')
    expect(await within(f.clock, 1, answer)).toMatchObject({ outcome: 'requested', status: 'cancelling' })
    await f.clock.advance(GIVEN_UP_MS)
    await expectCancelled(f, handle, { kind: 'user', forced: true, chunks: 0 })
  })

  it('CAN-20, G2: at cancelTimeoutMs every caller is answered, also one that asked for longer', async () => {
    const f = quick()
    // Two nodes: the owner gives itself more time than the canceller has.
    const store = createMemoryJobStore({ clock: f.clock })
    const owner = f.newManager({ store, retentionMs: 1_000 })
    const other = f.newManager({ store, retentionMs: 1_000, gracePeriodMs: 1_000, cancelTimeoutMs: 2_000 })
    const handle = await owner.register(never)
    await f.clock.settle()
    const answer = other.cancel(handle.jobId, { timeoutMs: 60_000 })
    await f.clock.advance(1_999)
    expect(handle.snapshot().status).toBe('cancelling')
    expect(await within(f.clock, 1, answer)).toMatchObject({ outcome: 'requested', status: 'cancelling' })
    await f.clock.advanceTo(GIVEN_UP_MS)
    await expectCancelled(f, handle, { kind: 'user', forced: true, chunks: 0, manager: owner })
  })

  it('G2: a commit that hangs is answered too-late at cancelTimeoutMs, long before the commit limit', async () => {
    const f = quick()
    const handle = await f.manager.register((run) => run.commit(() => new Promise<never>(() => {})))
    await f.clock.settle()
    const answer = handle.cancel({ timeoutMs: 60_000 })
    await f.clock.advance(CANCEL_TIMEOUT_MS - 1)
    expect(handle.snapshot().status).toBe('committing')
    expect(await within(f.clock, 1, answer)).toEqual({ outcome: 'too-late', jobId: handle.jobId, status: 'committing' })
    await f.clock.advance(30_000)
    expect((await handle.settled).status).toBe('failed')
  })
})

const signals: AbortSignal[] = []

describe('cancel of jobs that have not started', () => {
  it.each(CANCELLERS.filter(({ name }) => name !== 'the idle limit'))(
    'CAN-06: $name ends a pending job at once, and its producer is never called',
    async ({ prepare, kind, takesMs }) => {
      const f = fixture({ retentionMs: 1_000, maxConcurrentJobs: 1 })
      const busy = await f.manager.register(untilCancelled)
      let calls = 0
      const { options, cancel } = prepare()
      const handle = await f.manager.register(async () => ++calls, options)
      await f.clock.settle()
      expect([busy.snapshot().status, handle.snapshot().status]).toEqual(['running', 'pending'])

      const cancelled = cancel({ manager: f.manager, handle, clock: f.clock })
      if (takesMs) await cancelled
      expect(handle.snapshot().status).toBe('cancelled') // in the calling tick
      const outcome = await expectCancelled(f, handle, { kind, forced: false, chunks: 0 })
      expect(outcome).toMatchObject({ cleanup: 'clean', queuedMs: takesMs ?? 0, runMs: 0 })
      expect(f.logs.of('job.cancelled', handle.jobId)[0]?.fields.step).toBe('en attente')
      await within(f.clock, 0, busy.cancel())
      await f.clock.settle()
      expect(calls).toBe(0)
      expect(f.logs.of('job.started', handle.jobId)).toEqual([])
    },
  )

  it('CAN-06: the idle limit does not count while a job is pending', async () => {
    const f = fixture({ retentionMs: 1_000, maxConcurrentJobs: 1, idleTimeoutMs: false })
    const busy = await f.manager.register(untilCancelled)
    const handle = await f.manager.register(untilCancelled, { idleTimeoutMs: 1_000 })
    await f.clock.advance(10_000)
    expect(handle.snapshot().status).toBe('pending')
    await within(f.clock, 0, busy.cancel())
    await f.clock.advance(999)
    expect(handle.snapshot().status).toBe('running')
    await f.clock.advance(1)
    await expectCancelled(f, handle, { kind: 'idle', forced: false, chunks: 0 })
  })

  it.each(CANCELLERS.filter(({ takesMs }) => !takesMs))(
    'CAN-06: $name in the tick in which register resolved comes before the producer, which is never called',
    async ({ prepare, kind }) => {
      const f = quick()
      let calls = 0
      const { options, cancel } = prepare()
      const handle = await f.manager.register(async () => ++calls, options)
      expect(handle.snapshot().status).toBe('running') // it has its slot
      void cancel({ manager: f.manager, handle, clock: f.clock })
      await expectCancelled(f, handle, { kind, forced: false, chunks: 0 })
      expect(calls).toBe(0)
    },
  )

  it('CAN-06: a caller signal that is aborted already admits the job, and its producer is never called', async () => {
    const f = quick()
    const { signal, abort, peakListeners } = countingSignal()
    abort('gone')
    let calls = 0
    const handle = await f.manager.register(async () => ++calls, { signal })
    expect(handle.created).toBe(true)
    const outcome = await expectCancelled(f, handle, { kind: 'signal', forced: false, chunks: 0 })
    expect(outcome).toMatchObject({ cleanup: 'clean', runMs: 0 })
    expect(calls).toBe(0)
    expect(peakListeners()).toBe(0)
    expect(await f.manager.get(handle.jobId)).toMatchObject({ status: 'cancelled' })
  })

  it('CAN-06: a pending job takes its place from nobody: the next one starts, and the queue has room again', async () => {
    const f = fixture({ retentionMs: 1_000, maxConcurrentJobs: 1, maxPendingJobs: 2 })
    const order: string[] = []
    const named = (name: string): Producer<unknown> => {
      return (run) => {
        order.push(name)
        return untilCancelled(run)
      }
    }
    const first = await f.manager.register(named('first'))
    const second = await f.manager.register(named('second'))
    const third = await f.manager.register(named('third'))
    await f.clock.settle()
    await within(f.clock, 0, second.cancel())
    const fourth = await f.manager.register(named('fourth'))
    for (const handle of [first, third, fourth]) {
      await within(f.clock, 0, handle.cancel())
      await f.clock.settle()
    }
    expect(order).toEqual(['first', 'third', 'fourth'])
  })
})

describe('cancel from inside', () => {
  interface Reentry {
    readonly name: string
    /** Whether the victim is running by then. */
    arrange(f: Fixture, cancelVictim: () => void): Promise<() => unknown>
  }

  /** Each makes a situation in which one callback of the library's runs, and cancels the victim in it. */
  const reentries: Reentry[] = [
    {
      name: 'a registered listener',
      async arrange(f, cancelVictim) {
        f.manager.once('registered', cancelVictim)
        return () => f.manager.register(async () => 1)
      },
    },
    {
      name: 'a started listener',
      async arrange(f, cancelVictim) {
        f.manager.once('started', cancelVictim)
        return () => f.manager.register(async () => 1)
      },
    },
    {
      name: 'a step listener',
      async arrange(f, cancelVictim) {
        f.manager.once('step', cancelVictim)
        return () => f.manager.register(async (run) => run.step('Any'))
      },
    },
    {
      name: 'a committing listener',
      async arrange(f, cancelVictim) {
        f.manager.once('committing', cancelVictim)
        return () => f.manager.register((run) => run.commit(() => 1))
      },
    },
    {
      name: 'a settled listener',
      async arrange(f, cancelVictim) {
        f.manager.once('settled', cancelVictim)
        return () => f.manager.register(async () => 1)
      },
    },
    {
      name: 'a cleanupFailed listener',
      async arrange(f, cancelVictim) {
        f.manager.once('cleanupFailed', cancelVictim)
        return () =>
          f.manager.register(async (run) => {
            run.defer(() => {
              throw new Error('cleanup')
            })
          })
      },
    },
    ...(
      [
        ['a cancelRequested listener', (f, cancelVictim) => void f.manager.once('cancelRequested', cancelVictim)],
        ["another job's onCancel listener", (_, cancelVictim, run) => void run.token.onCancel(cancelVictim)],
        ["another job's abort listener", (_, cancelVictim, run) => run.signal.addEventListener('abort', cancelVictim)],
        ["another job's cleanup", (_, cancelVictim, run) => run.defer(cancelVictim)],
      ] as Array<[string, (f: Fixture, cancelVictim: () => void, run: RunContext) => void]>
    ).map(
      ([name, attach]): Reentry => ({
        name,
        async arrange(f, cancelVictim) {
          const other = await f.manager.register((run) => {
            attach(f, cancelVictim, run)
            return untilCancelled(run)
          })
          await f.clock.settle()
          return () => other.cancel()
        },
      }),
    ),
  ]

  it.each(reentries)('CAN-11, C11: $name cancels as from outside: no further chunk, no commit', async ({ arrange }) => {
    const f = quick()
    const source = controlledSource()
    const saved: string[] = []
    const victim = await f.manager.register(async (run) => {
      const { text } = await run.stream(source)
      return run.commit(() => saved.push(text))
    })
    await f.clock.settle()
    source.push(CHUNK)
    await f.clock.settle()
    expect(victim.snapshot()).toMatchObject({ status: 'running', lastSeq: 1 })
    let statusInside: string | undefined
    const trigger = await arrange(f, () => {
      void victim.cancel({ by: 'inside' })
      statusInside = victim.snapshot().status
      source.push('late')
      source.end('stop')
    })

    void trigger()
    await f.clock.settle()
    expect(statusInside).toBe('cancelling') // recorded in the calling tick
    await expectCancelled(f, victim, { kind: 'user', forced: false, chunks: 1 })
    expect(saved).toEqual([])
  })

  it.each([
    ['emits', (run: RunContext) => run.emit('late')],
    ['names a step', (run: RunContext) => run.step('late')],
    ['looks at its token', (run: RunContext) => run.token.throwIfCancelled()],
  ])('CAN-11, REG-21: a producer that cancels itself and then %s gets the cancel thrown', async (_, next) => {
    const f = quick()
    let thrown: unknown
    const handle: JobHandle<unknown> = await f.manager.register(async (run) => {
      run.emit('a')
      void f.manager.cancel(run.jobId)
      try {
        next(run)
      } catch (error) {
        thrown = error
        throw error
      }
    })
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 1 })
    expect(thrown).toBeInstanceOf(JobCancelledError)
    expect(thrown).toMatchObject({ name: 'AbortError', code: 'job.cancelled', reason: { kind: 'user' } })
  })

  it('CAN-11: a producer that cancels itself and waits for the answer gets it when its time is over', async () => {
    const f = quick()
    let answer: unknown
    const handle = await f.manager.register(async (run) => {
      answer = await f.manager.cancel(run.jobId)
    })
    await f.clock.advance(GIVEN_UP_MS)
    expect(answer).toMatchObject({ outcome: 'cancelled', forced: true })
    await expectCancelled(f, handle, { kind: 'user', forced: true, chunks: 0 })
  })

  it('CAN-11: a cleanup that waits for the cancel of its own job is cut off by the limit of cleanups', async () => {
    const f = quick()
    let answer: unknown
    const handle = await f.manager.register((run) => {
      run.defer(async () => {
        answer = await f.manager.cancel(run.jobId)
      })
      return untilCancelled(run)
    })
    await f.clock.settle()
    const cancelled = handle.cancel()
    expect(await within(f.clock, GRACE_MS, cancelled)).toMatchObject({ outcome: 'cancelled', cleanup: 'timed-out' })
    await f.clock.advance(CANCEL_TIMEOUT_MS)
    expect(answer).toMatchObject({ outcome: 'cancelled', joined: true })
  })

  it('CAN-11: an iterator that cancels inside next() gets no further pull, and its chunk is not delivered', async () => {
    const f = quick()
    let handle: JobHandle<string> | undefined
    const source = scriptedSource(['a', { do: 'call', fn: () => void handle?.cancel() }, 'b', 'c'])
    handle = await f.manager.register(streams(source as AsyncIterable<string>))
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 1 })
    expect(source).toMatchObject({ nextCalls: 2, returnCalls: 1, overlappingNextCalls: 0 })
  })

  it('CAN-11: an events reader that cancels at the first chunk sees no second one', async () => {
    const f = quick()
    const source = controlledSource()
    const handle = await f.manager.register(streams(source as AsyncIterable<string>))
    const seen: string[] = []
    const reading = (async () => {
      for await (const event of handle.events()) {
        seen.push(event.type)
        if (event.type === 'chunk') {
          void handle.cancel()
          source.push('c')
        }
      }
    })()
    await f.clock.settle()
    source.push('a')
    await f.clock.settle()
    await within(f.clock, 0, reading)
    expect(seen).toEqual(['chunk', 'cancelling', 'cancelled'])
  })

  it('CAN-11, T07: an onCancel listener that registers another one and cancels again does not loop', async () => {
    const f = quick()
    const calls: string[] = []
    const handle = await f.manager.register((run) => {
      run.token.onCancel((reason) => {
        calls.push(`outer ${reason.kind}`)
        run.token.onCancel(() => calls.push('inner'))
        void handleOf().cancel({ kind: 'shutdown' })
      })
      return untilCancelled(run)
    })
    const handleOf = () => handle
    await f.clock.settle()
    void handle.cancel()
    expect(calls).toEqual(['outer user', 'inner'])
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
  })

  it('T02, T07: listeners that throw stop neither each other nor the cancel', async () => {
    const f = quick()
    const told: string[] = []
    f.manager.on('cancelRequested', () => {
      throw new Error('listener')
    })
    const handle = await f.manager.register((run) => {
      run.token.onCancel(() => {
        told.push('first')
        throw new Error('listener')
      })
      run.token.onCancel(() => told.push('second'))
      const removed = run.token.onCancel(() => told.push('removed'))
      removed()
      return untilCancelled(run)
    })
    await f.clock.settle()
    expect(() => void handle.cancel()).not.toThrow()
    expect(told).toEqual(['first', 'second'])
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
    expect(f.logs.of('listener.failed')).toHaveLength(1)
  })

  it('G14: an async onCancel listener that rejects is contained and logged', async () => {
    const f = quick()
    const handle = await f.manager.register((run) => {
      run.token.onCancel((async () => {
        throw new Error('socket hang up')
      }) as () => void)
      return untilCancelled(run)
    })
    await f.clock.settle()
    void handle.cancel()
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
    expect(f.logs.of('listener.failed')).toHaveLength(1)
  })
})

describe('cancelMany', () => {
  it('CAN-16: a thousand jobs of one owner all settle, each with its own result, while others and timers go on', async () => {
    const f = quick()
    const cleaned = new Set<string>()
    const mine: Array<JobHandle<unknown>> = []
    for (let index = 0; index < 1_000; index++) {
      mine.push(
        await f.manager.register(
          (run) => {
            run.defer(async () => {
              await f.clock.yieldMacrotask()
              cleaned.add(run.jobId)
            })
            return untilCancelled(run)
          },
          { owner: 'ada' },
        ),
      )
    }
    const source = controlledSource()
    const other = await f.manager.register(streams(source as AsyncIterable<string>), { owner: 'bob' })
    await f.clock.settle()
    expect(f.manager.stats().jobs.running).toBe(1_001)
    let ticks = 0
    const clear = f.clock.setTimer(0, () => ticks++)

    const answers = f.manager.cancelMany({ owner: 'ada' })
    source.push('b')
    const results = await within(f.clock, 0, answers)
    clear()
    expect(ticks).toBe(1)
    expect(results).toHaveLength(1_000)
    expect(results.every((result) => result.outcome === 'cancelled' && !result.joined && !result.forced)).toBe(true)
    expect(new Set(results.map(({ jobId }) => jobId))).toEqual(new Set(mine.map(({ jobId }) => jobId)))
    expect(cleaned.size).toBe(1_000)
    expect(other.snapshot()).toMatchObject({ status: 'running', lastSeq: 1 })
    source.end('stop')
    expect(await within(f.clock, 0, other.settled)).toMatchObject({ status: 'completed', value: 'b' })
  })

  /** Three slots: one job saves, two run, and one waits. */
  async function oneInEachStatus() {
    const f = fixture({ retentionMs: 1_000, maxConcurrentJobs: 3 })
    const saved = tap<string>()
    const owned = { owner: 'ada', group: 'g1' }
    const settled = await f.manager.register(async () => 'done', owned)
    await f.clock.settle()
    const committing = await f.manager.register((run) => run.commit(() => saved.next()), owned)
    const running = await f.manager.register(untilCancelled, owned)
    const elsewhere = await f.manager.register(untilCancelled, { owner: 'ada', group: 'g2' })
    const pending = await f.manager.register(untilCancelled, owned)
    await f.clock.settle()
    const jobs = { settled, committing, running, elsewhere, pending }
    const statuses = Object.entries(jobs).map(([name, job]) => [name, job.snapshot().status])
    expect(Object.fromEntries(statuses)).toEqual({
      settled: 'completed',
      committing: 'committing',
      running: 'running',
      elsewhere: 'running',
      pending: 'pending',
    })
    return {
      ...f,
      manager: f.manager,
      jobs,
      async end() {
        saved.give('saved')
        await f.clock.settle()
        await within(f.clock, 0, f.manager.cancelMany({ owner: 'ada' }))
        expect(await committing.settled).toMatchObject({ status: 'completed', commit: 'done' })
      },
    }
  }

  it('CAN-19: by group, exactly its live jobs are cancelled with the given kind; a committing one is too late', async () => {
    const { clock, manager, jobs, end } = await oneInEachStatus()
    const answers = manager.cancelMany({ group: 'g1' }, { kind: 'shutdown', by: 'ops', timeoutMs: 10 })
    const byId = new Map((await within(clock, 10, answers)).map((result) => [result.jobId, result]))
    expect(byId.get(jobs.committing.jobId)).toMatchObject({ outcome: 'too-late', status: 'committing' })
    for (const job of [jobs.running, jobs.pending]) {
      expect(byId.get(job.jobId)).toMatchObject({ outcome: 'cancelled', reason: { kind: 'shutdown', by: 'ops' } })
    }
    expect(byId.size).toBe(3)
    expect(jobs.elsewhere.snapshot().status).toBe('running')
    await end()
  })

  it('CAN-19: by status, exactly the jobs in that status are cancelled', async () => {
    const { clock, manager, jobs, end } = await oneInEachStatus()
    const results = await within(clock, 0, manager.cancelMany({ status: ['pending'] }))
    expect(results.map(({ jobId }) => jobId)).toEqual([jobs.pending.jobId])
    expect([jobs.running, jobs.elsewhere].map((job) => job.snapshot().status)).toEqual(['running', 'running'])
    await end()
  })

  it('CAN-19: several fields all have to match', async () => {
    const { clock, manager, jobs, end } = await oneInEachStatus()
    const filter = { owner: 'ada', group: 'g1', status: ['running' as const] }
    const results = await within(clock, 0, manager.cancelMany(filter))
    expect(results.map(({ jobId }) => jobId)).toEqual([jobs.running.jobId])
    await end()
  })

  it.each([
    [{ owner: 'nobody' }],
    [{ group: 'none' }],
    [{ status: ['cancelling' as const] }],
    [{ status: ['completed' as const, 'failed' as const] }],
    [{ status: [] }],
  ])('CAN-19: a match of nothing, %o, answers an empty list', async (filter) => {
    const f = quick()
    const handle = await f.manager.register(async () => 'done', { owner: 'ada' })
    await within(f.clock, 0, handle.settled)
    expect(await f.manager.cancelMany(filter)).toEqual([])
  })
})
