import { Readable } from 'node:stream'
import {
  GenerationOrchestrator,
  InvalidResultError,
  isGenerationJobError,
  JobCancelledError,
  type JobEvent,
  type Producer,
  type RunContext,
  type RunEnd,
} from 'generation-jobs'
import { controlledSource, scriptedSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { thrownBy } from '../support/caught.js'
import { failureOf } from '../support/failure-of.js'
import { fixture } from '../support/fixture.js'
import { chunksOf, readAll } from '../support/read-all.js'
import { within } from '../support/within.js'

const TERMINAL = ['complete', 'cancelled', 'error']

function typesOf(events: readonly JobEvent[]): string[] {
  return events.map(({ type }) => type)
}

describe('a run that fails', () => {
  const boom = new Error('boom')

  it('REG-07: settles a producer that throws synchronously as failed, and shows the error to its cleanups', async () => {
    const { manager } = fixture()
    const ends: RunEnd[] = []
    const job = await manager.register((run) => {
      run.defer((end) => void ends.push(end))
      throw boom
    })
    expect(failureOf(await job.settled)).toMatchObject({ code: 'producer.failed', cause: boom })
    expect(ends).toHaveLength(1)
    expect(ends[0]).toMatchObject({ status: 'failed', error: boom })
  })

  it('REG-07: settles a generate stage that throws synchronously as failed', async () => {
    const { manager } = fixture()
    const ends: RunEnd[] = []
    const orchestrator = new GenerationOrchestrator({
      generate: (_request: string, run) => {
        run.defer((end) => void ends.push(end))
        throw boom
      },
    })
    const job = await manager.register(orchestrator.producer('request'))
    expect(failureOf(await job.settled)).toMatchObject({ code: 'producer.failed', cause: boom })
    expect(ends).toMatchObject([{ status: 'failed', error: boom }])
  })

  it('REG-11: closes the source of a producer that throws at chunk 3, and runs the cleanup once', async () => {
    const { manager } = fixture()
    const source = scriptedSource(['1', '2', '3', '4'])
    let cleanups = 0
    const job = await manager.register(async (run) => {
      run.defer(() => void cleanups++)
      for await (const chunk of source as AsyncIterable<string>) {
        if (chunk === '3') throw boom
        run.emit(chunk)
      }
    })
    expect(failureOf(await job.settled)).toMatchObject({ code: 'producer.failed', cause: boom })
    expect(chunksOf(await readAll(job.events()))).toEqual(['1', '2'])
    expect([source.closed, source.returnCalls, cleanups]).toEqual([true, 1, 1])
  })

  it('REG-11: settles an async generator that throws at chunk 3 as failed, with its finally run', async () => {
    const { manager } = fixture()
    const order: string[] = []
    const job = await manager.register(async function* (run) {
      run.defer(() => void order.push('cleanup'))
      try {
        yield '1'
        yield { type: 'chunk', content: '2' }
        throw boom
      } finally {
        order.push('finally')
      }
    })
    expect(failureOf(await job.settled)).toMatchObject({ code: 'producer.failed', cause: boom })
    expect(chunksOf(await readAll(job.events()))).toEqual(['1', '2'])
    expect(order).toEqual(['finally', 'cleanup'])
  })

  it('REG-11: closes a source that the failing producer did not wait for', async () => {
    const { manager } = fixture()
    const source = controlledSource()
    const job = await manager.register(async (run) => {
      void run.stream(source)
      throw boom
    })
    expect(failureOf(await job.settled)).toMatchObject({ code: 'producer.failed', cause: boom })
    expect([source.closed, source.returnCalls]).toEqual([true, 1])
  })

  it('REG-22: fails a producer that resolves to an async iterable, and names run.stream', async () => {
    const { manager } = fixture()
    const streams = [
      scriptedSource(['a']),
      new ReadableStream<string>(),
      (async function* () {
        yield 'a'
      })(),
    ]
    for (const stream of streams) {
      const producer = (async () => stream) as unknown as Producer<unknown>
      const job = await manager.register(producer)
      const { code, message, cause } = failureOf(await job.settled)
      expect(code).toBe('result.invalid')
      expect(message).toContain('run.stream')
      expect(cause).toBeInstanceOf(InvalidResultError)
    }
  })

  it('REG-22: fails a producer that returns a ReadableStream without a promise', async () => {
    const { manager } = fixture()
    const producer = (() => new ReadableStream<string>()) as unknown as Producer<unknown>
    const job = await manager.register(producer)
    expect(failureOf(await job.settled)).toMatchObject({
      code: 'result.invalid',
      message: expect.stringContaining('run.stream'),
    })
  })
})

describe('sources', () => {
  it('REG-08: closes a source that arrives after the cancel, and delivers nothing from it', async () => {
    const { clock, manager } = fixture()
    const late = scriptedSource(['never seen'])
    let open: (source: AsyncIterable<string>) => void = () => {}
    const orchestrator = new GenerationOrchestrator({
      generate: (_request: string) =>
        new Promise<AsyncIterable<string>>((resolve) => {
          open = resolve
        }),
    })
    const job = await manager.register(orchestrator.producer('request'))
    await clock.settle()
    expect(job.snapshot()).toMatchObject({ status: 'running', step: 'Generating' })
    const cancelling = job.cancel()
    await clock.advance(100)
    expect(job.snapshot().status).toBe('cancelling')
    open(late as AsyncIterable<string>)
    expect(await within(clock, 0, cancelling)).toMatchObject({ outcome: 'cancelled', forced: false })
    expect([late.closed, late.deliveredCount]).toEqual([true, 0])
    expect(chunksOf(await readAll(job.events()))).toEqual([])
  })

  it('REG-08: closes a source that arrives after the forced settle', async () => {
    const { clock, manager } = fixture()
    const late = scriptedSource(['never seen'])
    let open: () => void = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const job = await manager.register(async (run) => {
      await opened
      return run.stream(late)
    })
    await clock.settle()
    expect(await within(clock, 7_000, job.cancel())).toMatchObject({ outcome: 'cancelled', forced: true })
    open()
    await clock.settle()
    expect([late.closed, late.deliveredCount]).toEqual([true, 0])
  })

  const texts = ['Once ', 'upon ', 'a time']
  const kinds: Record<string, () => AsyncIterable<string> | ReadableStream<string>> = {
    'an async generator': async function* () {
      yield* texts
    },
    'a hand-written iterator': () => scriptedSource(texts) as AsyncIterable<string>,
    'a web ReadableStream': () =>
      new ReadableStream({
        start(controller) {
          for (const text of texts) controller.enqueue(text)
          controller.close()
        },
      }),
    'a Node Readable': () => Readable.from(texts),
  }
  for (const [name, make] of Object.entries(kinds)) {
    it(`REG-10: reads ${name} to the same events and outcome as any other source`, async () => {
      const { manager } = fixture()
      const orchestrator = new GenerationOrchestrator({ generate: () => make() })
      const job = await manager.register(orchestrator.producer(undefined))
      expect(await job.settled).toMatchObject({ status: 'completed', value: 'Once upon a time', forced: false })
      expect((await readAll(job.events())).map(({ at, ...event }) => event)).toEqual([
        { seq: 1, type: 'step', step: 'Generating' },
        { seq: 2, type: 'chunk', content: 'Once ' },
        { seq: 3, type: 'chunk', content: 'upon ' },
        { seq: 4, type: 'chunk', content: 'a time' },
        { seq: 5, type: 'complete', result: 'Once upon a time' },
      ])
    })
  }

  it('REG-10: never awaits a chunk', async () => {
    const { manager } = fixture()
    let awaited = false
    const chunk = Object.defineProperty({ text: 'a' }, 'then', {
      get() {
        awaited = true
        return undefined
      },
    })
    const job = await manager.register((run) => run.stream(scriptedSource([chunk])))
    expect(await job.settled).toMatchObject({ status: 'completed', value: { text: 'a' } })
    expect(awaited).toBe(false)
  })
})

describe('an orchestrated job', () => {
  it('REG-09 G1: announces its steps in order, none twice, and ends with exactly one terminal event', async () => {
    const { manager } = fixture()
    const orchestrator = new GenerationOrchestrator({
      prompt: (topic: string) => `Write about ${topic}`,
      generate: () => scriptedSource(['a', 'b']),
      validate: (text) => text.length,
      commit: () => {},
    })
    const job = await manager.register(orchestrator.producer('dragons'))
    await job.settled
    const events = await readAll(job.events())
    expect(events.flatMap((event) => (event.type === 'step' ? [event.step] : []))).toEqual([
      'Prompting',
      'Generating',
      'Validating',
      'Committing',
    ])
    expect(typesOf(events).filter((type) => TERMINAL.includes(type))).toEqual(['complete'])
    expect(events.at(-1)?.type).toBe('complete')
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  })
})

describe('emit', () => {
  it('REG-20: tryEmit answers true and logs the event once while the run takes events, then false, and never throws', async () => {
    const { manager } = fixture()
    let run: RunContext | undefined
    const job = await manager.register(async (context) => {
      run = context
      return context.tryEmit('taken')
    })
    expect(await job.settled).toMatchObject({ value: true })
    expect(run?.tryEmit('after the end')).toBe(false)
    expect(chunksOf(await readAll(job.events()))).toEqual(['taken'])
  })

  it('REG-20: tryEmit answers false once the producer has ended, though its cleanups still run', async () => {
    const { clock, manager } = fixture()
    const answers: boolean[] = []
    const job = await manager.register(async (run) => {
      run.defer(async () => {
        answers.push(run.tryEmit('in a cleanup'))
        await clock.yieldMacrotask()
        answers.push(run.tryEmit('later in a cleanup'))
      })
      run.emit('text')
    })
    expect(await within(clock, 0, job.settled)).toMatchObject({ status: 'completed', cleanup: 'clean' })
    expect(answers).toEqual([false, false])
    expect(chunksOf(await readAll(job.events()))).toEqual(['text'])
  })

  it('REG-20: tryEmit answers false after a cancel, and for what is no event', async () => {
    const { clock, manager } = fixture()
    const answers: boolean[] = []
    const job = await manager.register(async (run) => {
      answers.push(run.tryEmit({ type: 'nonsense' } as never))
      answers.push(run.tryEmit('before'))
      await new Promise<void>((resolve) => void run.token.onCancel(() => resolve()))
      answers.push(run.tryEmit('after'))
    })
    await clock.settle()
    expect(answers).toEqual([false, true])
    await job.cancel()
    expect(answers).toEqual([false, true, false])
    expect(chunksOf(await readAll(job.events()))).toEqual(['before'])
  })

  it('REG-21 G8: emit throws the JobCancelledError of the first reason, so that a loop that ignores the signal stops', async () => {
    const { clock, manager } = fixture()
    let emitted = 0
    let thrown: unknown
    let signal: AbortSignal | undefined
    const job = await manager.register(async (run) => {
      signal = run.signal
      try {
        for (;;) {
          run.emit(`chunk ${++emitted}`)
          await clock.yieldMacrotask()
        }
      } catch (error) {
        thrown = error
        throw error
      }
    })
    await clock.settle()
    expect(emitted).toBeGreaterThan(1)
    const cancelling = job.cancel({ by: 'ada' })
    const second = job.cancel({ by: 'bob' })
    await clock.settle()
    const result = await cancelling
    await second
    expect(thrown).toBeInstanceOf(JobCancelledError)
    expect(isGenerationJobError(thrown)).toBe(true)
    expect(thrown).toMatchObject({ name: 'AbortError', code: 'job.cancelled', reason: { kind: 'user', by: 'ada' } })
    expect(signal?.reason).toBe(thrown)
    const outcome = await job.settled
    if (outcome.status !== 'cancelled' || result.outcome !== 'cancelled') throw new Error('expected a cancel')
    expect(outcome.reason).toBe((thrown as JobCancelledError).reason)
    expect(result.reason).toBe(outcome.reason)
    expect(chunksOf(await readAll(job.events()))).toHaveLength(emitted - 1)
  })

  it('REG-21: step and emit of each kind throw after the cancel, in the very next statement', async () => {
    const { clock, manager } = fixture()
    const codes: unknown[] = []
    const job = await manager.register(async (run) => {
      run.emit('working')
      await clock.yieldMacrotask()
      void manager.cancel(run.jobId)
      for (const emit of [
        () => run.step('next'),
        () => run.emit('text'),
        () => run.emit({ type: 'metadata', data: {} }),
        () => run.emit({ type: 'data', name: 'x', data: 1 }),
      ]) {
        codes.push((thrownBy(emit) as { code?: unknown }).code)
      }
    })
    await clock.settle()
    expect(await job.settled).toMatchObject({ status: 'cancelled' })
    expect(codes).toEqual(Array.from({ length: 4 }, () => 'job.cancelled'))
    expect(chunksOf(await readAll(job.events()))).toEqual(['working'])
  })
})
