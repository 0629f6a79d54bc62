import { Readable } from 'node:stream'
import {
  GenerationOrchestrator,
  type GenerationSource,
  IncompleteGenerationError,
  InvalidOptionsError,
  JobCancelledError,
  type JobHandle,
  type JobOutcome,
  type ModelChunk,
  type Producer,
  type StreamResult,
} from 'generation-jobs'
import { controlledSource, scriptedSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { chunksOf } from '../support/event-log.js'
import { expectCancelled } from '../support/expect-cancelled.js'
import { type Fixture, fixture } from '../support/fixture.js'
import { observedSource } from '../support/observed-source.js'
import { oneEnd } from '../support/one-end.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'

const quick = () => fixture({ retentionMs: 1_000 })

async function started<T>(f: Fixture, producer: Producer<T>): Promise<JobHandle<T>> {
  const handle = await f.manager.register(producer)
  await f.clock.settle()
  return handle
}

const reading =
  (source: GenerationSource): Producer<StreamResult> =>
  (run) =>
    run.stream(source)

/** Reads a source to its end. */
async function read(source: GenerationSource) {
  const f = quick()
  const handle = await started(f, reading(source))
  return oneEnd(f, handle)
}

function resultOf(outcome: JobOutcome<unknown>): unknown {
  return outcome.status === 'completed' ? outcome.value : outcome
}

/** An iterator made of nothing but a `next`. */
const fromNext = (next: () => unknown): AsyncIterable<string> => ({
  [Symbol.asyncIterator]: () => ({ next: next as () => Promise<IteratorResult<string>> }),
})

const DONE = { done: true, value: undefined }

describe('what is a source', () => {
  async function* generator() {
    yield 'a'
    yield 'b'
  }
  const sources: Array<[string, () => GenerationSource]> = [
    ['an async generator', generator],
    ['a hand-written iterator', () => scriptedSource(['a', 'b']) as AsyncIterable<string>],
    [
      'a web stream',
      () =>
        new ReadableStream<string>({
          start(controller) {
            controller.enqueue('a')
            controller.enqueue('b')
            controller.close()
          },
        }),
    ],
    ['a Node Readable of strings', () => Readable.from(['a', 'b'])],
    [
      'a web stream of model chunks',
      () =>
        new ReadableStream<ModelChunk>({
          start(controller) {
            for (const text of ['a', 'b']) controller.enqueue({ text })
            controller.close()
          },
        }),
    ],
  ]

  it.each(sources)('REG-10, REG-18: %s gives its chunks, one event each, and the whole text', async (_, make) => {
    const { outcome, events } = await read(make())
    expect(resultOf(outcome)).toEqual({ text: 'ab', finish: 'unknown' })
    expect(chunksOf(events)).toEqual(['a', 'b'])
    expect(outcome).toMatchObject({ status: 'completed', forced: false, cleanup: 'clean' })
  })

  it('REG-18: text, finish reason, usage and metadata of model chunks are taken apart', async () => {
    const chunks: ModelChunk[] = [
      { text: 'a', metadata: { model: 'm' } },
      { text: null, finish: null },
      { text: '' },
      {},
      { usage: { inputTokens: 1, quality: 'estimated' } },
      { text: 'b', finish: 'stop', usage: { inputTokens: 2, outputTokens: 3, quality: 'reported' } },
    ]
    const { outcome, events } = await read(scriptedSource(chunks))
    const usage = { inputTokens: 2, outputTokens: 3, quality: 'reported' }
    expect(resultOf(outcome)).toEqual({ text: 'ab', finish: 'stop', usage })
    expect(outcome.usage).toEqual(usage)
    expect(events.map(({ seq, at, ...event }) => event)).toEqual([
      { type: 'chunk', content: 'a' },
      { type: 'metadata', data: { model: 'm' } },
      { type: 'chunk', content: 'b' },
      expect.objectContaining({ type: 'complete' }),
    ])
  })

  it.each([
    ['a string', 'text'],
    ['nothing', undefined],
    ['null', null],
    ['a number', 42],
  ])('%s is no source: a typed error', async (_, source) => {
    const f = quick()
    let thrown: unknown
    const handle = await started(f, async (run) => {
      await run.stream(source as unknown as GenerationSource).catch((error: unknown) => {
        thrown = error
      })
    })
    expect((await oneEnd(f, handle)).outcome.status).toBe('completed')
    expect(thrown).toBeInstanceOf(InvalidOptionsError)
  })

  it.each([
    ['an object without an iterator', {}],
    ['a sync iterable', ['a']],
    ['a promise', Promise.resolve(scriptedSource(['a']))],
  ])('%s is no source: it rejects, and names what was expected', async (_, source) => {
    const { outcome } = await read(source as unknown as GenerationSource)
    expect(outcome.status).toBe('failed')
    const cause = outcome.status === 'failed' ? (outcome.error.cause as Error) : undefined
    expect(cause?.message).toMatch(/AsyncIterable or a ReadableStream/)
  })

  it.each([
    ['a number', 42],
    ['null', null],
    ['a boolean', true],
    ['bytes, as of a Node stream without encoding', Buffer.from('a')],
    ["an SDK's own chunk", { id: 'chatcmpl-1', choices: [{ delta: { content: 'a' } }] }],
  ])('a chunk that is %s fails the job and closes the source', async (_, chunk) => {
    const source = controlledSource()
    const f = quick()
    const handle = await started(f, reading(source))
    source.push('a')
    source.push(chunk as unknown as string)
    const { outcome, events } = await oneEnd(f, handle)
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'producer.failed' }, forced: false })
    expect(chunksOf(events)).toEqual(['a'])
    expect(source).toMatchObject({ returnCalls: 1, closed: true })
  })
})

