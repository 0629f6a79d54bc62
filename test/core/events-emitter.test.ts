import type {
  CancelResult,
  GenerationJobManager,
  JobSnapshot,
  ManagerEvents,
  Producer,
  RunContext,
} from 'generation-jobs'
import { controlledSource, scriptedSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { fixture } from '../support/fixture.js'
import { chunksOf, readAll } from '../support/read-all.js'
import { within } from '../support/within.js'

type EventName = keyof ManagerEvents

const EVENTS: readonly EventName[] = [
  'registered',
  'started',
  'step',
  'cancelRequested',
  'committing',
  'settled',
  'cleanupFailed',
]

const boom = new Error('boom')
const untilCancelled = (run: RunContext): Promise<void> =>
  new Promise((resolve) => void run.token.onCancel(() => resolve()))

/** Whatever the manager tells, in order. */
function listen(manager: GenerationJobManager): { event: EventName; job: JobSnapshot; details: object }[] {
  const told: { event: EventName; job: JobSnapshot; details: object }[] = []
  for (const event of EVENTS) {
    manager.on(event, (payload: ManagerEvents[EventName]) => {
      const { job, ...details } = payload
      told.push({ event, job, details })
    })
  }
  return told
}

/** Goes through every event but the cancel: two steps, a commit and a cleanup that fails. */
const eventful: Producer<string> = async (run) => {
  run.defer(() => Promise.reject(boom), 'close')
  run.step('Generating')
  run.emit('text')
  run.step('Saving')
  return run.commit(() => 'saved')
}

describe('the events of a manager', () => {
  it('OBS-04: tell each transition of a job that completes once, with the job as it stands then', async () => {
    const { manager } = fixture()
    const told = listen(manager)
    const job = await manager.register(eventful, { jobId: 'story-1', owner: 'ada' })
    const outcome = await job.settled
    expect(told.map(({ event }) => event)).toEqual([
      'registered',
      'started',
      'step',
      'step',
      'committing',
      'cleanupFailed',
      'settled',
    ])
    expect(told.every(({ job }) => job.jobId === 'story-1' && job.owner === 'ada')).toBe(true)
    expect(told).toMatchObject([
      { job: { status: 'running', lastSeq: 0 }, details: {} },
      { job: { status: 'running' }, details: {} },
      { job: { status: 'running', step: 'Generating' }, details: { step: 'Generating' } },
      { job: { status: 'running', step: 'Saving' }, details: { step: 'Saving' } },
      { job: { status: 'committing' }, details: {} },
      { details: { label: 'close', error: boom } },
      { job: { status: 'completed', commit: 'done', cleanup: 'failed' } },
    ])
    const settled = told.at(-1)?.details
    expect(settled).toEqual({ outcome, chunks: 1, droppedChunks: 0, firstChunkMs: 0 })
  })

  it('OBS-04: tell the cancel of a job once, with its reason, however many cancelled', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(untilCancelled)
    await clock.settle()
    const told = listen(manager)
    await Promise.all(Array.from({ length: 20 }, () => job.cancel({ by: 'ada' })))
    expect(told.map(({ event }) => event)).toEqual(['cancelRequested', 'settled'])
    const outcome = await job.settled
    expect(told[0]).toMatchObject({ job: { status: 'cancelling' }, details: { reason: { kind: 'user', by: 'ada' } } })
    expect(told[0]?.details).toEqual({ reason: outcome.status === 'cancelled' && outcome.reason })
    expect(told[1]).toMatchObject({ job: { status: 'cancelled' }, details: { outcome: { status: 'cancelled' } } })
  })

  it('tell a job that waits as pending when it is registered, and as running when it starts', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1 })
    const source = controlledSource()
    const first = await manager.register((run) => run.stream(source))
    await clock.settle()
    const told = listen(manager)
    const second = await manager.register(async () => 'value')
    expect(told).toMatchObject([{ event: 'registered', job: { status: 'pending' } }])
    source.end()
    await second.settled
    const ofSecond = told.filter(({ job }) => job.jobId === second.jobId)
    expect(ofSecond).toMatchObject([
      { event: 'registered' },
      { event: 'started', job: { status: 'running' } },
      { event: 'settled', job: { status: 'completed' } },
    ])
    await first.settled
  })

  it('are those of its own jobs only', async () => {
    const { manager, newManager } = fixture()
    const told = listen(newManager())
    const job = await manager.register(async () => 'value')
    await job.settled
    expect(told).toEqual([])
  })

  it('settled comes when the job has left the registry and its outcome stands', async () => {
    const { clock, manager } = fixture()
    const seen: unknown[] = []
    manager.on('settled', ({ job }) => {
      seen.push(manager.stats().jobs.running, manager.stats().jobs.completed)
      seen.push(manager.get(job.jobId).then((record) => record?.status))
    })
    const job = await manager.register(async () => 'value')
    await job.settled
    await clock.settle()
    expect(await Promise.all(seen)).toEqual([0, 1, 'completed'])
  })
})

