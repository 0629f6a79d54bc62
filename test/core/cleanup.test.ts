import {
  type CancelReason,
  GenerationOrchestrator,
  type JobHandle,
  type Producer,
  type RunContext,
  type RunEnd,
} from 'generation-jobs'
import { controlledSource, scriptedSource, type VirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { fixture } from '../support/fixture.js'
import { settleTime, within } from '../support/within.js'

const GRACE_MS = 7_000
const boom = new Error('boom')
const never = (): Promise<never> => new Promise(() => {})
const untilCancelled = (run: RunContext): Promise<void> =>
  new Promise((resolve) => void run.token.onCancel(() => resolve()))

function wait(clock: VirtualClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(ms, resolve))
}

/** One way in which a job can end, with the end that its cleanups must see. */
interface Ending {
  work(run: RunContext): Promise<unknown>
  /** What is done to the running job, after `work` has begun. */
  act?: (job: JobHandle<unknown>) => unknown
  status: RunEnd['status']
  forced?: boolean
}

const endings: Record<string, Ending> = {
  completed: { work: async () => 'value', status: 'completed' },
  'completed with a commit': { work: (run) => run.commit(() => 'saved'), status: 'completed' },
  failed: { work: () => Promise.reject(boom), status: 'failed' },
  'failed in its commit': { work: (run) => run.commit(() => Promise.reject(boom)), status: 'failed' },
  'failed by its log limit': {
    work: async (run) => {
      for (;;) run.emit('x')
    },
    status: 'failed',
  },
  cancelled: { work: untilCancelled, act: (job) => job.cancel(), status: 'cancelled' },
  'cancelled with a source that stalls': {
    work: (run) => run.stream(controlledSource()),
    act: (job) => job.cancel(),
    status: 'cancelled',
  },
  'cancelled by force': { work: never, act: (job) => job.cancel(), status: 'cancelled', forced: true },
}

