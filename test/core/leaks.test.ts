import {
  type Clock,
  GenerationJobManager,
  GenerationOrchestrator,
  type GenerationSource,
  type JobHandle,
  type JobOutcome,
  type Producer,
  type RunContext,
} from 'generation-jobs'
import { assertNoLeaks, countingSignal, createVirtualClock, type VirtualClock } from 'generation-jobs/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fixture } from '../support/fixture.js'
import { promisesPerChunk } from '../support/promise-count.js'
import { within } from '../support/within.js'

const untilCancelled: Producer<unknown> = (run) => new Promise((resolve) => run.token.onCancel(resolve))
const atOnce: Producer<unknown> = async () => 'value'
const hangs = () => new Promise<never>(() => {})

const RESULT = { done: false, value: 'x' } as const
const DONE = { done: true, value: undefined } as const

/** The cheapest source there is: one promise of its own for each chunk. */
function source(chunks: number): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]: () => {
      let left = chunks
      return { next: () => Promise.resolve(left-- > 0 ? RESULT : DONE) }
    },
  }
}

async function* generator(chunks: number): AsyncGenerator<string, void, void> {
  for (let count = 0; count < chunks; count++) yield 'x'
}

/** The reader that everybody writes. */
async function bareLoop(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of chunks);
}

describe('what a chunk costs', () => {
  /** Runs one job on a manager of its own until it is over. */
  async function run(producer: Producer<unknown>, clock: Clock = createVirtualClock()): Promise<void> {
    const manager = new GenerationJobManager({ logger: false, clock, maxLogEvents: 10_000 })
    const handle = await manager.register(producer)
    const outcome = await handle.settled
    if (outcome.status !== 'completed') throw new Error(`the job is ${outcome.status}`)
    await manager.close()
  }

  const readers: Array<[string, (chunks: number) => Producer<unknown>, (chunks: number) => AsyncIterable<string>]> = [
    ['run.stream over a hand-written iterator', (chunks) => (job) => job.stream(source(chunks)), source],
    ['run.stream over an async generator', (chunks) => (job) => job.stream(generator(chunks)), generator],
    ['an async-generator producer', (chunks) => () => generator(chunks), generator],
    [
      'an orchestrator',
      (chunks) =>
        new GenerationOrchestrator({ generate: () => source(chunks) }).producer('a prompt') as Producer<unknown>,
      source,
    ],
  ]
  it.each(readers)('LEAK-05: %s makes no promise beyond those of a bare loop', async (_, producer, bare) => {
    const ours = await promisesPerChunk((chunks) => run(producer(chunks)))
    const theirs = await promisesPerChunk((chunks) => bareLoop(bare(chunks)))
    expect(theirs).toBeGreaterThanOrEqual(1) // the measurement sees promises
    expect(ours).toBeLessThanOrEqual(theirs)
  })

  it('LEAK-05: emit and tryEmit make none at all', async () => {
    const ours = await promisesPerChunk((chunks) =>
      run(async (job) => {
        for (let count = 0; count < chunks; count++) {
          if (count % 2) job.emit('x')
          else job.tryEmit({ type: 'chunk', content: 'x' })
        }
      }),
    )
    expect(ours).toBe(0)
  })

  it('LEAK-05: a reader of events costs the producer none', async () => {
    async function withReaders(chunks: number, readers: number): Promise<void> {
      const manager = new GenerationJobManager({ logger: false, clock: createVirtualClock() })
      const handle = await manager.register(async (job) => {
        for (let count = 0; count < chunks; count++) job.emit('x')
      })
      const open = Array.from({ length: readers }, () => handle.events()[Symbol.asyncIterator]())
      const waiting = open.map((reader) => reader.next()) // each waits for one event and reads no more
      await handle.settled
      await Promise.all(waiting)
      await manager.close()
    }
    const alone = await promisesPerChunk((chunks) => withReaders(chunks, 0))
    const watched = await promisesPerChunk((chunks) => withReaders(chunks, 20))
    expect(watched).toBe(alone)
  })

  it('G11: no timer, no listener, no log line and no manager event is made for a chunk', async () => {
    async function counts(chunks: number) {
      const f = fixture()
      let timers = 0
      const clock = counting(f.clock, () => timers++)
      const manager = f.newManager({ clock, retentionMs: 1_000 })
      const probe = countingSignal()
      let added = 0
      const add = probe.signal.addEventListener
      probe.signal.addEventListener = (...args: Parameters<typeof add>) => {
        added++
        add.apply(probe.signal, args)
      }
      const onRun = vi.fn()
      for (const event of ['registered', 'started', 'step', 'committing', 'settled'] as const) manager.on(event, onRun)
      const handle = await manager.register(
        async (job) => {
          const { signal } = job
          await job.stream(source(chunks))
          for (let count = 0; count < chunks; count++) job.emit('x')
          return signal.aborted
        },
        { signal: probe.signal },
      )
      await within(f.clock, 0, handle.settled)
      expect(handle.snapshot().lastSeq).toBe(2 * chunks + 1)
      return { timers, added, lines: f.logs.lines.length, events: onRun.mock.calls.length }
    }
    const few = await counts(10)
    expect(few.timers).toBeGreaterThan(0)
    expect(await counts(1_000)).toEqual(few)
  })

  it('REG-21: a loop that ignores the cancel gets one and the same error each time, none is made for a chunk', async () => {
    const f = fixture({ retentionMs: 1_000 })
    const errors = new Set<unknown>()
    const handle = await f.manager.register(async (job) => {
      await new Promise<void>((resolve) => job.token.onCancel(() => resolve()))
      for (let count = 0; count < 1_000; count++) {
        try {
          job.emit('late')
        } catch (error) {
          errors.add(error)
        }
      }
      errors.add(job.signal.reason)
    })
    await f.clock.settle()
    await within(f.clock, 0, handle.cancel())
    expect(errors.size).toBe(1)
    expect(f.logs.of('job.cancelled')[0]?.fields).toMatchObject({ chunks: 0, dropped_chunks: 1_000 })
  })
})