describe('on, once and off', () => {
  async function runJobs(manager: GenerationJobManager, count: number): Promise<void> {
    for (let index = 0; index < count; index++) await (await manager.register(async () => index)).settled
  }

  it('answer the manager, so that calls chain', () => {
    const { manager } = fixture()
    const listener = (): void => {}
    expect(manager.on('settled', listener).once('started', listener).off('settled', listener)).toBe(manager)
  })

  it('once is called for the first event only', async () => {
    const { manager } = fixture()
    const jobs: string[] = []
    manager.once('settled', ({ job }) => jobs.push(job.jobId))
    await runJobs(manager, 3)
    expect(jobs).toHaveLength(1)
  })

  it('off takes away a listener of on and of once, and ignores what it does not know', async () => {
    const { manager } = fixture()
    let calls = 0
    const listener = (): void => void calls++
    manager.on('settled', listener)
    manager.once('settled', listener)
    await runJobs(manager, 1)
    expect(calls).toBe(2)
    manager.off('settled', listener)
    manager.off('settled', () => {})
    manager.off('started', listener)
    await runJobs(manager, 1)
    expect(calls).toBe(2)
  })

  it('off before the event takes away a once', async () => {
    const { manager } = fixture()
    let calls = 0
    const listener = (): void => void calls++
    manager.once('settled', listener).off('settled', listener)
    await runJobs(manager, 1)
    expect(calls).toBe(0)
  })

  it('off leaves nothing of a listener that was added twice', async () => {
    const { manager } = fixture()
    let calls = 0
    const listener = (): void => void calls++
    manager.on('settled', listener).on('settled', listener)
    await runJobs(manager, 1)
    expect(calls).toBe(2)
    manager.off('settled', listener)
    await runJobs(manager, 1)
    expect(calls).toBe(2)
  })

  it('off inside a listener takes effect from the next event on, and others still hear this one', async () => {
    const { manager } = fixture()
    const calls: string[] = []
    const first = (): void => {
      calls.push('first')
      manager.off('settled', first)
    }
    manager.on('settled', first)
    manager.on('settled', () => calls.push('second'))
    await runJobs(manager, 2)
    expect(calls).toEqual(['first', 'second', 'second'])
  })

  it('on inside a listener takes effect from the next event on', async () => {
    const { manager } = fixture()
    let calls = 0
    manager.once('settled', () => {
      manager.on('settled', () => calls++)
    })
    await runJobs(manager, 1)
    expect(calls).toBe(0)
    await runJobs(manager, 1)
    expect(calls).toBe(1)
  })

  it('call listeners in the order in which they were added', async () => {
    const { manager } = fixture()
    const calls: number[] = []
    for (const number of [1, 2, 3]) manager.on('settled', () => calls.push(number))
    await runJobs(manager, 1)
    expect(calls).toEqual([1, 2, 3])
  })
})

describe('a listener that fails', () => {
  const failures: Record<string, () => unknown> = {
    throws: () => {
      throw boom
    },
    rejects: () => Promise.reject(boom),
    'rejects by a thenable': () => ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
      then: (_resolve: unknown, reject?: (error: unknown) => void) => reject?.(boom),
    }),
    'rejects with undefined': () => Promise.reject(),
  }
  for (const [how, fail] of Object.entries(failures)) {
    for (const event of EVENTS) {
      it(`EVT-07 OBS-05 G14: ${how} in ${event}, and neither the job nor another listener notices`, async () => {
        const { clock, manager } = fixture()
        let heard = 0
        manager.on(event, fail)
        manager.on(event, () => heard++)
        const completed = await manager.register(eventful)
        expect(await completed.settled).toMatchObject({ status: 'completed', value: 'saved', commit: 'done' })
        const cancelled = await manager.register(async (run) => {
          run.step('Generating')
          await untilCancelled(run)
        })
        await clock.settle()
        expect(await cancelled.cancel()).toMatchObject({ outcome: 'cancelled', forced: false, cleanup: 'clean' })
        expect(heard).toBeGreaterThan(0)
      })
    }
  }

  it('OBS-05: is logged once, whatever fails afterwards', async () => {
    const { clock, logs, manager } = fixture()
    for (const event of EVENTS) {
      manager.on(event, () => {
        throw new TypeError('boom')
      })
      manager.on(event, () => Promise.reject(boom))
    }
    for (let round = 0; round < 3; round++) await (await manager.register(eventful)).settled
    const job = await manager.register(async (run) => {
      run.token.onCancel(() => {
        throw boom
      })
      await untilCancelled(run)
    })
    await clock.settle()
    await job.cancel()
    expect(logs.of('listener.failed')).toMatchObject([{ level: 'error', fields: { error_name: 'TypeError' } }])
  })
})