describe('each end', () => {
  for (const [name, { work, act, status, forced = false }] of Object.entries(endings)) {
    it(`CLN-01 CLN-02 G4: starts three cleanups once, last registered first, when the job is ${name}`, async () => {
      const { clock, newManager } = fixture()
      const manager = newManager({ maxLogEvents: 10 })
      const started: string[] = []
      const job = await manager.register(async (run) => {
        for (const label of ['a', 'b', 'c']) run.defer(() => void started.push(label), label)
        return work(run)
      })
      await clock.settle()
      if (act) {
        expect(started).toEqual([])
        void act(job)
      }
      const outcome = await within(clock, GRACE_MS, job.settled)
      expect(outcome).toMatchObject({ status, forced, cleanup: 'clean' })
      expect(started).toEqual(['c', 'b', 'a'])
    })

    it(`CLN-05: shows its cleanup how the job ended and gives it a fresh signal, when the job is ${name}`, async () => {
      const { clock, newManager } = fixture()
      const manager = newManager({ maxLogEvents: 10 })
      const ends: RunEnd[] = []
      let abortedAt: boolean[] = []
      const job = await manager.register(async (run) => {
        run.defer(async (end) => {
          ends.push(end)
          abortedAt = [end.signal.aborted]
          await wait(clock, 500) // a timer of its own works
          abortedAt.push(end.signal.aborted)
        })
        return work(run)
      })
      await clock.settle()
      void act?.(job)
      const outcome = await within(clock, GRACE_MS, job.settled)
      expect(ends).toHaveLength(1)
      const [end] = ends
      expect(end?.status).toBe(status)
      if (end?.status === 'cancelled') expect(end.reason).toBe(outcome.status === 'cancelled' && outcome.reason)
      if (end?.status === 'failed') expect(end.error).toBe(outcome.status === 'failed' && outcome.error.cause)
      expect(abortedAt).toEqual([false, false])
      expect(end?.signal.aborted).toBe(false)
    })
  }

  it('CLN-01: starts the cleanups of a producer that throws synchronously once', async () => {
    const { manager } = fixture()
    const started: string[] = []
    const job = await manager.register((run) => {
      run.defer(() => void started.push('a'))
      run.defer(() => void started.push('b'))
      throw boom
    })
    expect(await job.settled).toMatchObject({ status: 'failed', cleanup: 'clean' })
    expect(started).toEqual(['b', 'a'])
  })

  it('CLN-01: starts the cleanups of an orchestrated job whose generate stage failed to start', async () => {
    const { manager } = fixture()
    const started: string[] = []
    const orchestrator = new GenerationOrchestrator({
      prompt: (request: string, run) => {
        run.defer(() => void started.push('prompt'))
        return request
      },
      generate: (_prompt, run) => {
        run.defer(() => void started.push('generate'))
        return Promise.reject(boom)
      },
    })
    const job = await manager.register(orchestrator.producer('request'))
    expect(await job.settled).toMatchObject({ status: 'failed', cleanup: 'clean' })
    expect(started).toEqual(['generate', 'prompt'])
  })

  it('CLN-01: waits for each cleanup before it starts the next', async () => {
    const { clock, manager } = fixture()
    const order: string[] = []
    const job = await manager.register(async (run) => {
      for (const label of ['a', 'b']) {
        run.defer(async () => {
          order.push(`${label} starts`)
          await wait(clock, 100)
          order.push(`${label} ends`)
        })
      }
    })
    expect(await within(clock, 200, job.settled)).toMatchObject({ cleanup: 'clean' })
    expect(order).toEqual(['b starts', 'b ends', 'a starts', 'a ends'])
  })

  it('G5: reports an end to nobody before the cleanups have ended', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(async (run) => {
      run.defer(() => wait(clock, 1_000))
      await untilCancelled(run)
    })
    await clock.settle()
    const told: string[] = []
    const cancelling = job.cancel().then(() => told.push('cancel'))
    const waiting = manager.waitForCompletion(job.jobId).then(() => told.push('wait'))
    const settled = job.settled.then(() => told.push('settled'))
    manager.on('settled', () => told.push('listener'))
    await clock.advance(999)
    expect([told, job.snapshot().status]).toEqual([[], 'cancelling'])
    await within(clock, 1, Promise.all([cancelling, waiting, settled]))
    expect([...told].sort()).toEqual(['cancel', 'listener', 'settled', 'wait'])
  })

  it('counts the registered cleanups that have not started', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(async (run) => {
      run.defer(() => {})
      run.defer(() => {})
      await untilCancelled(run)
    })
    await clock.settle()
    expect(manager.stats().cleanups).toBe(2)
    await job.cancel()
    expect(manager.stats().cleanups).toBe(0)
  })
})

describe('a cleanup that fails', () => {
  const failures: Record<string, () => void | Promise<void>> = {
    throws: () => {
      throw new TypeError('cleanup b')
    },
    rejects: () => Promise.reject(new TypeError('cleanup b')),
  }
  for (const [how, fail] of Object.entries(failures)) {
    it(`CLN-03 G4: stops no other when it ${how}, and is told in outcome, log and event`, async () => {
      const { logs, manager } = fixture()
      const started: string[] = []
      const told: object[] = []
      manager.on('cleanupFailed', ({ job, label, error }) => told.push({ jobId: job.jobId, label, error }))
      const job = await manager.register(
        async (run) => {
          run.defer(() => void started.push('a'), 'a')
          run.defer(fail, 'b')
          run.defer(() => void started.push('c'), 'c')
        },
        { jobId: 'story-1' },
      )
      expect(await job.settled).toMatchObject({ status: 'completed', cleanup: 'failed', forced: false })
      expect(started).toEqual(['c', 'a'])
      expect(logs.of('job.cleanup_failed')).toMatchObject([
        { level: 'warn', fields: { job_id: 'story-1', label: 'b', error_name: 'TypeError' } },
      ])
      expect(logs.of('job.completed')).toMatchObject([{ fields: { cleanup: 'failed' } }])
      expect(told).toEqual([{ jobId: 'story-1', label: 'b', error: expect.any(TypeError) }])
      expect(await manager.get('story-1')).toMatchObject({ status: 'completed', cleanup: 'failed' })
    })
  }

  it('CLN-03: does not mask the error of the producer', async () => {
    const { manager } = fixture()
    const job = await manager.register(async (run) => {
      run.defer(() => Promise.reject(new Error('of the cleanup')))
      throw boom
    })
    expect(await job.settled).toMatchObject({ status: 'failed', cleanup: 'failed', error: { cause: boom } })
  })

  it('CLN-03: does not mask the reason of a cancel', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(async (run) => {
      run.defer(() => Promise.reject(new Error('of the cleanup')))
      await untilCancelled(run)
    })
    await clock.settle()
    expect(await job.cancel()).toMatchObject({ outcome: 'cancelled', reason: { kind: 'user' }, cleanup: 'failed' })
  })
})