describe('how a source is pulled', () => {
  it('REG-18: one pull at a time, and none ahead of the reader', async () => {
    const f = quick()
    const source = controlledSource()
    const handle = await started(f, reading(source))
    for (let count = 1; count <= 5; count++) {
      expect(source).toMatchObject({ nextCalls: count, pendingNext: 1, overlappingNextCalls: 0 })
      source.push('x')
      await f.clock.settle()
    }
    source.end()
    await oneEnd(f, handle)
    expect(source).toMatchObject({ nextCalls: 6, overlappingNextCalls: 0, opened: 1 })
  })

  it('a source that ended by itself with a complete finish is neither aborted nor returned', async () => {
    for (const finish of [undefined, 'stop'] as const) {
      const source = scriptedSource(['a', ...(finish ? [{ finish }] : [])])
      await read(source)
      expect(source).toMatchObject({ returnCalls: 0, abortReasons: [] })
    }
  })

  it.each(['length', 'content-filter', 'tool-calls', 'error'] as const)(
    'REG-19: an end with %s rejects with IncompleteGenerationError',
    async (finish) => {
      const source = scriptedSource(['half', { finish }])
      const { outcome } = await read(source)
      expect(outcome).toMatchObject({
        status: 'failed',
        error: { code: 'generation.incomplete' },
        partial: { text: 'half' },
      })
      expect(outcome.status === 'failed' && outcome.error.cause).toBeInstanceOf(IncompleteGenerationError)
      expect(source.closed).toBe(true)
    },
  )

  it.each([
    ['results that are no promises', () => ({ done: false, value: 'x' })],
    ['thenables that call back in the same tick', () => ({ value: { done: false, value: 'x' } })],
  ])('T13: a hundred thousand %s do not overflow the stack', async (name, make) => {
    let left = 100_000
    const wrap = (result: unknown) => {
      if (!name.startsWith('thenables')) return result
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
      return { then: (resolve: (result: unknown) => void) => resolve(result) }
    }
    const result = name.startsWith('thenables') ? { done: false, value: 'x' } : make()
    const f = fixture({ retentionMs: 1_000, maxLogEvents: 200_000 })
    const handle = await started(f, reading(fromNext(() => wrap(left-- > 0 ? result : DONE))))
    const { outcome } = await oneEnd(f, handle)
    expect(outcome).toMatchObject({ status: 'completed', value: { text: 'x'.repeat(100_000) } })
  })

  it('T13: of a thenable that answers twice, the first answer counts', async () => {
    let calls = 0
    const { outcome, events } = await read(
      fromNext(() => {
        calls++
        const result = calls === 1 ? { done: false, value: 'a' } : DONE
        return {
          // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
          then(resolve: (result: unknown) => void, reject: (error: unknown) => void) {
            resolve(result)
            resolve({ done: false, value: 'again' })
            reject(new Error('too late'))
          },
        }
      }),
    )
    expect(outcome.status).toBe('completed')
    expect(chunksOf(events)).toEqual(['a'])
    expect(calls).toBe(2)
  })

  it('T13: a result whose fields throw when read fails the job', async () => {
    const { outcome } = await read(
      fromNext(() =>
        Promise.resolve({
          get done(): boolean {
            throw new Error('getter')
          },
        }),
      ),
    )
    expect(outcome.status).toBe('failed')
  })

  it('REG-10: a chunk is never awaited', async () => {
    let asked = 0
    const chunk = Object.defineProperty({ text: 'a' }, 'then', {
      get() {
        asked++
        return undefined
      },
    })
    // A promise asks its own value for `then`; a bare result is what the reader sees.
    const results = [{ done: false, value: chunk }, DONE]
    const { outcome } = await read(fromNext(() => results.shift()))
    expect(resultOf(outcome)).toEqual({ text: 'a', finish: 'unknown' })
    expect(asked).toBe(0)
  })

  it('G7: two sources of one run are read side by side, and a cancel stops both', async () => {
    const f = quick()
    const one = controlledSource()
    const two = controlledSource()
    const handle = await started(f, (run) => Promise.all([run.stream(one), run.stream(two)]))
    one.push('a')
    two.push('b')
    await f.clock.settle()
    void handle.cancel()
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 2 })
    for (const source of [one, two]) expect(source).toMatchObject({ returnCalls: 1, closed: true })
  })
})

