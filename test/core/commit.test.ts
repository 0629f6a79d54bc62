import {
  CommitError,
  type CommitFence,
  createMemoryJobStore,
  type FinishReason,
  GenerationOrchestrator,
  IncompleteGenerationError,
  InvalidOptionsError,
  InvalidResultError,
  isGenerationJobError,
  JobCancelledError,
  type JobHandle,
  type Producer,
  type RunContext,
  type RunEnd,
} from 'generation-jobs'
import { controlledSource, recordingStore, scriptedSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { CANCELLERS } from '../support/cancellers.js'
import { chunksOf } from '../support/event-log.js'
import { expectCancelled } from '../support/expect-cancelled.js'
import { type Fixture, fixture } from '../support/fixture.js'
import { oneEnd } from '../support/one-end.js'
import { PRODUCER_BEHAVIOURS } from '../support/producer-behaviours.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'

const GIVEN_UP_MS = 3_500
const COMMIT_TIMEOUT_MS = 30_000

/** Longer retention than the commit limit, so that the record can be read after it. */
const quick = () => fixture({ retentionMs: 60_000 })

const hangs = () => new Promise<never>(() => {})

// biome-ignore lint/suspicious/noThenProperty: a thenable is what this is
const thenable = { then: (resolve: (value: string) => void) => resolve('saved') }

async function started<T>(f: Fixture, producer: Producer<T>): Promise<JobHandle<T>> {
  const handle = await f.manager.register(producer)
  await f.clock.settle()
  return handle
}

/** A job that waits in its save until the test answers it. */
async function saving(f: Fixture, options = {}) {
  const answer = tap<string>()
  const fences: CommitFence[] = []
  const contexts: RunContext[] = []
  const handle = await f.manager.register(async (run) => {
    contexts.push(run)
    run.emit('a')
    return run.commit((fence) => {
      fences.push(fence)
      return answer.next()
    })
  }, options)
  await f.clock.settle()
  const [fence] = fences
  const [run] = contexts
  if (!fence || !run) throw new Error('the save was not called')
  expect(handle.snapshot().status).toBe('committing')
  return { handle, answer, fence, run }
}

describe('a cancel before the commit', () => {
  it.each(PRODUCER_BEHAVIOURS)(
    'CVC-02, CVC-10, G6: with a producer that $name, whose model comes to a good end after it, nothing is saved',
    async ({ make, letsGo }) => {
      const f = quick()
      const { producer, feed, finish, store } = make()
      const handle = await started(f, producer)
      for (let count = 0; count < 3; count++) feed()
      await f.clock.settle()
      expect(handle.snapshot().status).toBe('running')
      const answer = handle.cancel()
      finish() // in the tick of the cancel
      await f.clock.settle()
      const forced = letsGo === 'never'
      if (forced) await f.clock.advance(GIVEN_UP_MS)
      expect(await within(f.clock, 0, answer)).toMatchObject({ outcome: 'cancelled', forced })
      await expectCancelled(f, handle, { kind: 'user', forced, chunks: 3 })
      expect(store.calls()).toEqual([])
    },
  )

  it.each(PRODUCER_BEHAVIOURS.filter(({ name }) => !name.includes('swallows') && !name.includes('never answers')))(
    'the same producer, one that $name, saves once when nobody cancels (these tests can fail)',
    async ({ make }) => {
      const f = quick()
      const { producer, feed, finish, store } = make()
      const handle = await started(f, producer)
      feed()
      await f.clock.settle()
      finish()
      expect(await within(f.clock, 0, handle.settled)).toMatchObject({ status: 'completed', commit: 'done' })
      expect(store.committed()).toHaveLength(1)
    },
  )

  it('CVC-10: a value that was returned, and an error that was thrown, after the cancel reach neither outcome nor record', async () => {
    const f = quick()
    for (const producer of [
      async (run: RunContext) => {
        await new Promise((resolve) => run.token.onCancel(resolve))
        return { secret: 'value' }
      },
      async (run: RunContext) => {
        await new Promise((resolve) => run.token.onCancel(resolve))
        throw Object.assign(new Error('secret message'), { code: 'E_SECRET' })
      },
    ]) {
      const handle = await started(f, producer as Producer<unknown>)
      void handle.cancel()
      const outcome = await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
      expect(Object.keys(outcome)).not.toContain('value')
      expect(Object.keys(outcome)).not.toContain('error')
    }
    expect(JSON.stringify(f.logs.lines)).not.toContain('secret message')
  })

  it('CVC-02: stops a validation that goes on, and what it answers later is not saved', async () => {
    const f = quick()
    const valid = tap<string>()
    const store = recordingStore<string>()
    const source = scriptedSource(['a'])
    const orchestrator = new GenerationOrchestrator({
      generate: () => source as AsyncIterable<string>,
      validate: () => valid.next(),
      commit: store.save,
    })
    const handle = await started(f, orchestrator.producer('a prompt'))
    expect(handle.snapshot()).toMatchObject({ status: 'running', step: 'Validating' })
    void handle.cancel()
    valid.give('valid')
    const { step } = (await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 1 })) && handle.snapshot()
    expect(step).toBe('Validating')
    expect(f.logs.of('job.cancelled')[0]?.fields.step).toBe('Validating')
    expect(store.calls()).toEqual([])
  })

  it('CVC-02: a validation that hangs is given up at half of the grace period', async () => {
    const f = quick()
    const orchestrator = new GenerationOrchestrator({
      generate: () => scriptedSource(['a']) as AsyncIterable<string>,
      validate: () => hangs(),
    })
    const handle = await started(f, orchestrator.producer('a prompt'))
    void handle.cancel()
    await f.clock.advance(GIVEN_UP_MS)
    await expectCancelled(f, handle, { kind: 'user', forced: true, chunks: 1 })
  })

  it('CVC-18: a commit after the reason was recorded throws the cancel and does not call save', async () => {
    const f = quick()
    const errors: unknown[] = []
    let saves = 0
    const handle = await started(f, async (run) => {
      await new Promise((resolve) => run.token.onCancel(resolve))
      for (let attempt = 0; attempt < 2; attempt++) {
        await run.commit(() => ++saves).catch((error: unknown) => errors.push(error))
      }
    })
    void handle.cancel()
    const { reason } = await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
    expect(saves).toBe(0)
    expect(errors).toHaveLength(2)
    for (const error of errors) {
      expect(error).toBeInstanceOf(JobCancelledError)
      expect((error as JobCancelledError).reason).toBe(reason)
    }
  })

  it('CVC-18: a commit from a cleanup, after the end is fixed, is a typed error and does not call save', async () => {
    const f = quick()
    let error: unknown
    let saves = 0
    const handle = await started(f, async (run) => {
      run.defer(async () => {
        await run
          .commit(() => ++saves)
          .catch((thrown: unknown) => {
            error = thrown
          })
      })
      return 'value'
    })
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', commit: 'none', value: 'value' })
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(saves).toBe(0)
  })
})