describe('cleanups that take too long', () => {
  it('CLN-04 CLN-10 G2: starts the others un-awaited at the limit of a completed job, and settles', async () => {
    const { clock, logs, manager } = fixture()
    const started: string[] = []
    const job = await manager.register(
      async (run) => {
        run.defer(() => {
          started.push('a')
          return never()
        })
        run.defer(() => void started.push('b'))
        run.defer(() => {
          started.push('c')
          return never()
        })
        return 'value'
      },
      { jobId: 'story-1' },
    )
    const settledAt = settleTime(clock, job.settled)
    await clock.advance(GRACE_MS - 1)
    expect(started).toEqual(['c'])
    expect(await within(clock, 1, job.settled)).toMatchObject({
      status: 'completed',
      value: 'value',
      cleanup: 'timed-out',
    })
    expect(await settledAt).toBe(GRACE_MS)
    expect(started).toEqual(['c', 'b', 'a'])
    expect(logs.of('job.completed')).toMatchObject([
      {
        message: 'Génération terminée, cleanup automatique - job_id: story-1, durée: 7.00s',
        fields: { cleanup: 'timed-out', status: 'completed' },
      },
    ])
  })

  it('CLN-04 CLN-10: releases everything of a failed job in time, though a cleanup hangs', async () => {
    const { clock, logs, manager } = fixture()
    const job = await manager.register(async (run) => {
      run.defer(never)
      throw boom
    })
    expect(await within(clock, GRACE_MS, job.settled)).toMatchObject({ status: 'failed', cleanup: 'timed-out' })
    expect(logs.of('job.failed')).toMatchObject([{ fields: { cleanup: 'timed-out' } }])
  })

  it('CLN-04: settles a cancelled job in time, though a cleanup hangs', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(async (run) => {
      run.defer(never)
      await untilCancelled(run)
    })
    await clock.settle()
    expect(await within(clock, GRACE_MS, job.cancel())).toMatchObject({
      outcome: 'cancelled',
      cleanup: 'timed-out',
      forced: false,
      cancelMs: GRACE_MS,
    })
  })

  it('CLN-05: aborts the signal of the cleanups at their limit, and not before', async () => {
    const { clock, manager } = fixture()
    const aborted: number[] = []
    const job = await manager.register(async (run) => {
      run.defer((end) => {
        end.signal.addEventListener('abort', () => aborted.push(clock.monotonic()))
        return never()
      })
    })
    await clock.advance(GRACE_MS - 1)
    expect(aborted).toEqual([])
    await within(clock, 1, job.settled)
    expect(aborted).toEqual([GRACE_MS])
  })

  it('CLN-05: shows an aborted signal to a cleanup that is started at the limit', async () => {
    const { clock, manager } = fixture()
    const seen: boolean[] = []
    const job = await manager.register(async (run) => {
      run.defer((end) => void seen.push(end.signal.aborted))
      run.defer(never)
    })
    await within(clock, GRACE_MS, job.settled)
    expect(seen).toEqual([true])
  })

  it('CLN-04 G14: handles the rejection of a cleanup that nobody waits for any more', async () => {
    const { clock, logs, manager } = fixture()
    const job = await manager.register(async (run) => {
      run.defer(async () => {
        await wait(clock, 20_000)
        throw new Error('too late')
      }, 'slow')
    })
    expect(await within(clock, GRACE_MS, job.settled)).toMatchObject({ cleanup: 'timed-out' })
    await clock.advance(20_000)
    expect(logs.of('job.cleanup_failed')).toMatchObject([{ fields: { label: 'slow' } }])
  })

  it('CLN-04: starts the rest un-awaited after a cleanup that blocked the event loop past the limit', async () => {
    const { clock, manager } = fixture()
    const started: string[] = []
    const job = await manager.register(async (run) => {
      run.defer(() => {
        started.push('a')
        return never()
      })
      run.defer(() => {
        started.push('b')
        clock.block(GRACE_MS + 1_000)
      })
    })
    expect(await within(clock, 0, job.settled)).toMatchObject({ cleanup: 'timed-out' })
    expect(started).toEqual(['b', 'a'])
  })
})