describe('how a source is let go', () => {
  it('CLN-06, G3: on a cancel abort comes first, then return, each once, in the calling tick', async () => {
    const f = quick()
    const observed = observedSource(scriptedSource(['a', { do: 'hang' }]))
    const handle = await started(f, reading(observed.source))
    void handle.cancel()
    expect(observed.calls).toEqual(['open', 'next', 'next', 'abort', 'return'])
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 1 })
    expect(observed.calls).toHaveLength(5)
  })

  it('G8: the source is aborted with the error of the cancel, an AbortError that carries the reason', async () => {
    const f = quick()
    const source = scriptedSource([{ do: 'hang' }])
    let caught: unknown
    const handle = await started(f, async (run) => {
      await run.stream(source).catch((error: unknown) => {
        caught = error
        throw error
      })
    })
    void handle.cancel({ by: 'ada' })
    const { reason } = await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
    expect(source.abortReasons).toEqual([expect.any(JobCancelledError)])
    expect(source.abortReasons[0]).toBe(caught)
    expect(caught).toMatchObject({ name: 'AbortError' })
    expect((caught as JobCancelledError).reason).toBe(reason)
  })

  it('G3: a web stream is cancelled through its reader, with the error of the cancel', async () => {
    const f = quick()
    const reasons: unknown[] = []
    const stream = new ReadableStream<string>({
      start: (controller) => controller.enqueue('a'),
      cancel: (reason) => void reasons.push(reason),
    })
    const handle = await started(f, reading(stream))
    void handle.cancel()
    expect(reasons).toEqual([expect.any(JobCancelledError)])
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 1 })
    expect(reasons).toHaveLength(1)
  })

  it('G3, T12: a Node Readable is destroyed, and its premature close is no failure', async () => {
    const f = quick()
    let destroyed = 0
    const readable = new Readable({
      encoding: 'utf8',
      read() {},
      destroy(error, callback) {
        destroyed++
        callback(error)
      },
    })
    const handle = await started(f, reading(readable))
    readable.push('a')
    await f.clock.settle()
    await f.clock.settle()
    expect(handle.snapshot().lastSeq).toBe(1)
    void handle.cancel()
    expect(readable.destroyed).toBe(true)
    await f.clock.settle()
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 1 })
    expect(destroyed).toBe(1)
  })

  it('a Node Readable that fails by itself fails the job', async () => {
    const f = quick()
    const readable = new Readable({ encoding: 'utf8', read() {} })
    const handle = await started(f, reading(readable))
    readable.destroy(new Error('socket hang up'))
    await f.clock.settle()
    expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'failed', error: { code: 'producer.failed' } })
    expect(JSON.stringify(f.logs.lines)).not.toContain('socket hang up')
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('abort')
      },
    ],
    ['rejects', () => Promise.reject(new Error('abort'))],
    ['hangs', () => new Promise<void>(() => {})],
    ['is no function', 'abort'],
  ])('G3, G14: an abort that %s does not keep return() from being called', async (_, abort) => {
    const f = quick()
    const source = scriptedSource([{ do: 'hang' }])
    const handle = await started(f, reading(Object.assign(source, { abort }) as unknown as GenerationSource))
    void handle.cancel()
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
    expect(source.returnCalls).toBe(1)
  })

  it('G3: a source that lets go late, inside its time, is not forced, and the job waits for it', async () => {
    const f = quick()
    const closed = tap<IteratorResult<string>>()
    const handle = await started(
      f,
      reading({
        [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}), return: () => closed.next() }),
      }),
    )
    const answer = handle.cancel()
    await f.clock.advance(1_000)
    expect(handle.snapshot().status).toBe('cancelling')
    closed.give({ done: true, value: undefined })
    expect(await within(f.clock, 0, answer)).toMatchObject({ outcome: 'cancelled', forced: false, cancelMs: 1_000 })
  })

  it.each([
    ['throws', (): Promise<string> => Promise.reject(new Error('broken')), 'failed'],
    ['returns', async (): Promise<string> => 'value', 'completed'],
  ] as const)(
    'REG-11, G14: a producer that %s and forgets its stream closes it, and nothing is unhandled',
    async (_, end, status) => {
      const f = quick()
      const source = scriptedSource(['a', { do: 'hang' }])
      const handle = await started(f, async (run) => {
        void run.stream(source)
        await f.clock.yieldMacrotask()
        return end()
      })
      const { outcome, events } = await oneEnd(f, handle)
      expect(outcome).toMatchObject({ status, forced: false })
      expect(chunksOf(events)).toEqual(['a'])
      expect(source).toMatchObject({ returnCalls: 1, closed: true, pendingNext: 0 })
    },
  )

  it('REG-08, G3: a source that arrives after the cancel is closed unread, inside its time', async () => {
    const f = quick()
    const arriving = tap<GenerationSource>()
    const source = scriptedSource(['late'])
    const orchestrator = new GenerationOrchestrator({ generate: () => arriving.next() })
    const handle = await started(f, orchestrator.producer('a prompt'))
    const answer = handle.cancel()
    await f.clock.advance(100)
    arriving.give(source)
    expect(await within(f.clock, 0, answer)).toMatchObject({ outcome: 'cancelled', forced: false })
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
    expect(source).toMatchObject({ nextCalls: 0, returnCalls: 1, closed: true })
  })

  it('REG-08, G3: a source that arrives after the job was given up is closed unread too', async () => {
    const f = quick()
    const arriving = tap<GenerationSource>()
    const source = scriptedSource(['late'])
    const orchestrator = new GenerationOrchestrator({ generate: () => arriving.next() })
    const handle = await started(f, orchestrator.producer('a prompt'))
    void handle.cancel()
    await f.clock.advance(3_500)
    const before = await oneEnd(f, handle)
    expect(before.outcome).toMatchObject({ status: 'cancelled', forced: true })
    arriving.give(source)
    await f.clock.settle()
    expect(source).toMatchObject({ nextCalls: 0, returnCalls: 1, closed: true })
    expect(await oneEnd(f, handle)).toEqual(before)
  })
})