describe('a cancel from inside a listener', () => {
  /** A job that is cancelled by the listener of one event, and what came of it. */
  async function cancelledIn(event: EventName) {
    const { clock, manager } = fixture()
    const results: Promise<CancelResult>[] = []
    const reached: string[] = []
    const saves: string[] = []
    manager.once(event, ({ job }: { job: JobSnapshot }) => {
      reached.push(event)
      results.push(manager.cancel(job.jobId))
    })
    const job = await manager.register(async (run) => {
      reached.push('producer')
      run.defer(() => Promise.reject(boom))
      run.emit('before')
      run.step('Generating')
      await run.stream(scriptedSource(['after']))
      return run.commit(() => saves.push('saved'))
    })
    if (event === 'cancelRequested') void job.cancel()
    const outcome = await within(clock, 7_000, job.settled)
    const result = await within(clock, 0, Promise.all(results))
    const chunks = chunksOf(await readAll(job.events()))
    return { outcome, result: result[0], reached, chunks, saves }
  }

  it('CAN-11: of registered ends the job before its producer is called', async () => {
    const { outcome, result, reached, saves } = await cancelledIn('registered')
    expect(outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'user' }, forced: false })
    expect(result).toMatchObject({ outcome: 'cancelled', joined: false })
    expect([reached, saves]).toEqual([['registered'], []])
  })

  it('CAN-11: of started ends the job before its producer is called', async () => {
    const { outcome, result, reached, saves } = await cancelledIn('started')
    expect(outcome).toMatchObject({ status: 'cancelled', forced: false })
    expect(result).toMatchObject({ outcome: 'cancelled', joined: false })
    expect([reached, saves]).toEqual([['started'], []])
  })

  it('CAN-11: of step has the same effect as from outside: no further chunk, no commit', async () => {
    const { outcome, result, reached, chunks, saves } = await cancelledIn('step')
    expect(outcome).toMatchObject({ status: 'cancelled', commit: 'none', forced: false })
    expect(result).toMatchObject({ outcome: 'cancelled', joined: false })
    expect([reached, chunks, saves]).toEqual([['producer', 'step'], ['before'], []])
  })

  it('CAN-11: of cancelRequested joins the cancel that it hears of', async () => {
    const { outcome, result, saves } = await cancelledIn('cancelRequested')
    expect(outcome).toMatchObject({ status: 'cancelled' })
    expect(result).toMatchObject({ outcome: 'cancelled', joined: true })
    expect(saves).toEqual([])
  })

  it('CAN-11 CVC-03: of committing is too late, and the save goes through', async () => {
    const { outcome, result, saves } = await cancelledIn('committing')
    expect(outcome).toMatchObject({ status: 'completed', commit: 'done' })
    expect(result).toMatchObject({ outcome: 'too-late', status: 'completed' })
    expect(saves).toEqual(['saved'])
  })

  it('CAN-11: of cleanupFailed and of settled is answered already-settled', async () => {
    for (const event of ['cleanupFailed', 'settled'] as const) {
      const { outcome, result, saves } = await cancelledIn(event)
      expect(outcome).toMatchObject({ status: 'completed', cleanup: 'failed' })
      expect(result).toMatchObject({
        outcome: expect.stringMatching(/^(already-settled|too-late)$/),
        status: 'completed',
      })
      expect(saves).toEqual(['saved'])
    }
  })

  it('CAN-11: of a registered, of a pending job, ends it without a start', async () => {
    const { newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1 })
    const running = await manager.register(untilCancelled)
    const results: Promise<CancelResult>[] = []
    manager.once('registered', ({ job }) => results.push(manager.cancel(job.jobId)))
    let called = false
    const pending = await manager.register(async () => {
      called = true
    })
    expect(await pending.settled).toMatchObject({ status: 'cancelled' })
    expect(await Promise.all(results)).toMatchObject([{ outcome: 'cancelled', joined: false }])
    await running.cancel()
    expect(called).toBe(false)
  })
})

describe('other verbs from inside a listener', () => {
  it('register, wait, read and drain are legal in each event', async () => {
    for (const event of EVENTS) {
      const { clock, manager } = fixture()
      const started: Promise<unknown>[] = []
      manager.once(event, ({ job }: { job: JobSnapshot }) => {
        started.push(
          manager.register(async () => 'another').then(({ settled }) => settled),
          manager.waitForCompletion(job.jobId),
          readAll(manager.events(job.jobId)),
          manager.list(),
        )
      })
      const job = await manager.register(eventful)
      await clock.settle()
      if (event === 'cancelRequested') {
        const hanging = await manager.register(untilCancelled)
        await hanging.cancel()
      }
      await job.settled
      const [another, waited, events] = await within(clock, 7_000, Promise.all(started))
      expect(another).toMatchObject({ status: 'completed', value: 'another' })
      expect(waited).toMatchObject({ settled: true })
      expect((events as { type: string }[]).at(-1)?.type).toMatch(/^(complete|cancelled)$/)
    }
  })

  it('close from inside settled ends cleanly', async () => {
    const { clock, manager } = fixture()
    const closing: Promise<void>[] = []
    manager.once('settled', () => closing.push(manager.close()))
    const job = await manager.register(async () => 'value')
    expect(await job.settled).toMatchObject({ status: 'completed' })
    await within(clock, 0, Promise.all(closing))
    expect(closing).toHaveLength(1)
  })
})
