import {
  createMemoryJobStore,
  GenerationJobManager,
  type GenerationJobManagerOptions,
  GenerationOrchestrator,
  type JobHandle,
  type Producer,
} from 'generation-jobs'
import { createVirtualClock } from 'generation-jobs/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { callsPerChunk } from '../support/call-count.js'
import { exposeGc } from '../support/expose-gc.js'

// What a chunk costs, counted and not timed. Promises, timers, listeners and log lines per chunk are counted in leaks.test.ts.

function source(chunks: number): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]: () => {
      let left = chunks
      return {
        next: (): Promise<IteratorResult<string, undefined>> =>
          Promise.resolve(left-- > 0 ? { done: false, value: 'x' } : { done: true, value: undefined }),
      }
    },
  }
}

async function* generated(chunks: number): AsyncGenerator<string, void, void> {
  for (let count = 0; count < chunks; count++) yield 'x'
}

/** Runs one job on a manager of its own to its end. */
async function runJob(
  producer: Producer<unknown>,
  options: GenerationJobManagerOptions = {},
  meanwhile: (handle: JobHandle<unknown>) => Promise<unknown> = async () => undefined,
): Promise<void> {
  const manager = new GenerationJobManager({
    logger: false,
    clock: createVirtualClock(),
    maxLogEvents: Number.POSITIVE_INFINITY,
    ...options,
  })
  const handle = await manager.register(producer)
  await meanwhile(handle)
  const outcome = await handle.settled
  if (outcome.status !== 'completed') throw new Error(`the job ended ${outcome.status}`)
  await manager.close()
}

const orchestrator = new GenerationOrchestrator({ generate: (chunks: number) => source(chunks) }, { logger: false })

/** Each budget is what is called today: a change that needs more has to say why. */
const ways: readonly [string, budget: number, (chunks: number) => Producer<unknown>][] = [
  ['run.stream', 24, (chunks) => (run) => run.stream(source(chunks))],
  ['an orchestrator', 24, (chunks) => orchestrator.producer(chunks)],
  ['an async-generator producer', 23, (chunks) => () => generated(chunks)],
  [
    'emit',
    18,
    (chunks) => async (run) => {
      for (let count = 0; count < chunks; count++) run.emit('x')
    },
  ],
  [
    'tryEmit',
    21,
    (chunks) => async (run) => {
      for (let count = 0; count < chunks; count++) run.tryEmit({ type: 'chunk', content: 'x' })
    },
  ],
]

describe('calls per chunk', () => {
  afterEach(() => void vi.unstubAllGlobals())

  it.each(ways)('PERF: %s makes at most %i calls for a chunk, and no Error', async (_, budget, producer) => {
    const calls = await callsPerChunk((chunks) => runJob(producer(chunks)))
    expect(total(calls)).toBeGreaterThan(1) // the count sees calls
    expect(total(calls), list(calls)).toBeLessThanOrEqual(budget)
    expect([...calls.keys()].filter((name) => name.startsWith('core/errors.ts'))).toEqual([])
  })

  it.each(ways)('PERF: %s makes no plain Error for a chunk either', async (_, __, producer) => {
    let errors = 0
    vi.stubGlobal(
      'Error',
      new Proxy(Error, {
        construct(target, args, newTarget) {
          errors++
          return Reflect.construct(target, args, newTarget)
        },
      }),
    )
    new Error('the count sees errors')
    await runJob(producer(1_000))
    expect(errors).toBeLessThan(10)
    expect(errors).toBeGreaterThan(0)
  })

  it('PERF: a reader that does not read costs the producer one call for a chunk', async () => {
    const watched = (readers: number) => (chunks: number) =>
      runJob(
        (run) => run.stream(source(chunks)),
        {},
        async (handle) => {
          const open = Array.from({ length: readers }, () => handle.events()[Symbol.asyncIterator]())
          await Promise.all(open.map((reader) => reader.next())) // each takes one event and asks for no more
        },
      )
    const alone = await callsPerChunk(watched(0))
    const calls = await callsPerChunk(watched(20))
    expect(total(calls) - total(alone), list(calls)).toBeLessThanOrEqual(20.1)
  })
})

describe('bytes retained per chunk', () => {
  const CHUNKS = 500_000

  /** Takes events as if it kept them. */
  const forgetfulStore = () => ({ ...createMemoryJobStore(), append: () => ({ answer: 'accepted' as const }) })

  it('PERF: a running job keeps at most 1 byte for a chunk, outside its log and besides its text', {
    timeout: 30_000,
  }, async () => {
    exposeGc()
    const retained = async (chunks: number): Promise<number> => {
      let kept = 0
      await runJob(
        async (run) => {
          const before = await liveHeap()
          const { text } = await run.stream({
            async *[Symbol.asyncIterator]() {
              yield* source(chunks)
              kept = (await liveHeap()) - before
            },
          })
          return text.length
        },
        { store: forgetfulStore(), maxLogBytes: 2 ** 30 },
      )
      return kept / chunks
    }
    await retained(1_000) // code and feedback of the first use
    const perChunk = await retained(CHUNKS)
    expect(perChunk).toBeGreaterThan(0.5) // the text itself: the measurement sees it
    expect(perChunk - 'x'.length).toBeLessThanOrEqual(1)
  })

  it('PERF: a completed job whose handle is held keeps nothing of its text besides the log', {
    timeout: 30_000,
  }, async () => {
    exposeGc()
    const kept = async (chunks: number): Promise<number> => {
      let bytes = 0
      const before = await liveHeap()
      await runJob(
        async (run) => (await run.stream(source(chunks))).finish,
        { store: forgetfulStore(), maxLogBytes: 2 ** 30 },
        async (handle) => {
          await handle.settled
          bytes = (await liveHeap()) - before
        },
      )
      return bytes / chunks
    }
    await kept(1_000) // code and feedback of the first use
    expect(await kept(CHUNKS)).toBeLessThanOrEqual(0.6) // less than its text, and more than code that was compiled meanwhile
  })
})

function total(calls: ReadonlyMap<string, number>): number {
  return [...calls.values()].reduce((sum, count) => sum + count, 0)
}

function list(calls: ReadonlyMap<string, number>): string {
  return [...calls].map(([name, count]) => `${name} ${count}`).join('\n')
}

async function liveHeap(): Promise<number> {
  for (let round = 0; round < 6; round++) {
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}