describe('a cancel after the claim', () => {
  it.each(CANCELLERS)(
    'CVC-03, CAN-14: $name changes nothing while save runs, and the job completes',
    async (canceller) => {
      const f = quick()
      const { options, cancel } = canceller.prepare()
      const { handle, answer, fence, run } = await saving(f, options)
      const cancelled = cancel({ manager: f.manager, handle, clock: f.clock })
      if (canceller.takesMs) await cancelled
      await f.clock.advance(5_000) // the limits pass again and again
      expect(handle.snapshot()).toMatchObject({ status: 'committing' })
      expect(handle.snapshot().cancel).toBeUndefined()
      expect([run.token.isCancelled, run.signal.aborted, fence.signal.aborted]).toEqual([false, false, false])
      run.emit('b') // events are accepted while committing

      answer.give('saved')
      const { outcome, events, record } = await oneEnd(f, handle)
      expect(outcome).toMatchObject({ status: 'completed', commit: 'done', value: 'saved', forced: false })
      expect(record.cancel).toBeUndefined()
      expect(events.map(({ type }) => type)).toEqual(['chunk', 'chunk', 'complete'])
      expect(run.signal.aborted).toBe(false)
      expect(f.logs.of('job.cancel_requested')).toEqual([])
    },
  )

  it('CVC-03: every cancel is answered too-late with the status at its end, and already-settled after it', async () => {
    const f = quick()
    const { handle, answer } = await saving(f)
    const answers = [
      handle.cancel(),
      f.manager.cancel(handle.jobId, { kind: 'shutdown' }),
      handle.cancel({ timeoutMs: 10 }),
    ]
    await f.clock.advance(10)
    expect(await answers[2]).toEqual({ outcome: 'too-late', jobId: handle.jobId, status: 'committing' })
    answer.give('saved')
    const expected = { outcome: 'too-late', jobId: handle.jobId, status: 'completed' }
    expect(await within(f.clock, 0, Promise.all(answers.slice(0, 2)))).toEqual([expected, expected])
    expect(await handle.cancel()).toEqual({ outcome: 'already-settled', jobId: handle.jobId, status: 'completed' })
  })

  it('CVC-03: is still too late when save has resolved and the producer works on', async () => {
    const f = quick()
    const more = tap<string>()
    const handle = await started(f, async (run) => {
      await run.commit(() => 'saved')
      return more.next()
    })
    const answer = handle.cancel()
    more.give('value')
    expect(await within(f.clock, 0, answer)).toMatchObject({ outcome: 'too-late', status: 'completed' })
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', commit: 'done', value: 'value' })
  })

  it('CVC-03: is answered too-late with status failed when the save throws after it', async () => {
    const f = quick()
    const { handle, answer } = await saving(f)
    const cancelled = handle.cancel()
    answer.fail(new Error('disk full'))
    expect(await within(f.clock, 0, cancelled)).toEqual({ outcome: 'too-late', jobId: handle.jobId, status: 'failed' })
  })

  it('CVC-03: a drain leaves the commit to its end and counts it as completed', async () => {
    const f = quick()
    const { handle, answer } = await saving(f)
    const draining = f.manager.drain({ timeoutMs: 1_000 })
    await f.clock.advance(10_000)
    expect(handle.snapshot().status).toBe('committing')
    answer.give('saved')
    expect(await within(f.clock, 0, draining)).toMatchObject({ completed: 1, failed: 0, cancelled: 0, forced: 0 })
  })

  it('CVC-03: close() waits for the commit', async () => {
    const f = quick()
    const { handle, answer } = await saving(f)
    const closing = f.manager.close()
    await f.clock.advance(10_000)
    answer.give('saved')
    await within(f.clock, 0, closing)
    expect(await handle.settled).toMatchObject({ status: 'completed', commit: 'done' })
  })

  it('CVC-03: from the committing listener it is too late, and save is called', async () => {
    const f = quick()
    const answers: unknown[] = []
    f.manager.on('committing', ({ job }) => {
      void f.manager.cancel(job.jobId).then((answer) => answers.push(answer))
    })
    let saves = 0
    const handle = await started(f, (run) => run.commit(() => ++saves))
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', commit: 'done' })
    expect(answers).toMatchObject([{ outcome: 'too-late', status: 'completed' }])
    expect(saves).toBe(1)
  })

  it('CVC-03, CAN-11: from inside save it is too late', async () => {
    const f = quick()
    const answers: unknown[] = []
    const handle = await started(f, (run) =>
      run.commit(() => {
        void f.manager.cancel(run.jobId).then((answer) => answers.push(answer))
        return 'saved'
      }),
    )
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', value: 'saved' })
    expect(answers).toMatchObject([{ outcome: 'too-late', status: 'completed' }])
  })
})

