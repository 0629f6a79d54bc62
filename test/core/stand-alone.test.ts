import {
  CANCEL_KINDS,
  type CancelKind,
  type CancelReason,
  type CancelToken,
  type GenerationEvent,
  GenerationOrchestrator,
  type GenerationSource,
  JobCancelledError,
  type OrchestratorOptions,
} from 'generation-jobs'
import {
  controlledSource,
  countingSignal,
  createVirtualClock,
  type HostileSourceName,
  hostileSources,
  scriptedSource,
} from 'generation-jobs/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { captureLogs } from '../support/captured-logs.js'
import { rejection } from '../support/caught.js'
import { fixture } from '../support/fixture.js'
import { chunksOf, readAll } from '../support/read-all.js'
import { settleTime, within } from '../support/within.js'

const boom = new Error('boom')
const SECRET = 'sk-secret-9f8e7d'
const DONE = { done: true, value: undefined }

/** A clock and a logger for stand-alone runs, after which no timer may stand. */
function standAlone() {
  const clock = createVirtualClock()
  const logs = captureLogs()
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') return
    await clock.settle()
    expect(clock.timers(), 'timers after the end of the run').toEqual([])
  })
  return { clock, logs, options: { clock, logger: logs } satisfies OrchestratorOptions }
}

/** One generation of this source. */
function generation(source: GenerationSource, options: OrchestratorOptions, token?: Token) {
  const orchestrator = new GenerationOrchestrator({ generate: (_request: string) => source }, options)
  return orchestrator.generateWithEvents('request', token)
}

type Token = Parameters<GenerationOrchestrator<string>['generateWithEvents']>[1]