describe('an async-generator producer', () => {
  it('CLN-06: its finally runs when the job is cancelled between two yields', async () => {
    const f = quick()
    const steps: string[] = []
    const more = tap<void>()
    const handle = await started(f, async function* () {
      try {
        yield 'a'
        await more.next()
        yield 'b'
      } finally {
        steps.push('finally')
        await Promise.resolve()
        steps.push('after an await')
      }
    })
    const answer = handle.cancel()
    more.give() // return() waits behind the pending step
    expect(await within(f.clock, 0, answer)).toMatchObject({ outcome: 'cancelled', forced: false })
    expect(steps).toEqual(['finally', 'after an await'])
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 1 })
  })

  it.each([
    ['yields', { next: async () => ({ done: false, value: 'from finally' }) }],
    ['throws', { next: () => Promise.reject(new Error('from finally')) }],
  ] as Array<[string, AsyncIterator<string>]>)(
    'T04, G14: one whose finally %s is a cancel like any other, and nothing is unhandled',
    async (_, inFinally) => {
      const f = fixture({ retentionMs: 60_000 })
      const more = tap<void>()
      const handle = await started(f, async function* () {
        try {
          yield 'a'
          await more.next()
          yield 'b'
        } finally {
          yield* { [Symbol.asyncIterator]: () => inFinally }
        }
      })
      const answer = handle.cancel()
      more.give()
      expect(await within(f.clock, 3_500, answer)).toMatchObject({ outcome: 'cancelled' })
      expect(chunksOf((await oneEnd(f, handle)).events)).toEqual(['a'])
    },
  )

  it('G3: one whose finally hangs is given up at half of the grace period', async () => {
    const f = quick()
    const more = tap<void>()
    const handle = await started(f, async function* () {
      try {
        yield 'a'
        await more.next()
      } finally {
        await new Promise(() => {})
      }
    })
    const answer = handle.cancel()
    more.give()
    expect(await within(f.clock, 3_500, answer)).toMatchObject({ outcome: 'cancelled', forced: true })
  })

  it('REG-11: one that yields what is no event fails, and its finally runs', async () => {
    const f = quick()
    let closed = false
    const handle = await started(f, async function* () {
      try {
        yield 'a'
        yield { type: 'chunk', content: 42 } as unknown as string
        yield 'never'
      } finally {
        closed = true
      }
    })
    const { outcome, events } = await oneEnd(f, handle)
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'options.invalid' } })
    expect(chunksOf(events)).toEqual(['a'])
    expect(closed).toBe(true)
  })

  it('CVC-18: one that commits after its cancel gets the cancel thrown', async () => {
    const f = quick()
    const more = tap<void>()
    let saves = 0
    let thrown: unknown
    const handle = await started(f, async function* (run) {
      yield 'a'
      await more.next()
      try {
        return await run.commit(() => ++saves)
      } catch (error) {
        thrown = error
        throw error
      }
    })
    void handle.cancel()
    more.give()
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 1 })
    expect(saves).toBe(0)
    expect(thrown).toBeInstanceOf(JobCancelledError)
  })
})