describe('save', () => {
  it('CVC-04, G6: is called exactly once, after the source is done, with the whole validated text', async () => {
    const f = quick()
    const source = controlledSource()
    const calls: Array<{ result: unknown; sourceClosed: boolean; events: number; status: string }> = []
    const orchestrator = new GenerationOrchestrator({
      generate: () => source as AsyncIterable<string>,
      validate: z.object({ title: z.string() }).transform(({ title }) => ({ title: title.toUpperCase() })),
      commit(result) {
        const { status, lastSeq } = handle.snapshot()
        calls.push({ result, sourceClosed: source.closed, events: lastSeq, status })
      },
    })
    const handle: JobHandle<unknown> = await started(f, orchestrator.producer('a prompt'))
    for (const chunk of ['{"ti', 'tle":', '"tale"}']) {
      source.push(chunk)
      await f.clock.settle()
      expect(calls).toEqual([])
    }
    source.push({ finish: 'stop' })
    await f.clock.settle()
    expect(calls).toEqual([]) // the finish reason is not the end
    source.end()
    expect((await oneEnd(f, handle)).outcome).toMatchObject({
      status: 'completed',
      commit: 'done',
      value: { title: 'TALE' },
    })
    expect(calls).toEqual([{ result: { title: 'TALE' }, sourceClosed: true, events: 6, status: 'committing' }])
  })

  it.each(['length', 'content-filter', 'tool-calls', 'error'] satisfies FinishReason[])(
    'G6, REG-19: is not called by an orchestrator whose source ends with %s',
    async (finish) => {
      const f = quick()
      const store = recordingStore<string>()
      const orchestrator = new GenerationOrchestrator({
        generate: () => scriptedSource(['half', { finish }]),
        commit: store.save,
      })
      const handle = await started(f, orchestrator.producer('a prompt'))
      const { outcome, events } = await oneEnd(f, handle)
      expect(outcome).toMatchObject({ status: 'failed', commit: 'none', error: { code: 'generation.incomplete' } })
      expect(chunksOf(events)).toEqual(['half'])
      expect(store.calls()).toEqual([])
    },
  )

  it.each([
    ['whose source fails', { generate: () => scriptedSource(['half', { do: 'throw', error: new Error('broken') }]) }],
    [
      'whose validation throws',
      { generate: () => scriptedSource(['half']), validate: () => Promise.reject(new Error('no')) },
    ],
    ['whose text is not JSON', { generate: () => scriptedSource(['half']), validate: z.string() }],
    [
      'whose JSON does not match',
      { generate: () => scriptedSource(['{}']), validate: z.object({ title: z.string() }) },
    ],
  ])('G6, CVC-08: is not called by an orchestrator %s, and the chunks stay readable', async (_, stages) => {
    const f = quick()
    const store = recordingStore<unknown>()
    const orchestrator = new GenerationOrchestrator<string, unknown>({
      validate: (text) => text,
      ...stages,
      commit: store.save,
    })
    const handle = await started(f, orchestrator.producer('a prompt'))
    const { outcome, events } = await oneEnd(f, handle)
    expect(outcome).toMatchObject({ status: 'failed', commit: 'none' })
    expect(chunksOf(events)).toHaveLength(1)
    expect(store.calls()).toEqual([])
  })

  it('G6: is called for a raw producer that catches the incomplete source and vouches for another text', async () => {
    const f = quick()
    const store = recordingStore<string>()
    const handle = await started(f, async (run) => {
      const { text } = await run.stream(scriptedSource(['half', { finish: 'length' }])).catch((error: unknown) => {
        expect(error).toBeInstanceOf(IncompleteGenerationError)
        return run.stream(scriptedSource(['whole']))
      })
      return run.commit((fence) => store.save(text, fence))
    })
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', commit: 'done' })
    expect(store.committed()).toEqual(['whole'])
  })

  it('hands save the fence of the run, and commit answers what save answered', async () => {
    const f = quick()
    const { handle, answer, fence, run } = await saving(f)
    expect(fence).toMatchObject({ jobId: handle.jobId, fencingToken: run.fencingToken })
    expect(fence.signal).toBe(fence.signal)
    expect(fence.signal).not.toBe(run.signal)
    answer.give('saved')
    expect(await within(f.clock, 0, handle.settled)).toMatchObject({ value: 'saved' })
    expect(fence.signal.aborted).toBe(false)
  })

  it.each([
    ['a value', () => 'saved'],
    ['a promise', async () => 'saved'],
    ['a thenable', () => thenable as unknown as Promise<string>],
  ])('may answer %s', async (_, save) => {
    const f = quick()
    const handle = await started(f, (run) => run.commit<string>(save))
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', commit: 'done', value: 'saved' })
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('disk full')
      },
    ],
    ['rejects', () => Promise.reject(new Error('disk full'))],
    ['rejects with nothing', () => Promise.reject(undefined)],
    [
      'rejects with the cancel error of another job',
      () => Promise.reject(new JobCancelledError('other', { kind: 'user', at: 0 })),
    ],
  ])(
    'CVC-07: that %s fails the job with commit.failed, unknown whether saved, and is not called again',
    async (_, save) => {
      const f = quick()
      const errors: unknown[] = []
      let saves = 0
      const handle = await started(f, async (run) => {
        for (let attempt = 0; attempt < 3; attempt++) {
          await run
            .commit(() => {
              saves++
              return save()
            })
            .catch((error: unknown) => errors.push(error))
        }
        return 'a value of a producer that does not want to know'
      })
      const { outcome, record } = await oneEnd(f, handle)
      expect(outcome).toMatchObject({ status: 'failed', commit: 'unknown', error: { code: 'commit.failed' } })
      expect(record).toMatchObject({ commit: 'unknown', error: { code: 'commit.failed' } })
      expect(record).not.toHaveProperty('result')
      expect(saves).toBe(1)
      expect(errors[0]).toBeInstanceOf(CommitError)
      expect(errors[0]).toMatchObject({ code: 'commit.failed' })
      for (const error of errors.slice(1)) expect(isGenerationJobError(error)).toBe(true)
      expect(JSON.stringify([f.logs.lines, record])).not.toContain('disk full')
    },
  )

  it('CVC-07: keeps the error that save threw as the cause, in this process', async () => {
    const f = quick()
    const original = new Error('disk full')
    const handle = await started(f, (run) => run.commit(() => Promise.reject(original)))
    const { outcome } = await oneEnd(f, handle)
    const cause = outcome.status === 'failed' ? outcome.error.cause : undefined
    expect([cause, (cause as Error | undefined)?.cause]).toContain(original)
  })

  it('CVC-06: that never answers fails the job at commitTimeoutMs with commit.unknown, and its fence aborts then', async () => {
    const f = quick()
    const { handle, fence, run } = await saving(f)
    const cleaned: RunEnd[] = []
    run.defer((end) => void cleaned.push(end))
    const aborted = new Promise<number>((resolve) =>
      fence.signal.addEventListener('abort', () => resolve(f.clock.monotonic())),
    )
    void handle.cancel()
    await f.clock.advance(COMMIT_TIMEOUT_MS - 1)
    expect(handle.snapshot().status).toBe('committing')
    expect(fence.signal.aborted).toBe(false)
    await f.clock.advance(1)
    expect(await aborted).toBe(COMMIT_TIMEOUT_MS)
    expect(fence.signal.reason).toMatchObject({ name: 'TimeoutError' })
    const { outcome, record } = await oneEnd(f, handle)
    expect(outcome).toMatchObject({
      status: 'failed',
      commit: 'unknown',
      error: { code: 'commit.unknown' },
      forced: false,
    })
    expect(record).toMatchObject({ status: 'failed', commit: 'unknown', error: { code: 'commit.unknown' } })
    expect(cleaned).toMatchObject([{ status: 'failed', error: { code: 'commit.unknown' } }])
    expect(run.token.isCancelled).toBe(false)
  })

  it('CVC-06: a producer that cannot bear the unknown commit and hangs is given up inside the grace period', async () => {
    const f = quick()
    const handle = await started(f, async (run) => {
      await run.commit(hangs).catch(() => undefined)
      await hangs()
    })
    await f.clock.advance(COMMIT_TIMEOUT_MS + GIVEN_UP_MS - 1)
    expect(handle.snapshot().status).toBe('committing')
    await f.clock.advance(1)
    expect((await oneEnd(f, handle)).outcome).toMatchObject({
      status: 'failed',
      forced: true,
      commit: 'unknown',
      error: { code: 'commit.unknown' },
    })
  })

  it.each([
    ['resolves', (answer: ReturnType<typeof tap<string>>) => answer.give('saved'), 'resolved'],
    ['rejects', (answer: ReturnType<typeof tap<string>>) => answer.fail(new Error('disk full')), 'rejected'],
  ] as const)('CVC-17: that %s after its limit changes nothing and is logged once', async (_, go, result) => {
    const f = quick()
    const { handle, answer } = await saving(f)
    await f.clock.advance(COMMIT_TIMEOUT_MS)
    const before = await oneEnd(f, handle)
    expect(before.outcome).toMatchObject({ status: 'failed', error: { code: 'commit.unknown' } })
    expect(f.logs.of('job.commit_late')).toEqual([])
    go(answer)
    await f.clock.settle()
    expect(await oneEnd(f, handle)).toEqual(before)
    expect(f.logs.of('job.commit_late')).toEqual([
      expect.objectContaining({ level: 'warn', fields: expect.objectContaining({ job_id: handle.jobId, result }) }),
    ])
  })

  it('CVC-18: a second commit is a typed error, also while the first one runs, and its save is not called', async () => {
    const f = quick()
    const errors: unknown[] = []
    const saved: string[] = []
    const handle = await started(f, async (run) => {
      const first = run.commit(async () => {
        await f.clock.yieldMacrotask()
        saved.push('first')
        return 'first'
      })
      await run.commit(() => saved.push('second')).catch((error: unknown) => errors.push(error))
      const value = await first
      await run.commit(() => saved.push('third')).catch((error: unknown) => errors.push(error))
      return value
    })
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', commit: 'done', value: 'first' })
    expect(saved).toEqual(['first'])
    expect(errors).toEqual([expect.any(InvalidOptionsError), expect.any(InvalidOptionsError)])
  })

  it('a commit with what is no function is a typed error, and the one call is still free', async () => {
    const f = quick()
    const handle = await started(f, async (run) => {
      const error = await run.commit('no function' as unknown as () => string).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(InvalidOptionsError)
      return run.commit(() => 'saved')
    })
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', commit: 'done', value: 'saved' })
  })
})