/** The same clock, with its timers counted. */
function counting(clock: VirtualClock, onTimer: () => void): Clock {
  return {
    ...clock,
    setTimer(...args) {
      onTimer()
      return clock.setTimer(...args)
    },
  }
}

describe('what a job makes', () => {
  afterEach(() => void vi.unstubAllGlobals())

  /** Counts the AbortControllers that anybody makes from now on. */
  function countControllers(): () => number {
    let made = 0
    vi.stubGlobal(
      'AbortController',
      class extends AbortController {
        constructor() {
          super()
          made++
        }
      },
    )
    return () => made
  }

  const quiet: Producer<unknown> = async (run) => {
    run.defer(() => undefined)
    run.token.onCancel(() => undefined)
    await run.stream(source(3))
    return run.commit(() => 'saved')
  }

  it.each([
    ['completes', quiet, false],
    [
      'fails',
      async (run: RunContext) => {
        await quiet(run)
        throw new Error('broken')
      },
      false,
    ],
    ['is cancelled', untilCancelled, true],
  ] satisfies Array<[string, Producer<unknown>, boolean]>)(
    'LEAK-06: a job that %s makes no AbortController when nobody reads a signal',
    async (_, producer, cancel) => {
      const f = fixture({ retentionMs: 1_000 })
      const made = countControllers()
      const handle = await f.manager.register(producer)
      await f.clock.settle()
      if (cancel) void handle.cancel()
      await within(f.clock, 0, handle.settled)
      expect(made()).toBe(0)
    },
  )

  it('LEAK-06: each signal costs one AbortController when it is read, however often', async () => {
    const f = fixture({ retentionMs: 1_000 })
    const made = countControllers()
    const seen: number[] = []
    const handle = await f.manager.register(async (run) => {
      expect(run.signal).toBe(run.signal)
      seen.push(made())
      run.defer((end) => {
        expect(end.signal).toBe(end.signal)
        seen.push(made())
      })
      await run.commit((fence) => {
        expect(fence.signal).toBe(fence.signal)
        seen.push(made())
      })
    })
    await within(f.clock, 0, handle.settled)
    expect(seen).toEqual([1, 2, 3])
  })

  it('LEAK-03: a thousand jobs, waits and readers of one caller share one listener, and none is left', async () => {
    const f = fixture({ retentionMs: 1_000 })
    const { signal, listeners, peakListeners } = countingSignal()
    const handles: Array<JobHandle<unknown>> = []
    for (let index = 0; index < 1_000; index++) {
      handles.push(await f.manager.register(index % 2 ? untilCancelled : atOnce, { signal }))
    }
    const [job] = handles
    const live = handles[1]
    if (!job || !live) throw new Error('unreachable')
    const waits = handles.map(({ jobId }) => f.manager.waitForCompletion(jobId, { signal }))
    const reader = live.events({ signal })[Symbol.asyncIterator]()
    const next = reader.next()
    await f.clock.settle()
    expect([listeners(), peakListeners()]).toEqual([1, 1])
    expect(f.manager.stats().listeners).toBeGreaterThan(0)

    for (const handle of handles) void handle.cancel()
    await within(f.clock, 0, Promise.all(waits))
    await next
    await reader.return?.()
    expect([listeners(), peakListeners()]).toEqual([0, 1])
  })

  it('LEAK-03: one abort of a shared signal cancels all its jobs, and its listener is gone', async () => {
    const f = fixture({ retentionMs: 1_000 })
    const { signal, abort, listeners } = countingSignal()
    const handles = await Promise.all(Array.from({ length: 100 }, () => f.manager.register(untilCancelled, { signal })))
    await f.clock.settle()
    abort('gone')
    expect(handles.map((handle) => handle.snapshot().status)).not.toContain('running')
    const outcomes = await within(f.clock, 0, Promise.all(handles.map(({ settled }) => settled)))
    expect(outcomes.every((outcome) => outcome.status === 'cancelled' && outcome.reason.kind === 'signal')).toBe(true)
    expect(listeners()).toBe(0)
  })

  it('LEAK-03: one long-lived caller signal and 10 000 jobs, one after the other: no listener stays, no warning is printed', {
    timeout: 30_000,
  }, async () => {
    const f = fixture({ retentionMs: 10 })
    const warnings: Error[] = []
    const note = (warning: Error) => void warnings.push(warning)
    process.on('warning', note)
    try {
      const report = await assertNoLeaks(
        async ({ signal, iteration }) => {
          const handle = await f.manager.register(iteration % 2 ? atOnce : untilCancelled, { signal })
          if (iteration % 3) await f.clock.runMicrotasks(8) // else it is cancelled before its start
          void handle.cancel()
          await handle.settled
        },
        { iterations: 10_000, warmup: 1 },
      )
      expect(report.listeners).toBe(0)
    } finally {
      process.off('warning', note)
    }
    expect(warnings).toEqual([])
  })
})

