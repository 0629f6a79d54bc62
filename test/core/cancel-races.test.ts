import {
  type CancelResult,
  GenerationOrchestrator,
  type JobHandle,
  type Producer,
  type RegisterOptions,
} from 'generation-jobs'
import { controlledSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { type Canceller, SOME_CANCELLERS } from '../support/cancellers.js'
import { chunksOf } from '../support/event-log.js'
import { type Fixture, fixture } from '../support/fixture.js'
import { afterMicrotasks } from '../support/microtasks.js'
import { type OneEnd, oneEnd } from '../support/one-end.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'

/** More than the library needs from the last chunk to the end of the job, so that both sides of every race are seen. */
const DISTANCES = Array.from({ length: 25 }, (_, k) => k)

/** A job at a point where something is about to happen. */
interface Position {
  readonly handle: JobHandle<unknown>
  /** Makes it happen. */
  go(): void
  /** How often the result was saved. */
  saves(): number
}

interface Race {
  readonly name: string
  arrange(f: Fixture, options: RegisterOptions): Promise<Position>
  /** How the job ends when the cancel comes first, and when it comes too late. */
  readonly first: 'cancelled' | 'completed' | 'failed'
  readonly tooLate: 'cancelled' | 'completed' | 'failed'
}

async function started(f: Fixture, producer: Producer<unknown>, options: RegisterOptions): Promise<JobHandle<unknown>> {
  const handle = await f.manager.register(producer, options)
  await f.clock.settle()
  return handle
}

async function overSource(
  f: Fixture,
  options: RegisterOptions,
  go: (source: ReturnType<typeof controlledSource>) => void,
  make: (source: ReturnType<typeof controlledSource>, save: () => void) => Producer<unknown>,
): Promise<Position> {
  let saves = 0
  const source = controlledSource()
  const handle = await started(
    f,
    make(source, () => void saves++),
    options,
  )
  source.push('a')
  await f.clock.settle()
  expect(handle.snapshot().lastSeq).toBeGreaterThan(0)
  return { handle, go: () => go(source), saves: () => saves }
}

const RACES: readonly Race[] = [
  {
    name: 'the last chunk and the end of an orchestrated source',
    first: 'cancelled',
    tooLate: 'completed',
    arrange: (f, options) =>
      overSource(
        f,
        options,
        (source) => {
          source.push('b')
          source.end('stop')
        },
        (source, save) =>
          new GenerationOrchestrator({
            generate: () => source,
            validate: (text: string) => text,
            commit: save,
          }).producer('prompt'),
      ),
  },
  {
    name: 'the end of a source whose producer commits',
    first: 'cancelled',
    tooLate: 'completed',
    arrange: (f, options) =>
      overSource(
        f,
        options,
        (source) => source.end('stop'),
        (source, save) => async (run) => {
          await run.stream(source)
          return run.commit(save)
        },
      ),
  },
  {
    name: 'the end of a source whose producer does not commit',
    first: 'cancelled',
    tooLate: 'completed',
    arrange: (f, options) =>
      overSource(
        f,
        options,
        (source) => source.end('stop'),
        (source) => async (run) => (await run.stream(source)).text,
      ),
  },
  {
    name: 'the failure of a source',
    first: 'cancelled',
    tooLate: 'failed',
    arrange: (f, options) =>
      overSource(
        f,
        options,
        (source) => source.fail(new Error('broken')),
        (source, save) => async (run) => {
          await run.stream(source)
          return run.commit(save)
        },
      ),
  },
  {
    name: 'a truncated end of a source',
    first: 'cancelled',
    tooLate: 'failed',
    arrange: (f, options) =>
      overSource(
        f,
        options,
        (source) => source.end('length'),
        (source, save) => new GenerationOrchestrator({ generate: () => source, commit: save }).producer('prompt'),
      ),
  },
  {
    name: 'the return of an async generator',
    first: 'cancelled',
    tooLate: 'completed',
    async arrange(f, options) {
      const more = tap<void>()
      const handle = await started(
        f,
        async function* () {
          yield 'a'
          await more.next()
          return 'value'
        },
        options,
      )
      return { handle, go: () => more.give(), saves: () => 0 }
    },
  },
  {
    name: 'the throw of a producer',
    first: 'cancelled',
    tooLate: 'failed',
    async arrange(f, options) {
      const more = tap<void>()
      const handle = await started(f, () => more.next(), options)
      return { handle, go: () => more.fail(new Error('broken')), saves: () => 0 }
    },
  },
  {
    name: 'the end of the validation',
    first: 'cancelled',
    tooLate: 'completed',
    async arrange(f, options) {
      const valid = tap<string>()
      const position = await overSource(
        f,
        options,
        (source) => source.end('stop'),
        (source, save) =>
          new GenerationOrchestrator({ generate: () => source, validate: () => valid.next(), commit: save }).producer(
            'prompt',
          ),
      )
      position.go()
      await f.clock.settle()
      expect(position.handle.snapshot().step).toBe('Validating')
      return { ...position, go: () => valid.give('valid') }
    },
  },
  {
    name: 'the claim of a commit',
    first: 'cancelled',
    tooLate: 'completed',
    async arrange(f, options) {
      let saves = 0
      const ready = tap<void>()
      const handle = await started(
        f,
        async (run) => {
          await ready.next()
          return run.commit(() => ++saves)
        },
        options,
      )
      return { handle, go: () => ready.give(), saves: () => saves }
    },
  },
  {
    name: 'the answer of a save',
    first: 'completed',
    tooLate: 'completed',
    async arrange(f, options) {
      let saves = 0
      const saved = tap<string>()
      const handle = await started(
        f,
        (run) =>
          run.commit(() => {
            saves++
            return saved.next()
          }),
        options,
      )
      expect(handle.snapshot().status).toBe('committing')
      return { handle, go: () => saved.give('value'), saves: () => saves }
    },
  },
  {
    name: 'the failure of a save',
    first: 'failed',
    tooLate: 'failed',
    async arrange(f, options) {
      const saved = tap<string>()
      const handle = await started(f, (run) => run.commit(() => saved.next()), options)
      return { handle, go: () => saved.fail(new Error('disk full')), saves: () => 0 }
    },
  },
  {
    name: 'the end of the cleanup of a completed job',
    first: 'completed',
    tooLate: 'completed',
    async arrange(f, options) {
      const cleaned = tap<void>()
      const handle = await started(
        f,
        async (run) => {
          run.defer(() => cleaned.next())
          return 'value'
        },
        options,
      )
      expect(cleaned.waiting).toBe(1)
      return { handle, go: () => cleaned.give(), saves: () => 0 }
    },
  },
  {
    name: 'the end of the cleanup of a cancelled job',
    first: 'cancelled',
    tooLate: 'cancelled',
    async arrange(f, options) {
      const cleaned = tap<void>()
      const handle = await started(
        f,
        async (run) => {
          run.defer(() => cleaned.next())
          await new Promise((resolve) => run.token.onCancel(resolve))
        },
        options,
      )
      void handle.cancel({ kind: 'shutdown' })
      await f.clock.settle()
      expect(cleaned.waiting).toBe(1)
      return { handle, go: () => cleaned.give(), saves: () => 0 }
    },
  },
]

/** Lets the cancel come `k` microtasks after the event and looks at the end from every side. */
async function race(
  { arrange }: Race,
  canceller: Canceller,
  k: number,
): Promise<OneEnd & { saves: number; result: CancelResult | undefined }> {
  const f = fixture({ retentionMs: 1_000 })
  const { options, cancel } = canceller.prepare()
  const position = await arrange(f, options)
  const { handle } = position
  let answer: unknown
  position.go()
  afterMicrotasks(k, () => {
    answer = cancel({ manager: f.manager, handle, clock: f.clock })
  })
  await f.clock.settle()
  const end = await oneEnd(f, handle)
  const result = (await answer) as CancelResult | undefined
  const again = await within(f.clock, 0, handle.cancel())
  expect(again).toMatchObject({ outcome: 'already-settled', status: end.outcome.status })
  expect(await oneEnd(f, handle)).toEqual(end)
  return { ...end, saves: position.saves(), result }
}

const immediate = SOME_CANCELLERS.filter(({ takesMs }) => !takesMs)

describe('a cancel k microtasks after', () => {
  for (const one of RACES) {
    it.each(immediate)(
      `CVC-01, CVC-02, CVC-05, G1, G6: ${one.name}, by $name: one end, the same for all, and nothing saved if cancelled`,
      async (canceller) => {
        const statuses: string[] = []
        for (const k of DISTANCES) {
          const { outcome, events, saves, result } = await race(one, canceller, k)
          const { status } = outcome
          statuses.push(status)
          if (status === 'cancelled') {
            expect(outcome.commit).toBe('none')
            expect(saves).toBe(0)
          }
          expect(saves).toBeLessThanOrEqual(1)
          if (outcome.commit === 'done') expect(saves).toBe(1)
          const cancelling = events.findIndex(({ type }) => type === 'cancelling')
          if (cancelling >= 0) expect(chunksOf(events.slice(cancelling))).toEqual([])
          expect(cancelling >= 0, 'a cancelling event only in a cancelled job').toBe(status === 'cancelled')
          if (result && 'status' in result) expect(result.status).toBe(status)
          if (result?.outcome === 'too-late') expect(['completed', 'failed']).toContain(status)
          if (result?.outcome === 'cancelled') expect(status).toBe('cancelled')
        }
        // The cancel that comes first wins, the one that comes late loses, and there is one border between them.
        expect(statuses[0]).toBe(one.first)
        expect(statuses.at(-1)).toBe(one.tooLate)
        const border = statuses.indexOf(one.tooLate)
        expect(new Set(statuses.slice(border))).toEqual(new Set([one.tooLate]))
        if (border > 0) expect(new Set(statuses.slice(0, border))).toEqual(new Set([one.first]))
      },
    )
  }

  it.each(immediate)(
    'CAN-01, G7: a chunk, by $name: a chunk is delivered before the reason or not at all',
    async (canceller) => {
      const delivered: number[] = []
      for (const k of DISTANCES) {
        const f = fixture({ retentionMs: 1_000 })
        const { options, cancel } = canceller.prepare()
        const source = controlledSource()
        const handle = await started(f, async (run) => (await run.stream(source)).text, options)
        source.push('a')
        await f.clock.settle()
        source.push('b')
        afterMicrotasks(k, () => {
          void cancel({ manager: f.manager, handle, clock: f.clock })
          source.push('c')
        })
        await f.clock.settle()
        const { outcome, events } = await oneEnd(f, handle)
        expect(outcome).toMatchObject({
          status: 'cancelled',
          forced: false,
          partial: { text: chunksOf(events).join('') },
        })
        delivered.push(chunksOf(events).length)
        const [line] = f.logs.of('job.cancelled')
        expect(line?.fields).toMatchObject({ chunks: delivered.at(-1), dropped_chunks: 2 - (delivered.at(-1) ?? 0) })
      }
      expect(delivered[0]).toBe(1) // in the tick of the chunk, before its reader: the ready value is dropped
      expect(delivered.at(-1)).toBe(2)
      expect(delivered).toEqual([...delivered].sort())
    },
  )

  it.each(['running', 'pending'] as const)(
    'REG-06, CAN-06: the call of register of a job that will be %s: not-found, or cancelled without any timer',
    async (status) => {
      for (const k of DISTANCES) {
        const f = fixture({ retentionMs: 1_000, maxConcurrentJobs: 1 })
        if (status === 'pending')
          await started(f, (run) => new Promise((resolve) => run.token.onCancel(resolve)), { jobId: 'busy' })
        let calls = 0
        const registering = f.manager.register(
          async (run) => {
            calls++
            await new Promise((resolve) => run.token.onCancel(resolve))
          },
          { jobId: 'raced' },
        )
        let answer: Promise<CancelResult> | undefined
        afterMicrotasks(k, () => {
          answer = f.manager.cancel('raced')
        })
        const handle = await within(f.clock, 0, registering)
        const result = await within(f.clock, 0, answer ?? Promise.reject(new Error('not called')))
        if (result.outcome === 'not-found') void handle.cancel()
        else expect(result, `k = ${k}`).toMatchObject({ outcome: 'cancelled', joined: false, forced: false })
        expect(await oneEnd(f, handle)).toMatchObject({ outcome: { status: 'cancelled', forced: false } })
        expect(calls).toBeLessThanOrEqual(status === 'pending' ? 0 : 1)
        if (status === 'pending') await within(f.clock, 0, f.manager.cancel('busy'))
      }
    },
  )

  it('REG-06, CAN-06: the slot of a pending job coming free: it is cancelled, and its producer called once or never', async () => {
    const calls: number[] = []
    for (const k of DISTANCES) {
      const f = fixture({ retentionMs: 1_000, maxConcurrentJobs: 1 })
      const free = tap<void>()
      await started(f, () => free.next(), {})
      let called = 0
      const pending = await f.manager.register(async (run) => {
        called++
        await new Promise((resolve) => run.token.onCancel(resolve))
      })
      await f.clock.settle()
      expect(pending.snapshot().status).toBe('pending')
      free.give()
      let answer: Promise<CancelResult> | undefined
      afterMicrotasks(k, () => {
        answer = pending.cancel()
      })
      await f.clock.settle()
      expect(await answer).toMatchObject({ outcome: 'cancelled', joined: false, forced: false })
      expect(await oneEnd(f, pending)).toMatchObject({ outcome: { status: 'cancelled' } })
      calls.push(called)
    }
    expect(calls[0]).toBe(0)
    expect(calls.at(-1)).toBe(1)
    expect(calls).toEqual([...calls].sort())
  })

  it('SHU-01: the call of register: a drain refuses the job or ends it, and its producer is called once or never', async () => {
    for (const k of DISTANCES) {
      const f = fixture({ retentionMs: 1_000 })
      let calls = 0
      const registering = f.manager
        .register(
          async (run) => {
            calls++
            await new Promise((resolve) => run.token.onCancel(resolve))
          },
          { jobId: 'raced' },
        )
        .catch((error: { code: string }) => error.code)
      let drained: Promise<unknown> | undefined
      afterMicrotasks(k, () => {
        drained = f.manager.drain({ timeoutMs: 0 })
      })
      const handle = await within(f.clock, 0, registering)
      await within(f.clock, 0, drained ?? Promise.reject(new Error('not called')))
      if (typeof handle === 'string') {
        expect(handle).toBe('manager.closed')
        expect(await f.manager.get('raced')).toBeUndefined()
        expect(calls).toBe(0)
      } else {
        expect(await oneEnd(f, handle)).toMatchObject({
          outcome: { status: 'cancelled', reason: { kind: 'shutdown' } },
        })
      }
    }
  })
})

describe('limits in the tick of something else', () => {
  it.each([
    ['deadline', { deadlineMs: 100 }],
    ['idle', { idleTimeoutMs: 100 }],
  ] as const)(
    'CVC-01: a %s limit and the end of the source at the same instant give one end',
    async (kind, options) => {
      for (const [order, sourceFirst] of [
        ['source first', true],
        ['limit first', false],
      ] as const) {
        const f = fixture({ retentionMs: 1_000 })
        const source = controlledSource()
        const end = () => void f.clock.setTimer(100, () => source.end())
        if (sourceFirst) end()
        let saves = 0
        const handle = await f.manager.register(async (run) => {
          await run.stream(source)
          return run.commit(() => ++saves)
        }, options)
        await f.clock.settle()
        if (!sourceFirst) end()
        await f.clock.advance(100)
        const { outcome } = await oneEnd(f, handle)
        expect(outcome.status, order).toBe(sourceFirst ? 'completed' : 'cancelled')
        if (outcome.status === 'cancelled') expect(outcome.reason.kind).toBe(kind)
        expect(saves).toBe(sourceFirst ? 1 : 0)
      }
    },
  )

  it('G8: deadline, idle limit and a user at the same instant are one cancel with one reason', async () => {
    const f = fixture({ retentionMs: 1_000 })
    const handle = await started(f, (run) => new Promise((resolve) => run.token.onCancel(resolve)), {
      deadlineMs: 100,
      idleTimeoutMs: 100,
    })
    f.clock.setTimer(100, () => void handle.cancel({ by: 'ada' }))
    await f.clock.advance(100)
    const { outcome, events } = await oneEnd(f, handle)
    expect(events.map(({ type }) => type)).toEqual(['cancelling', 'cancelled'])
    expect(f.logs.of('job.cancel_requested')).toHaveLength(1)
    if (outcome.status === 'cancelled') expect(events[0]).toMatchObject({ kind: outcome.reason.kind })
  })

  it('G2: a deadline that passed while the loop was blocked cancels before the next chunk of a flowing source', async () => {
    const f = fixture({ retentionMs: 1_000 })
    const source = controlledSource()
    const handle = await started(f, async (run) => (await run.stream(source)).text, { deadlineMs: 100 })
    source.push('a')
    await f.clock.settle()
    f.clock.block(500)
    await f.clock.advance(0)
    source.push('b')
    await f.clock.settle()
    const { outcome, events } = await oneEnd(f, handle)
    expect(outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'deadline' } })
    expect(chunksOf(events)).toEqual(['a'])
  })
})