describe('what a producer does around its commit', () => {
  it('CVC-16: a throw after save resolved leaves the job completed, without value, and one line in the log', async () => {
    const f = quick()
    const handle = await started(f, async (run) => {
      await run.commit(() => 'saved')
      throw Object.assign(new Error('secret message'), { code: 'E_AFTER' })
    })
    const { outcome, record } = await oneEnd(f, handle)
    expect(outcome).toMatchObject({
      status: 'completed',
      commit: 'done',
      value: undefined,
      valueOmitted: 'producer-failed',
      forced: false,
    })
    expect(record).not.toHaveProperty('error')
    const lines = f.logs.of('job.post_commit_failed')
    expect(lines).toHaveLength(1)
    expect(lines[0]?.fields).toMatchObject({ job_id: handle.jobId, error_code: 'E_AFTER' })
    expect(JSON.stringify(f.logs.lines)).not.toContain('secret message')
  })

  it('CVC-16, G6: a producer that hangs after save resolved gets half of the grace period and is forced, still completed', async () => {
    const f = quick()
    const handle = await started(f, async (run) => {
      await run.commit(() => 'saved')
      await hangs()
    })
    await f.clock.advance(GIVEN_UP_MS - 1)
    expect(handle.snapshot().status).toBe('committing')
    await f.clock.advance(1)
    expect((await oneEnd(f, handle)).outcome).toMatchObject({
      status: 'completed',
      commit: 'done',
      forced: true,
      value: undefined,
      valueOmitted: 'producer-failed',
    })
    expect(f.logs.of('job.post_commit_failed')).toHaveLength(1)
  })

  it('CVC-16: its cleanups see a completed end', async () => {
    const f = quick()
    const ends: string[] = []
    await started(f, async (run) => {
      run.defer((end) => void ends.push(end.status))
      await run.commit(() => 'saved')
      throw new Error('after')
    })
    expect(ends).toEqual(['completed'])
  })

  it('G6: a commit that nobody awaits is waited for: its end is the end of the job', async () => {
    const f = quick()
    const answer = tap<string>()
    const handle = await started(f, async (run) => {
      void run.commit(() => answer.next())
      return 'value'
    })
    expect(handle.snapshot().status).toBe('committing')
    await f.clock.advance(10_000)
    answer.give('saved')
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', commit: 'done', value: 'value' })
  })

  it('G6, G14: a commit that nobody awaits and that fails is the end of the job, and no unhandled rejection', async () => {
    const f = quick()
    const answer = tap<string>()
    const handle = await started(f, async (run) => {
      void run.commit(() => answer.next())
      return 'value'
    })
    answer.fail(new Error('disk full'))
    expect((await oneEnd(f, handle)).outcome).toMatchObject({
      status: 'failed',
      commit: 'unknown',
      error: { code: 'commit.failed' },
    })
  })

  it('CVC-16: a producer that throws while save runs does not stop it; what save answers counts', async () => {
    const f = quick()
    const answer = tap<string>()
    const handle = await started(f, async (run) => {
      void run.commit(() => answer.next())
      throw new Error('meanwhile')
    })
    expect(handle.snapshot().status).toBe('committing')
    answer.give('saved')
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', commit: 'done', value: undefined })
    expect(f.logs.of('job.post_commit_failed')).toHaveLength(1)
  })

  it('G6: an invalid result after the commit does not undo it', async () => {
    const f = quick()
    const handle = await started(f, async (run) => {
      await run.commit(() => 'saved')
      throw new InvalidResultError('too late to say so')
    })
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'completed', commit: 'done' })
  })
})