describe('what is left', () => {
  /** Ways to end, and how. */
  const ends: Array<
    [status: JobOutcome<unknown>['status'], register: (manager: GenerationJobManager) => Promise<JobHandle<unknown>>]
  > = [
    ['completed', (manager) => manager.register(async () => 'value')],
    ['completed', (manager) => manager.register((run) => run.stream(source(5)))],
    [
      'completed',
      (manager) => manager.register((run) => run.commit(() => 'saved'), { idempotencyKey: crypto.randomUUID() }),
    ],
    [
      'completed',
      (manager) =>
        manager.register(async (run) => {
          run.defer(() => Promise.reject(new Error('cleanup')))
          run.defer(hangs)
        }),
    ],
    ['failed', (manager) => manager.register(() => Promise.reject(new Error('broken')))],
    ['failed', (manager) => manager.register((run) => run.commit(() => Promise.reject(new Error('disk full'))))],
    ['failed', (manager) => manager.register((run) => run.commit(hangs))],
    [
      'failed',
      (manager) =>
        manager.register(async (run) => {
          for (;;) run.emit('x'.repeat(100))
        }),
    ],
    [
      'cancelled',
      async (manager) => {
        const handle = await manager.register(untilCancelled, { owner: 'ada', group: 'g' })
        void handle.cancel({ timeoutMs: 1 })
        return handle
      },
    ],
    [
      'cancelled',
      async (manager) => {
        const handle = await manager.register((run) => run.stream(hangingSource()))
        void bareLoop(handle.events())
        void handle.cancel()
        return handle
      },
    ],
    ['cancelled', (manager) => manager.register(hangs, { deadlineMs: 50 })],
    ['cancelled', (manager) => manager.register(untilCancelled, { idleTimeoutMs: 50 })],
    ['cancelled', (manager) => manager.register(untilCancelled, { signal: AbortSignal.abort('gone') })],
    ['cancelled', (manager) => manager.register(untilCancelled, { onDisconnect: 'cancel', disconnectGraceMs: 100 })],
  ]

  function hangingSource(): GenerationSource {
    return { [Symbol.asyncIterator]: () => ({ next: hangs, return: hangs }) }
  }

  it.each([
    ['as many as they are at once', Number.POSITIVE_INFINITY],
    ['fifty at a time', 50],
  ])(
    'LEAK-01, G1, G11: a thousand jobs of mixed outcome, %s, all end, and nothing is left of them',
    async (_, maxConcurrentJobs) => {
      const f = fixture()
      const manager = f.newManager({
        retentionMs: 500_000,
        maxConcurrentJobs,
        maxLogBytes: 10_000,
        deadlineMs: false,
      })
      const settledEvents: string[] = []
      manager.on('settled', ({ job }) => settledEvents.push(job.jobId))
      const jobs: Array<{ handle: JobHandle<unknown>; expected: string }> = []
      for (let index = 0; index < 1_000; index++) {
        const [expected, register] =
          ends[index % ends.length] ??
          ends[0] ??
          (() => {
            throw new Error('unreachable')
          })()
        jobs.push({ handle: await register(manager), expected })
      }
      const { pending, running, cancelling } = manager.stats().jobs
      expect(pending + running + cancelling).toBeGreaterThan(100)
      // Each hung commit holds its slot for 30 s, each hung cleanup for 7 s.
      await f.clock.advance(maxConcurrentJobs === Number.POSITIVE_INFINITY ? 60_000 : 400_000)
      const outcomes = await within(f.clock, 0, Promise.all(jobs.map(({ handle }) => handle.settled)))
      const wrong = outcomes.filter((outcome, index) => outcome.status !== jobs[index]?.expected)
      expect(wrong).toEqual([])
      expect(settledEvents.sort()).toEqual(jobs.map(({ handle }) => handle.jobId).sort())
      // The fixture looks at the rest: stats() after retention, timers after close().
    },
  )

  it('LEAK-01, LEAK-04: jobs that end leave no timer but the heartbeat of the node, and close() stops that too', async () => {
    const clock = createVirtualClock()
    const manager = new GenerationJobManager({ logger: false, clock, retentionMs: 1_000 })
    const idle = clock.timers()
    expect(idle).toEqual([expect.objectContaining({ unref: true })])
    for (let index = 0; index < 50; index++) {
      const handle = await manager.register(index % 2 ? untilCancelled : atOnce)
      await clock.settle()
      void handle.cancel()
      await within(clock, 0, handle.settled)
    }
    await clock.advance(5_000)
    expect(manager.stats().jobs).toMatchObject({ completed: 0, cancelled: 0, failed: 0 })
    expect(clock.timers()).toHaveLength(1)
    await manager.close()
    expect(clock.timers()).toEqual([])
  })

  it('LEAK-08: a timer that holds the process is set only while a job is cancelling or cleaning up', async () => {
    const clock = createVirtualClock()
    const manager = new GenerationJobManager({ logger: false, clock })
    const holding = () => clock.timers().some(({ unref }) => !unref)
    const handle = await manager.register((run) => {
      run.defer(() => new Promise((resolve) => void clock.setTimer(100, () => resolve(), { unref: true })))
      return hangs()
    })
    await clock.settle()
    expect([handle.snapshot().status, holding()]).toEqual(['running', false])
    void handle.cancel()
    expect([handle.snapshot().status, holding()]).toEqual(['cancelling', true])
    await clock.advance(3_500)
    expect([handle.snapshot().status, holding()]).toEqual(['cancelling', true])
    await clock.advance(100)
    expect([handle.snapshot().status, holding()]).toEqual(['cancelled', false])
    await manager.close()
  })
})