describe('the grace period', () => {
  it('CLN-08: gives the cleanups what a slow producer left of it', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(async (run) => {
      run.defer(never)
      await untilCancelled(run)
      await wait(clock, 2_000)
    })
    await clock.settle()
    const cancelling = job.cancel()
    const settledAt = settleTime(clock, cancelling)
    expect(await within(clock, GRACE_MS, cancelling)).toMatchObject({ cleanup: 'timed-out', forced: false })
    expect(await settledAt).toBe(GRACE_MS)
  })

  it('CLN-08: is enough for a producer and cleanups that stay within it together', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(async (run) => {
      run.defer(() => wait(clock, 3_000))
      await untilCancelled(run)
      await wait(clock, 3_000)
    })
    await clock.settle()
    const cancelling = job.cancel()
    const settledAt = settleTime(clock, cancelling)
    expect(await within(clock, GRACE_MS, cancelling)).toMatchObject({ cleanup: 'clean', forced: false })
    expect(await settledAt).toBe(6_000)
  })

  it('CLN-08 CLN-11 G4: starts the cleanups at half of it when the producer does not end, and says so', async () => {
    const { clock, logs, manager } = fixture()
    let startedAt: number | undefined
    const job = await manager.register(
      async (run) => {
        run.defer(() => {
          startedAt = clock.monotonic()
        })
        return never()
      },
      { jobId: 'story-1' },
    )
    await clock.settle()
    const cancelling = job.cancel()
    await clock.advance(GRACE_MS / 2 - 1)
    expect([startedAt, job.snapshot().status]).toEqual([undefined, 'cancelling'])
    expect(await within(clock, 1, cancelling)).toMatchObject({ outcome: 'cancelled', forced: true, cleanup: 'clean' })
    expect(startedAt).toBe(GRACE_MS / 2)
    expect(await job.settled).toMatchObject({ status: 'cancelled', forced: true })
    expect(await manager.get('story-1')).toMatchObject({ forced: true })
    expect(logs.of('job.forced')).toMatchObject([{ level: 'warn', fields: { job_id: 'story-1' } }])
    expect(logs.of('job.cancelled')).toMatchObject([{ fields: { forced: true } }])
  })

  it('CLN-08 G2: is one whole even when producer and cleanups both hang', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ gracePeriodMs: 1_000, cancelTimeoutMs: 2_000 })
    const job = await manager.register(async (run) => {
      run.defer(never)
      return never()
    })
    await clock.settle()
    const cancelling = job.cancel()
    const settledAt = settleTime(clock, cancelling)
    expect(await within(clock, 1_000, cancelling)).toMatchObject({ forced: true, cleanup: 'timed-out' })
    expect(await settledAt).toBe(1_000)
  })

  it('CLN-08: is not begun anew by a second cancel', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(() => never())
    await clock.settle()
    const first = job.cancel()
    await clock.advance(3_000)
    const second = job.cancel()
    expect(await within(clock, 500, Promise.all([first, second]))).toMatchObject([
      { forced: true, joined: false, cancelMs: 3_500 },
      { forced: true, joined: true },
    ])
  })

  it('CLN-10 CLN-11: bounds a source that a completed producer left behind and that does not close', async () => {
    const { clock, manager } = fixture()
    const source = scriptedSource([{ do: 'hang' }], { returnHangs: true, deaf: true })
    let cleanedAt: number | undefined
    const job = await manager.register(async (run) => {
      run.defer(() => {
        cleanedAt = clock.monotonic()
      })
      void run.stream(source)
      await clock.yieldMacrotask()
      return 'value'
    })
    expect(await within(clock, GRACE_MS, job.settled)).toMatchObject({
      status: 'completed',
      value: 'value',
      forced: true,
    })
    expect([cleanedAt, source.returnCalls]).toEqual([GRACE_MS / 2, 1])
  })
})