describe('after the end', () => {
  const ends: Array<[string, (run: RunContext) => Promise<unknown>, boolean]> = [
    ['completed', async () => 'value', false],
    [
      'failed',
      async () => {
        throw new Error('broken')
      },
      false,
    ],
    ['cancelled', (run) => new Promise((resolve) => run.token.onCancel(resolve)), true],
  ]
  it.each(ends)(
    'CVC-11, G7: a %s run refuses chunks, streams and commits; record and log stay',
    async (status, end, mustCancel) => {
      const f = quick()
      const contexts: RunContext[] = []
      const source = controlledSource()
      const handle = await started(f, async (run) => {
        contexts.push(run)
        run.emit('a')
        return await end(run)
      })
      if (mustCancel) void handle.cancel()
      const before = await oneEnd(f, handle)
      expect(before.outcome.status).toBe(status)
      const [run] = contexts
      if (!run) throw new Error('the producer was not called')

      let saves = 0
      expect(run.tryEmit('late')).toBe(false)
      expect(() => run.emit('late')).toThrow()
      expect(() => run.step('late')).toThrow()
      const streamed = await run.stream(source).catch((error: unknown) => error)
      const committed = await run.commit(() => ++saves).catch((error: unknown) => error)
      expect([streamed, committed].map(isGenerationJobError)).toEqual([true, true])
      source.push('late')
      source.end('stop')
      await f.clock.advance(1_000)
      expect(source.nextCalls).toBe(0)
      expect(saves).toBe(0)
      expect(await oneEnd(f, handle)).toEqual(before)
    },
  )

  it.each(ends)(
    'CVC-11: the store refuses an append, a claim and another end of a %s job',
    async (status, end, mustCancel) => {
      const f = fixture()
      const store = createMemoryJobStore({ clock: f.clock })
      const manager = f.newManager({ store, retentionMs: 60_000 })
      const tokens: number[] = []
      const handle = await manager.register(async (run) => {
        tokens.push(run.fencingToken)
        return await end(run)
      })
      await f.clock.settle()
      if (mustCancel) void handle.cancel()
      const before = await oneEnd({ ...f, manager }, handle)
      const { jobId } = handle
      const [fencingToken = 0] = tokens
      const owned = { jobId, fencingToken, operationId: 'provider' }
      const { lastSeq, createdAt } = before.record
      const event = { seq: lastSeq + 1, at: createdAt, type: 'chunk', content: 'late' } as const
      expect(await store.append(jobId, fencingToken, [event], 4)).toMatchObject({ answer: 'not-running' })
      expect(await store.claimCommit(owned)).toMatchObject({ answer: 'lost' })
      const completed = {
        status: 'completed',
        commit: 'done',
        cleanup: 'clean',
        forced: false,
        queuedMs: 0,
        runMs: 0,
      } as const
      expect(await store.settle({ ...owned, end: completed })).toMatchObject({ answer: 'already-settled' })
      expect(await oneEnd({ ...f, manager }, handle)).toEqual(before)
      expect(before.outcome.status).toBe(status)
    },
  )

  it('CVC-12: the usage of a cancelled job is what was reported', async () => {
    const f = quick()
    const source = controlledSource()
    const handle = await started(f, async (run) => (await run.stream(source)).text)
    source.push({ text: 'a', usage: { inputTokens: 7, outputTokens: 1, quality: 'reported' } })
    await f.clock.settle()
    void handle.cancel()
    const { outcome, record } = await oneEnd(f, handle)
    expect(outcome.usage).toEqual({ inputTokens: 7, outputTokens: 1, quality: 'reported' })
    expect(record.usage).toEqual(outcome.usage)
  })

  it.each(['cancelled', 'failed'])(
    'CVC-12: of a %s job whose source reported none it is unknown, never zero',
    async (status) => {
      const f = quick()
      const source = controlledSource()
      const handle = await started(f, async (run) => (await run.stream(source)).text)
      source.push('a')
      await f.clock.settle()
      if (status === 'cancelled') void handle.cancel()
      else source.fail(new Error('broken'))
      const { outcome, record } = await oneEnd(f, handle)
      expect(outcome).toMatchObject({ status, usage: { quality: 'unknown' } })
      expect(outcome.usage).toEqual({ quality: 'unknown' })
      expect(record.usage).toEqual({ quality: 'unknown' })
    },
  )

  it.each(['cancelled', 'failed'])(
    'CVC-13, CVC-08: a %s outcome holds the delivered text as partial, the same as the log',
    async (status) => {
      const f = quick()
      const source = controlledSource()
      const store = recordingStore<string>()
      const orchestrator = new GenerationOrchestrator({
        generate: () => source as AsyncIterable<string>,
        commit: store.save,
      })
      const handle = await started(f, orchestrator.producer('a prompt'))
      for (const chunk of ['Once ', 'upon']) {
        source.push(chunk)
        await f.clock.settle()
      }
      if (status === 'cancelled') void handle.cancel()
      else source.fail(new Error('broken'))
      source.push(' late')
      const { outcome, events } = await oneEnd(f, handle)
      if (outcome.status === 'completed') throw new Error('it must not complete')
      expect(chunksOf(events)).toEqual(['Once ', 'upon'])
      expect(outcome.status).toBe(status)
      // Built only when read: neither a copy nor a log line of the outcome carries generated text.
      expect(JSON.stringify(outcome)).not.toContain('Once')
      expect(JSON.stringify({ ...outcome })).not.toContain('Once')
      const { partial } = outcome
      expect(partial).toEqual({ text: 'Once upon' })
      expect(outcome.partial).toBe(partial)
      expect(store.calls()).toEqual([])
    },
  )

  it('CVC-13: a completed outcome, and one of another process, have no partial', async () => {
    const f = fixture()
    const store = createMemoryJobStore({ clock: f.clock })
    const here = f.newManager({ store, retentionMs: 60_000 })
    const there = f.newManager({ store, retentionMs: 60_000 })
    const completed = await here.register(async (run) => run.emit('a'), { jobId: 'completed' })
    const cancelled = await here.register(
      (run) => {
        run.emit('a')
        return new Promise((resolve) => run.token.onCancel(resolve))
      },
      { jobId: 'cancelled', idempotencyKey: 'key' },
    )
    const elsewhere = await there.register(async () => undefined, { idempotencyKey: 'key' })
    await f.clock.settle()
    void cancelled.cancel()
    expect(elsewhere.created).toBe(false)
    expect('partial' in (await within(f.clock, 0, completed.settled))).toBe(false)
    const local = await within(f.clock, 0, cancelled.settled)
    expect(local.status === 'cancelled' ? local.partial : undefined).toEqual({ text: 'a' })
    const remote = await within(f.clock, 5_000, elsewhere.settled)
    expect(remote).toMatchObject({ status: 'cancelled', jobId: 'cancelled' })
    expect('partial' in remote).toBe(false)
    const waited = await there.waitForCompletion('cancelled')
    expect(waited.settled && 'partial' in waited.outcome).toBe(false)
  })
})