/** A token whose cancel the test calls. */
function handMadeToken(): CancelToken & { cancel(kind: CancelKind): void; listeners(): number } {
  const listeners = new Set<(reason: CancelReason) => void>()
  let reason: CancelReason | undefined
  return {
    get isCancelled() {
      return reason !== undefined
    },
    get reason() {
      return reason
    },
    throwIfCancelled() {
      if (reason) throw new JobCancelledError('of another job', reason)
    },
    onCancel(listener) {
      if (reason) listener(reason)
      else listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    cancel(kind) {
      reason = { kind, at: 1, by: 'ada' }
      for (const listener of [...listeners]) if (listeners.delete(listener)) listener(reason)
    },
    listeners: () => listeners.size,
  }
}

function isTerminal(type: string): boolean {
  return ['complete', 'cancelled', 'error'].includes(type)
}

function typesOf(events: readonly GenerationEvent<unknown>[]): string[] {
  return events.map(({ type }) => type)
}

describe('generateWithEvents', () => {
  it('yields steps, chunks, metadata and data, then one complete with the result', async () => {
    const { options } = standAlone()
    const orchestrator = new GenerationOrchestrator(
      {
        prompt: (topic: string, run) => {
          run.emit({ type: 'metadata', data: { topic } })
          return topic
        },
        generate: (_prompt, run) => {
          run.emit({ type: 'data', name: 'model', data: 'local' })
          return scriptedSource(['4', '2', { metadata: { tokens: 2 } }])
        },
        validate: (text) => Number(text),
        commit: () => {},
      },
      options,
    )
    expect(await readAll(orchestrator.generateWithEvents('dragons'))).toEqual([
      { type: 'step', step: 'Prompting' },
      { type: 'metadata', data: { topic: 'dragons' } },
      { type: 'step', step: 'Generating' },
      { type: 'data', name: 'model', data: 'local' },
      { type: 'chunk', content: '4' },
      { type: 'chunk', content: '2' },
      { type: 'metadata', data: { tokens: 2 } },
      { type: 'step', step: 'Validating' },
      { type: 'step', step: 'Committing' },
      { type: 'complete', result: 42 },
    ])
  })

  it('gives the result as it is in the process, JSON or not', async () => {
    const { options } = standAlone()
    const result = new Map([['title', 'The dragon']])
    const orchestrator = new GenerationOrchestrator(
      { generate: (_request: string) => scriptedSource(['text']), validate: () => result },
      options,
    )
    const last = (await readAll(orchestrator.generateWithEvents('request'))).at(-1)
    expect(last?.type === 'complete' && last.result).toBe(result)
  })

  it('starts at the first next(), not before', async () => {
    const { clock, options } = standAlone()
    const source = scriptedSource(['text'])
    const events = generation(source, options)
    await clock.settle()
    expect([source.opened, clock.timers()]).toEqual([0, []])
    expect(await events.next()).toEqual({ done: false, value: { type: 'step', step: 'Generating' } })
    expect(typesOf(await readAll(events))).toEqual(['chunk', 'complete'])
  })

  it('yields a chunk as soon as the source has it', async () => {
    const { clock, options } = standAlone()
    const source = controlledSource()
    const events = generation(source, options)
    await events.next()
    for (const content of ['a', 'b']) {
      const next = events.next()
      await clock.settle()
      source.push(content)
      expect(await within(clock, 0, next)).toEqual({ done: false, value: { type: 'chunk', content } })
    }
    source.end()
    expect(typesOf(await readAll(events))).toEqual(['complete'])
  })

  it('gives a slow consumer every chunk', async () => {
    const { clock, options } = standAlone()
    const texts = Array.from({ length: 5_000 }, (_, index) => `${index} `)
    const events = generation(scriptedSource(texts), options)
    const seen: GenerationEvent<string>[] = []
    for await (const event of events) {
      if (seen.push(event) % 500 === 0) await clock.settle()
    }
    expect(chunksOf(seen)).toEqual(texts)
  })

  it('answers several next() at once in order, and done to those after the end', async () => {
    const { options } = standAlone()
    const events = generation(scriptedSource(['a']), options)
    const answers = await Promise.all([events.next(), events.next(), events.next(), events.next(), events.next()])
    expect(answers).toEqual([
      { done: false, value: { type: 'step', step: 'Generating' } },
      { done: false, value: { type: 'chunk', content: 'a' } },
      { done: false, value: { type: 'complete', result: 'a' } },
      DONE,
      DONE,
    ])
  })

  it('has a random job id and fencing token 1 in each run', async () => {
    const { options } = standAlone()
    const fences: { jobId: string; fencingToken: number }[] = []
    const orchestrator = new GenerationOrchestrator(
      { generate: (_request: string) => scriptedSource(['a']), commit: (_text, fence) => void fences.push(fence) },
      options,
    )
    await readAll(orchestrator.generateWithEvents('request'))
    await readAll(orchestrator.generateWithEvents('request'))
    expect(fences.map(({ fencingToken }) => fencingToken)).toEqual([1, 1])
    expect(new Set(fences.map(({ jobId }) => jobId)).size).toBe(2)
  })

  it('runs on the system clock when it is given none', async () => {
    const events = generation(scriptedSource(['Once ', { do: 'yield' }, 'upon']), { logger: false })
    expect((await readAll(events)).at(-1)).toEqual({ type: 'complete', result: 'Once upon' })
  })

  it('writes the lines of a job with the logger of the orchestrator', async () => {
    const { clock, logs, options } = standAlone()
    const controller = new AbortController()
    const events = generation(controlledSource(), options, controller.signal)
    await events.next()
    await clock.advance(1_500)
    controller.abort()
    await readAll(events)
    expect(logs.events()).toEqual(['job.registered', 'job.started', 'job.cancel_requested', 'job.cancelled'])
    expect(logs.of('job.cancelled')[0]?.message).toMatch(
      /^Génération annulée par l'application - job_id: .+, durée: 1\.50s, étape: Generating$/,
    )
  })

  it('runs as long as it takes: no deadline and no idle limit', async () => {
    const { clock, options } = standAlone()
    const source = controlledSource()
    const events = generation(source, options)
    await events.next()
    clock.block(1_800_000)
    await clock.advance(20_000)
    source.push('late')
    source.end()
    expect(typesOf(await readAll(events))).toEqual(['chunk', 'complete'])
  })

  for (const name of Object.keys(hostileSources()) as HostileSourceName[]) {
    it(`G1 G3: ends the hostile source ${name} with exactly one event, the last, and throws nothing`, async () => {
      const { clock, options } = standAlone()
      const make = hostileSources({ clock })[name]
      const controller = new AbortController()
      const reading = readAll(generation(make(), options, controller.signal))
      await clock.advance(500)
      controller.abort()
      const events = await within(clock, 7_000, reading)
      const ends = typesOf(events).filter(isTerminal)
      expect([ends.length, events.at(-1)?.type]).toEqual([1, ends[0]])
      const endsByItself = ['completes', 'fails', 'completes-or-fails'].includes(make.ending)
      if (!endsByItself) expect(events.at(-1)).toEqual({ type: 'cancelled', kind: 'signal' })
    })
  }
})

describe('a generation that fails', () => {
  const fail = (): never => {
    throw new Error(SECRET)
  }
  const generate = (_request: string): GenerationSource => scriptedSource(['{}'])
  const failures: Record<string, { code: string; make: (options: OrchestratorOptions) => AsyncIterable<unknown> }> = {
    'prompt throws': {
      code: 'producer.failed',
      make: (options) => new GenerationOrchestrator({ prompt: fail, generate }, options).generateWithEvents('request'),
    },
    'generate throws': {
      code: 'producer.failed',
      make: (options) => new GenerationOrchestrator({ generate: fail }, options).generateWithEvents('request'),
    },
    'the source throws': {
      code: 'producer.failed',
      make: (options) => generation(scriptedSource(['a', { do: 'throw', error: new Error(SECRET) }]), options),
    },
    'the source rejects with undefined': {
      code: 'producer.failed',
      make: (options) => generation(scriptedSource(['a', { do: 'throw', error: undefined }]), options),
    },
    'the text is cut off': {
      code: 'generation.incomplete',
      make: (options) => generation(scriptedSource(['a', { finish: 'length' }]), options),
    },
    'the text is not JSON': {
      code: 'result.invalid',
      make: (options) =>
        new GenerationOrchestrator(
          { generate: (_request: string) => scriptedSource([SECRET]), validate: z.object({}) },
          options,
        ).generateWithEvents('request'),
    },
    'validate throws': {
      code: 'result.invalid',
      make: (options) =>
        new GenerationOrchestrator({ generate, validate: fail }, options).generateWithEvents('request'),
    },
    'commit throws': {
      code: 'commit.failed',
      make: (options) => new GenerationOrchestrator({ generate, commit: fail }, options).generateWithEvents('request'),
    },
  }
  for (const [name, { code, make }] of Object.entries(failures)) {
    it(`G14: ends with one error event and throws nothing when ${name}`, async () => {
      const { options } = standAlone()
      const events = (await readAll(make(options))) as GenerationEvent<unknown>[]
      expect(events.at(-1)).toEqual({ type: 'error', code, message: expect.any(String) })
      expect(typesOf(events).filter(isTerminal)).toEqual(['error'])
      expect(JSON.stringify(events.at(-1))).not.toContain(SECRET)
    })
  }

  it('CVC-06: ends with commit.unknown when commit gives no answer within commitTimeoutMs', async () => {
    const { clock, options } = standAlone()
    const orchestrator = new GenerationOrchestrator(
      { generate, commit: () => new Promise<void>(() => {}) },
      { ...options, commitTimeoutMs: 2_000 },
    )
    const reading = readAll(orchestrator.generateWithEvents('request'))
    const endedAt = settleTime(clock, reading)
    expect((await within(clock, 2_000, reading)).at(-1)).toMatchObject({ type: 'error', code: 'commit.unknown' })
    expect(await endedAt).toBe(2_000)
  })

  it('answers done after its error', async () => {
    const { options } = standAlone()
    const events = generation(scriptedSource([{ do: 'throw', error: boom }]), options)
    await readAll(events)
    expect(await events.next()).toEqual(DONE)
  })
})

describe('an AbortSignal as token', () => {
  it('CAN-12: ends the run as cancelled of kind signal, whatever its reason', async () => {
    const { clock, options } = standAlone()
    for (const reason of [undefined, 'stop', null, boom, new DOMException('stop', 'AbortError')]) {
      const controller = new AbortController()
      const source = controlledSource()
      const events = generation(source, options, controller.signal)
      await events.next()
      source.push('a')
      expect(await events.next()).toMatchObject({ value: { type: 'chunk', content: 'a' } })
      const next = events.next()
      await clock.settle()
      controller.abort(reason)
      expect(await within(clock, 0, next)).toEqual({ done: false, value: { type: 'cancelled', kind: 'signal' } })
      expect(await events.next()).toEqual(DONE)
      expect(source.closed).toBe(true)
    }
  })

  it('that is aborted already calls no stage and yields cancelled alone', async () => {
    const { options } = standAlone()
    let called = false
    const orchestrator = new GenerationOrchestrator(
      {
        generate: (_request: string) => {
          called = true
          return scriptedSource(['a'])
        },
      },
      options,
    )
    expect(await readAll(orchestrator.generateWithEvents('request', AbortSignal.abort()))).toEqual([
      { type: 'cancelled', kind: 'signal' },
    ])
    expect(called).toBe(false)
  })

  it('gets one listener, which is taken off at the end', async () => {
    const { options } = standAlone()
    const { signal, listeners, peakListeners } = countingSignal()
    for (let round = 0; round < 3; round++) await readAll(generation(scriptedSource(['a']), options, signal))
    const left = generation(controlledSource(), options, signal)
    await left.next()
    await left.return()
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect([listeners(), peakListeners()]).toEqual([0, 1])
  })

  it('may come from another realm', async () => {
    const { clock, options } = standAlone()
    const foreign = new ForeignSignal()
    const events = generation(controlledSource(), options, foreign as unknown as AbortSignal)
    await events.next()
    const next = events.next()
    await clock.settle()
    foreign.abort()
    expect(await within(clock, 0, next)).toMatchObject({ value: { type: 'cancelled', kind: 'signal' } })
  })
})

describe('a CancelToken as token', () => {
  for (const kind of CANCEL_KINDS) {
    it(`ends the run as cancelled of its own kind ${kind}`, async () => {
      const { clock, options } = standAlone()
      const token = handMadeToken()
      const source = controlledSource()
      const events = generation(source, options, token)
      await events.next()
      const next = events.next()
      await clock.settle()
      token.cancel(kind)
      expect(await within(clock, 0, next)).toEqual({ done: false, value: { type: 'cancelled', kind } })
      expect([await events.next(), source.closed, token.listeners()]).toEqual([DONE, true, 0])
    })
  }

  it('that is cancelled already calls no stage and yields cancelled alone', async () => {
    const { options } = standAlone()
    const token = handMadeToken()
    token.cancel('deadline')
    let called = false
    const orchestrator = new GenerationOrchestrator(
      {
        generate: (_request: string) => {
          called = true
          return scriptedSource(['a'])
        },
      },
      options,
    )
    expect(await readAll(orchestrator.generateWithEvents('request', token))).toEqual([
      { type: 'cancelled', kind: 'deadline' },
    ])
    expect([called, token.listeners()]).toEqual([false, 0])
  })

  it('may be the token of a job, in which the run is then nested', async () => {
    const { clock, manager } = fixture()
    const source = controlledSource()
    const inner: GenerationEvent<string>[] = []
    const job = await manager.register(async (run) => {
      const events = generation(source, { clock, logger: false }, run.token)
      for await (const event of events) inner.push(event)
    })
    source.push('a')
    await clock.settle()
    expect(typesOf(inner)).toEqual(['step', 'chunk'])
    expect(manager.stats().listeners).toBe(1)
    expect(await within(clock, 0, job.cancel())).toMatchObject({ outcome: 'cancelled', forced: false })
    expect(inner.at(-1)).toEqual({ type: 'cancelled', kind: 'user' })
    expect([source.closed, manager.stats().listeners]).toEqual([true, 0])
  })

  it('is let go of when the run completes', async () => {
    const { options } = standAlone()
    const token = handMadeToken()
    expect((await readAll(generation(scriptedSource(['a']), options, token))).at(-1)?.type).toBe('complete')
    expect(token.listeners()).toBe(0)
  })
})

describe('a predicate as token', () => {
  it('is looked at every 100 ms while the model is silent', async () => {
    const { clock, options } = standAlone()
    let isCancelled = false
    const source = controlledSource()
    const events = generation(source, options, () => isCancelled)
    await events.next()
    const next = events.next()
    const cancelledAt = settleTime(clock, next)
    await clock.advance(250)
    isCancelled = true
    expect(await within(clock, 50, next)).toEqual({ done: false, value: { type: 'cancelled', kind: 'signal' } })
    expect([await cancelledAt, source.closed]).toEqual([300, true])
  })

  it('is looked at before each event, so that no chunk follows once it says yes', async () => {
    const { options } = standAlone()
    let seen = 0
    const events = generation(scriptedSource(['a', 'b', 'c', 'd']), options, () => seen >= 2)
    const all: GenerationEvent<string>[] = []
    for await (const event of events) {
      all.push(event)
      if (event.type === 'chunk') seen++
    }
    expect(chunksOf(all)).toEqual(['a', 'b'])
    expect(all.at(-1)).toEqual({ type: 'cancelled', kind: 'signal' })
  })

  it('that says yes from the start calls no stage', async () => {
    const { options } = standAlone()
    let called = false
    const orchestrator = new GenerationOrchestrator(
      {
        generate: (_request: string) => {
          called = true
          return scriptedSource(['a'])
        },
      },
      options,
    )
    const events = await readAll(orchestrator.generateWithEvents('request', () => true))
    expect([events, called]).toEqual([[{ type: 'cancelled', kind: 'signal' }], false])
  })

  it('is looked at no more after the end', async () => {
    const { clock, options } = standAlone()
    let looks = 0
    const looking = () => {
      looks++
      return false
    }
    await readAll(generation(scriptedSource(['a']), options, looking))
    const before = looks
    await clock.advance(10_000)
    expect(looks).toBe(before)
  })

  it('that throws ends no process: the run goes on to exactly one end', async () => {
    const { clock, options } = standAlone()
    const source = controlledSource()
    const reading = readAll(
      generation(source, options, () => {
        throw boom
      }),
    )
    await clock.advance(250)
    source.push('a')
    source.end()
    const events = await within(clock, 7_000, reading)
    expect(typesOf(events).filter(isTerminal)).toHaveLength(1)
  })
})

describe('cancelled', () => {
  it('comes after the cleanups of the run', async () => {
    const { clock, options } = standAlone()
    const controller = new AbortController()
    let released = false
    const orchestrator = new GenerationOrchestrator(
      {
        generate: (_request: string, run) => {
          run.defer(async () => {
            await new Promise<void>((resolve) => void clock.setTimer(1_000, resolve))
            released = true
          })
          return controlledSource()
        },
      },
      options,
    )
    const events = orchestrator.generateWithEvents('request', controller.signal)
    await events.next()
    const next = events.next()
    const endedAt = settleTime(clock, next)
    controller.abort()
    expect(await within(clock, 1_000, next)).toMatchObject({ value: { type: 'cancelled' } })
    expect([released, await endedAt]).toEqual([true, 1_000])
  })

  it('comes within the grace period, though the source and a cleanup hang', async () => {
    const { clock, options } = standAlone()
    const controller = new AbortController()
    const orchestrator = new GenerationOrchestrator(
      {
        generate: (_request: string, run) => {
          run.defer(() => new Promise<void>(() => {}))
          return scriptedSource([{ do: 'hang' }], { deaf: true, returnHangs: true })
        },
      },
      { ...options, gracePeriodMs: 2_000 },
    )
    const events = orchestrator.generateWithEvents('request', controller.signal)
    await events.next()
    const next = events.next()
    const endedAt = settleTime(clock, next)
    controller.abort()
    expect(await within(clock, 2_000, next)).toMatchObject({ value: { type: 'cancelled', kind: 'signal' } })
    expect(await endedAt).toBe(2_000)
  })

  it('G7: has no chunk before it that was written before the cancel and not read yet', async () => {
    const { clock, options } = standAlone()
    const controller = new AbortController()
    const source = scriptedSource(['a', 'b', 'c', { do: 'hang' }])
    const events = generation(source, options, controller.signal)
    await events.next()
    expect(await events.next()).toMatchObject({ value: { content: 'a' } })
    await clock.settle()
    expect(source.deliveredCount).toBe(3)
    controller.abort()
    expect(await readAll(events)).toEqual([{ type: 'cancelled', kind: 'signal' }])
  })

  it('is not claimed when the commit had begun', async () => {
    const { clock, options } = standAlone()
    const controller = new AbortController()
    const orchestrator = new GenerationOrchestrator(
      {
        generate: (_request: string) => scriptedSource(['a']),
        commit: () => new Promise<void>((resolve) => void clock.setTimer(500, resolve)),
      },
      options,
    )
    const reading = readAll(orchestrator.generateWithEvents('request', controller.signal))
    await clock.advance(100)
    controller.abort()
    expect((await within(clock, 400, reading)).at(-1)).toEqual({ type: 'complete', result: 'a' })
  })
})

describe('a consumer that leaves', () => {
  it('by return() while next() is pending gets both answers at once, and the upstream is closed', async () => {
    const { clock, options } = standAlone()
    const source = controlledSource()
    const events = generation(source, options)
    await events.next()
    const next = events.next()
    await clock.settle()
    expect(source.pendingNext).toBe(1)
    const answers = Promise.all([events.return(), next])
    expect(await within(clock, 0, answers)).toEqual([DONE, DONE])
    expect([source.returnCalls, source.closed]).toEqual([1, true])
    expect(await events.next()).toEqual(DONE)
  })

  it('by return() does not wait for a source that hangs, which is let go within the grace period', async () => {
    const { clock, options } = standAlone()
    const source = scriptedSource([{ do: 'hang' }], { deaf: true, returnHangs: true })
    const events = generation(source, options)
    await events.next()
    const next = events.next()
    await clock.settle()
    expect(await within(clock, 0, Promise.all([events.return(), next]))).toEqual([DONE, DONE])
    expect(clock.timers()).not.toEqual([])
    await clock.advance(7_000) // then no timer is left, which the fixture looks at
  })

  it('by return() runs the cleanups, and commits nothing', async () => {
    const { clock, options } = standAlone()
    const order: string[] = []
    const orchestrator = new GenerationOrchestrator(
      {
        generate: (_request: string, run) => {
          run.defer((end) => void order.push(end.status))
          return controlledSource()
        },
        commit: () => void order.push('commit'),
      },
      options,
    )
    const events = orchestrator.generateWithEvents('request')
    await events.next()
    await events.return()
    await clock.settle()
    expect(order).toEqual(['cancelled'])
  })

  it('by return() before the first next() starts nothing', async () => {
    const { options } = standAlone()
    const source = scriptedSource(['a'])
    const events = generation(source, options)
    expect(await events.return()).toEqual(DONE)
    expect([await events.next(), source.opened]).toEqual([DONE, 0])
  })

  it('by break closes the source', async () => {
    const { clock, options } = standAlone()
    const source = scriptedSource(['a', { do: 'yield' }, 'b', { do: 'hang' }], { clock })
    for await (const event of generation(source, options)) if (event.type === 'chunk') break
    await clock.settle()
    expect([source.closed, source.returnCalls]).toEqual([true, 1])
  })

  it('by an error of its own closes the source, and keeps that error', async () => {
    const { clock, options } = standAlone()
    const source = scriptedSource(['a', { do: 'hang' }])
    const consume = async () => {
      for await (const event of generation(source, options)) if (event.type === 'chunk') throw boom
    }
    expect(await rejection(consume())).toBe(boom)
    await clock.settle()
    expect(source.closed).toBe(true)
  })

  it('by throw() gets the error back, and the source is closed', async () => {
    const { clock, options } = standAlone()
    const source = controlledSource()
    const events = generation(source, options)
    await events.next()
    expect(await rejection(events.throw(boom))).toBe(boom)
    await clock.settle()
    expect([source.closed, await events.next()]).toEqual([true, DONE])
  })

  it('after the end changes nothing', async () => {
    const { options } = standAlone()
    const events = generation(scriptedSource(['a']), options)
    expect((await readAll(events)).at(-1)?.type).toBe('complete')
    expect(await events.return()).toEqual(DONE)
    expect(await events.next()).toEqual(DONE)
  })
})

/** An AbortSignal as another realm or a polyfill has it: the same shape, not the same class. */
class ForeignSignal extends EventTarget {
  aborted = false
  reason: unknown

  abort(): void {
    this.aborted = true
    this.reason = new Error('stop')
    this.dispatchEvent(new Event('abort'))
  }
}