describe('fairness', () => {
  /** A source that is always ready and needs `cost` milliseconds of the processor for a chunk. */
  function hot(f: Fixture, cost: number): AsyncIterable<string> {
    const result = Promise.resolve({ done: false as const, value: 'x' })
    return {
      [Symbol.asyncIterator]: () => ({
        next() {
          f.clock.block(cost)
          return result
        },
        return: () => Promise.resolve(DONE as IteratorReturnResult<undefined>),
      }),
    }
  }

  const readers: Array<[string, (f: Fixture, cost: number) => Producer<unknown>]> = [
    ['run.stream', (f, cost) => (run) => run.stream(hot(f, cost))],
    [
      'an orchestrator',
      (f, cost) =>
        new GenerationOrchestrator({ generate: () => hot(f, cost) }).producer('a prompt') as Producer<unknown>,
    ],
    [
      'an async-generator producer',
      (f, cost) =>
        async function* () {
          for (;;) {
            f.clock.block(cost)
            yield 'x'
          }
        },
    ],
    [
      'a web stream',
      (f, cost) => (run) =>
        run.stream(
          new ReadableStream<string>({
            pull(controller) {
              f.clock.block(cost)
              controller.enqueue('x')
            },
          }),
        ),
    ],
  ]
  const unlimited = () => fixture({ retentionMs: 1_000, maxLogEvents: 1_000_000, idleTimeoutMs: false })

  describe.each(readers)('%s over an always ready source', (_, make) => {
    it.each([0.005, 0.05, 1, 7])(
      'CAN-05, G3: with %d ms a chunk, lets timers through within 20 ms and a chunk',
      async (cost) => {
        const f = unlimited()
        const handle = await f.manager.register(make(f, cost))
        const late: number[] = []
        for (let due = 10; due <= 200; due += 10) f.clock.setTimer(due, () => late.push(f.clock.monotonic() - due))
        await f.clock.advance(200)
        void handle.cancel()
        expect(handle.snapshot().lastSeq).toBeGreaterThan(20)
        await f.clock.advance(0)
        expect(late).toHaveLength(20)
        expect(Math.max(...late)).toBeLessThanOrEqual(20 + cost)
        await oneEnd(f, handle)
      },
    )

    it('CAN-05, C15: a cancel from a timer stops it within 20 ms and a chunk', async () => {
      const f = unlimited()
      const cost = 0.5
      const handle = await f.manager.register(make(f, cost))
      let answer: Promise<unknown> | undefined
      f.clock.setTimer(50, () => {
        answer = handle.cancel()
      })
      await f.clock.advance(50)
      expect(handle.snapshot().status).toBe('cancelled')
      const { outcome, events } = await oneEnd(f, handle)
      expect(outcome).toMatchObject({ status: 'cancelled', forced: false })
      expect(outcome.runMs).toBeLessThanOrEqual(50 + 20 + cost)
      expect(chunksOf(events).length).toBeGreaterThan(20)
      expect(await within(f.clock, 0, answer ?? Promise.reject(new Error('not called')))).toMatchObject({
        outcome: 'cancelled',
      })
    })

    it('CAN-05: a cancel from a request handler gets its macrotask and stops it', async () => {
      const f = unlimited()
      const handle = await f.manager.register(make(f, 0.5))
      await new Promise((resolve) => setImmediate(resolve)) // a request arrives: the loop was not starved
      await f.clock.serveYields()
      const before = handle.snapshot().lastSeq
      expect(before).toBeGreaterThan(0)
      await f.clock.serveYields()
      expect(handle.snapshot().lastSeq).toBeGreaterThan(before) // and it went on
      void handle.cancel()
      await f.clock.settle()
      expect((await oneEnd(f, handle)).outcome).toMatchObject({ status: 'cancelled', forced: false })
    })

    it('REG-13, G3: a deadline stops it within 50 ms', async () => {
      const f = unlimited()
      const handle = await f.manager.register(make(f, 0.05), { deadlineMs: 100 })
      await f.clock.advance(150)
      const { outcome } = await oneEnd(f, handle)
      expect(outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'deadline' }, forced: false })
      expect(outcome.runMs).toBeLessThanOrEqual(150)
    })
  })

  it.each([
    [10, 0.05],
    [100, 0.005],
  ])('CAN-05: %d always ready sources together let timers through within 20 ms', async (count, cost) => {
    const f = unlimited()
    const handles: Array<JobHandle<unknown>> = []
    for (let index = 0; index < count; index++) {
      handles.push(await f.manager.register((run) => run.stream(hot(f, cost))))
    }
    const late: number[] = []
    const startedAt = f.clock.monotonic()
    for (let due = 10; due <= 100; due += 10) {
      f.clock.setTimer(due, () => late.push(f.clock.monotonic() - startedAt - due))
    }
    await f.clock.advance(100)
    await f.clock.advance(0)
    const cancelled = Promise.all(handles.map((handle) => handle.cancel()))
    await within(f.clock, 0, cancelled)
    expect(late).toHaveLength(10)
    expect(Math.max(...late)).toBeLessThanOrEqual(20 + cost)
    for (const handle of handles) expect((await handle.settled).status).toBe('cancelled')
  })

  it('CAN-05: the limits of a hundred other jobs are late by no more than 20 ms beside an always ready source', async () => {
    const f = unlimited()
    const others: Array<JobHandle<unknown>> = []
    for (let index = 1; index <= 100; index++) {
      others.push(
        await f.manager.register((run) => new Promise((resolve) => run.token.onCancel(resolve)), {
          deadlineMs: index * 2,
        }),
      )
    }
    await f.clock.settle()
    const handle = await f.manager.register((run) => run.stream(hot(f, 0.05)))
    await f.clock.advance(250)
    void handle.cancel()
    await oneEnd(f, handle)
    for (const [index, other] of others.entries()) {
      const { outcome } = await oneEnd(f, other)
      expect(outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'deadline' } })
      expect(outcome.runMs - (index + 1) * 2).toBeLessThanOrEqual(20)
    }
  })

  it('G3: readers get the chunks of an always ready source while it runs', async () => {
    const f = unlimited()
    const handle = await f.manager.register((run) => run.stream(hot(f, 0.05)))
    let seen = 0
    const reader = (async () => {
      for await (const event of handle.events()) if (event.type === 'chunk') seen++
    })()
    await f.clock.advance(50)
    const inTime = seen
    expect(inTime).toBeGreaterThan(100)
    void handle.cancel()
    await within(f.clock, 0, reader)
    await oneEnd(f, handle)
  })
})