describe('the iterator of a source', () => {
  it('CLN-06: is returned exactly once while its next() is pending', async () => {
    const { clock, manager } = fixture()
    const source = controlledSource()
    const job = await manager.register((run) => run.stream(source))
    source.push('a')
    await clock.settle()
    expect(source).toMatchObject({ pendingNext: 1, deliveredCount: 1, returnCalls: 0 })
    expect(await job.cancel()).toMatchObject({ outcome: 'cancelled', forced: false })
    expect(source).toMatchObject({ pendingNext: 0, returnCalls: 1, closed: true })
    expect(source.abortReasons).toHaveLength(1)
  })

  it('CLN-06: is returned exactly once after a next() that just rejected', async () => {
    const { manager } = fixture()
    const source = scriptedSource(['a', { do: 'throw', error: boom }])
    const job = await manager.register((run) => run.stream(source))
    expect(await job.settled).toMatchObject({ status: 'failed', error: { cause: boom } })
    expect(source.returnCalls).toBe(1)
  })

  it('CLN-06: is not waited for past half of the grace period when its return() hangs', async () => {
    const { clock, manager } = fixture()
    const source = scriptedSource([{ do: 'hang' }], { deaf: true, returnHangs: true })
    const job = await manager.register((run) => run.stream(source))
    await clock.settle()
    const cancelling = job.cancel()
    const settledAt = settleTime(clock, cancelling)
    expect(await within(clock, GRACE_MS, cancelling)).toMatchObject({ outcome: 'cancelled', forced: true })
    expect([await settledAt, source.returnCalls]).toEqual([GRACE_MS / 2, 1])
  })

  it('CLN-06 G14: may reject its return() and its pending next() late', async () => {
    const { clock, manager } = fixture()
    for (const faults of [{ returnRejects: true }, { returnThrows: true }, { nextRejectsLate: true, clock }]) {
      const source = scriptedSource(['a', { do: 'hang' }], faults)
      const job = await manager.register((run) => run.stream(source))
      await clock.settle()
      expect(source.deliveredCount).toBe(1)
      expect(await within(clock, GRACE_MS, job.cancel())).toMatchObject({ outcome: 'cancelled' })
      expect(source.returnCalls).toBe(1)
    }
  })
})

describe('a source that lets go in the calling tick', () => {
  const letsGoAtOnce = (next: () => Promise<IteratorResult<string>>) => ({
    [Symbol.asyncIterator]: () => ({
      next,
      return: (): Promise<IteratorResult<string>> => {
        throw boom
      },
    }),
  })

  it('G1 G5: and that the producer did not wait for, ends its job once, after the cleanups', async () => {
    const { clock, manager, logs } = fixture()
    let cleanedAt: number | undefined
    const job = await manager.register(async (run) => {
      run.defer(async () => {
        await new Promise<void>((resolve) => void clock.setTimer(1_000, resolve))
        cleanedAt = clock.monotonic()
      })
      void run.stream(letsGoAtOnce(() => new Promise(() => {})))
      await Promise.resolve()
      return 'value'
    })
    const settledAt = settleTime(clock, job.settled)
    expect(await within(clock, 3_000, job.settled)).toMatchObject({ status: 'completed', cleanup: 'clean' })
    expect([await settledAt, cleanedAt]).toEqual([1_000, 1_000])
    expect(logs.events(job.jobId).filter((event) => event === 'job.completed')).toHaveLength(1)
  })
})

describe('a cleanup that is registered late', () => {
  it('CLN-07: runs when it was deferred after the cancel request', async () => {
    const { clock, manager } = fixture()
    const started: string[] = []
    const job = await manager.register(async (run) => {
      run.defer(() => void started.push('early'))
      run.token.onCancel(() => run.defer(() => void started.push('in the tick of the cancel')))
      await untilCancelled(run)
      await wait(clock, 100)
      run.defer(() => void started.push('while the producer ends'))
    })
    await clock.settle()
    expect(await within(clock, 100, job.cancel())).toMatchObject({ outcome: 'cancelled', cleanup: 'clean' })
    expect(started).toEqual(['while the producer ends', 'in the tick of the cancel', 'early'])
  })

  it('CLN-07: runs at once when the cleanups have begun, and is waited for', async () => {
    const { clock, manager } = fixture()
    const order: string[] = []
    const job = await manager.register(async (run) => {
      run.defer(() => void order.push('first registered'))
      run.defer(async () => {
        run.defer(async () => {
          order.push('late starts')
          await wait(clock, 200)
          order.push('late ends')
        })
        order.push('after defer')
        await wait(clock, 100)
      })
    })
    const settledAt = settleTime(clock, job.settled)
    expect(await within(clock, 200, job.settled)).toMatchObject({ cleanup: 'clean' })
    expect(order.slice(0, 2)).toEqual(['late starts', 'after defer'])
    expect([...order].sort()).toEqual(['after defer', 'first registered', 'late ends', 'late starts'])
    expect(await settledAt).toBe(200)
  })

  it('CLN-07: counts in the outcome when it fails', async () => {
    const { manager } = fixture()
    const job = await manager.register(async (run) => {
      run.defer(() => run.defer(() => Promise.reject(boom)))
    })
    expect(await job.settled).toMatchObject({ cleanup: 'failed' })
  })

  it('CLN-07: runs at once, with its end, when the job is settled already', async () => {
    const { clock, manager } = fixture()
    const reasons: (CancelReason | undefined)[] = []
    let wake = (): void => {}
    const asleep = new Promise<void>((resolve) => {
      wake = resolve
    })
    const job = await manager.register(async (run) => {
      await asleep
      run.defer((end) => void reasons.push(end.status === 'cancelled' ? end.reason : undefined))
    })
    await clock.settle()
    expect(await within(clock, GRACE_MS, job.cancel())).toMatchObject({ outcome: 'cancelled', forced: true })
    wake()
    await clock.settle()
    expect(reasons).toMatchObject([{ kind: 'user' }])
  })
})

describe('the registry', () => {
  it('CLN-09 G4: is left by a job whose settled listener throws, and the failure is logged once', async () => {
    const { logs, manager } = fixture()
    manager.on('settled', () => {
      throw boom
    })
    for (const jobId of ['story-1', 'story-2']) {
      const job = await manager.register(async () => 'value', { jobId })
      expect(await job.settled).toMatchObject({ status: 'completed', value: 'value' })
    }
    expect(manager.stats().jobs).toMatchObject({ running: 0, cancelling: 0, completed: 2 })
    expect(logs.of('listener.failed')).toHaveLength(1)
    expect(logs.events()).toContain('job.completed')
  })

  it('G4: is left by a job whose cleanup throws, hangs or rejects', async () => {
    const { clock, manager } = fixture()
    const cleanups: Parameters<RunContext['defer']>[0][] = [
      () => {
        throw boom
      },
      never,
      () => Promise.reject(boom),
    ]
    const producer =
      (cleanup: Parameters<RunContext['defer']>[0]): Producer<void> =>
      async (run) =>
        run.defer(cleanup)
    const jobs = await Promise.all(cleanups.map((cleanup) => manager.register(producer(cleanup))))
    const outcomes = await within(clock, GRACE_MS, Promise.all(jobs.map(({ settled }) => settled)))
    expect(outcomes.map(({ cleanup }) => cleanup)).toEqual(['failed', 'timed-out', 'failed'])
    expect(manager.stats()).toMatchObject({ jobs: { running: 0, completed: 3 }, cleanups: 0, timers: 0 })
  })
})
