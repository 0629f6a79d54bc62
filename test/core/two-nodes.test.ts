import {
  type CancelReason,
  type CancelResult,
  type JobEvent,
  type JobHandle,
  type JobOutcome,
  type RunContext,
  type RunEnd,
  StoreError,
} from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { rejection } from '../support/caught.js'
import { type Cluster, type ClusterNode, cluster } from '../support/cluster.js'
import { chunksOf, eventLog, shapeOf } from '../support/event-log.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'

const HEARTBEAT = 1_000
const LEASE = 6_000
/** When an owner gives up by itself, without proof that the job is still its own. */
const SELF_FENCE = LEASE - 1_000
/** A dead owner's job is settled by then. */
const REAPED = LEASE + HEARTBEAT
const SUMMARIES = ['job.cancelled', 'job.completed', 'job.failed']

type LiveState = 'pending' | 'running' | 'cancelling' | 'committing'
const LIVE: readonly LiveState[] = ['pending', 'running', 'cancelling', 'committing']

/** What the record of a dead owner's job says, by where the job was. */
const ENDS = {
  pending: { status: 'failed', error: { code: 'owner.lost' }, commit: 'none', cleanup: 'unknown' },
  running: { status: 'failed', error: { code: 'owner.lost' }, commit: 'none', cleanup: 'unknown' },
  cancelling: { status: 'cancelled', commit: 'none', cleanup: 'unknown', forced: true },
  committing: { status: 'failed', error: { code: 'commit.unknown' }, commit: 'unknown', cleanup: 'unknown' },
} as const

/** A job on its way, with everything that a test of its owner's death looks at. */
interface Victim {
  readonly handle: JobHandle<unknown>
  readonly calls: string[]
  readonly ends: RunEnd[]
  readonly saves: string[]
  readonly run: () => RunContext | undefined
  /** The model, or the `save`, comes to its end. */
  readonly finish: () => void
  readonly fenceSignal: () => AbortSignal | undefined
}

/** Brings a job on this node into a state, from where it does not go on by itself. */
async function victim(node: ClusterNode, { clock }: Cluster, state: LiveState): Promise<Victim> {
  const [calls, ends, saves] = [[] as string[], [] as RunEnd[], [] as string[]]
  const gate = tap<string>()
  let context: RunContext | undefined
  let signal: AbortSignal | undefined
  const handle = await node.manager.register(async (run) => {
    calls.push(run.jobId)
    context = run
    run.defer((end) => void ends.push(end))
    run.emit('partial text')
    if (state === 'committing') {
      return run.commit(async (fence) => {
        signal = fence.signal
        const text = await gate.next()
        saves.push(text)
        return text
      })
    }
    const text = await gate.next() // deaf to a cancel
    return run.commit(() => saves.push(text))
  })
  await clock.settle()
  if (state === 'cancelling') {
    void node.manager.cancel(handle.jobId, { by: 'ada', message: 'stop' })
    await clock.settle()
  }
  expect(handle.snapshot().status).toBe(state)
  return { handle, calls, ends, saves, run: () => context, finish: () => gate.give('late'), fenceSignal: () => signal }
}

function summaries(node: ClusterNode, jobId: string): unknown[] {
  return node.logs.events(jobId).filter((event) => SUMMARIES.includes(String(event)))
}

function follow(source: AsyncIterable<JobEvent>) {
  const events: JobEvent[] = []
  const done = (async () => {
    for await (const event of source) events.push(event)
  })()
  return { events, done }
}

/** Emits what the tap gives until it gives `undefined`, whatever happens to the job. */
function streaming() {
  const chunks = tap<string | undefined>()
  const producer = async (run: RunContext): Promise<string> => {
    for (let chunk = await chunks.next(); chunk !== undefined; chunk = await chunks.next()) run.emit(chunk)
    return 'whole'
  }
  return { give: chunks.give, producer }
}

/** Ends in the tick of a cancel. */
const cooperative = (run: RunContext) =>
  new Promise<never>((_, reject) => run.token.onCancel(() => reject(new Error('stopped'))))

describe('a cancel from another node', () => {
  it('DIS-01 DIS-20: cancels token and signal of the owner, and answers what the owner recorded', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    let context: RunContext | undefined
    const handle = await a.manager.register(async (run) => {
      context = run
      run.step('Generating')
      run.defer(() => {
        throw new Error('no disk')
      })
      await cooperative(run)
    })
    await clock.advance(2_000)
    const { token, signal } = context ?? {}
    expect([token?.isCancelled, signal?.aborted]).toEqual([false, false])
    const result = await within(clock, 0, b.manager.cancel(handle.jobId, { by: 'bob', message: 'wrong prompt' }))
    expect([token?.isCancelled, signal?.aborted]).toEqual([true, true])
    expect(token?.reason).toMatchObject({ kind: 'user', by: 'bob', message: 'wrong prompt' })
    expect(result).toEqual({
      outcome: 'cancelled',
      jobId: handle.jobId,
      reason: { kind: 'user', by: 'bob', message: 'wrong prompt', at: clock.now() },
      step: 'Generating',
      forced: false,
      cleanup: 'failed',
      joined: false,
      runMs: 2_000,
      cancelMs: 0,
      recorded: true,
    })
    expect(await handle.settled).toMatchObject({ status: 'cancelled', reason: { by: 'bob' }, cleanup: 'failed' })
    expect(summaries(a, handle.jobId)).toEqual(['job.cancelled'])
    expect(summaries(b, handle.jobId)).toEqual([])
  })

  it('DIS-01 G2: of a job that does not let go says that it was forced', async () => {
    const setup = cluster()
    const { clock, join } = setup
    const [a, b] = [join(), join()]
    const { handle, ends } = await victim(a, setup, 'running')
    const result = await within(clock, 7_000, b.manager.cancel(handle.jobId))
    expect(result).toMatchObject({ outcome: 'cancelled', forced: true, cleanup: 'clean', cancelMs: 3_500 })
    expect(ends).toMatchObject([{ status: 'cancelled', reason: { kind: 'user' } }])
  })

  it('DIS-01 CAN-20: that is not settled in time is answered as requested, and settles later', async () => {
    const setup = cluster()
    const { clock, join } = setup
    const [a, b] = [join(), join()]
    const { handle } = await victim(a, setup, 'running')
    const result = await within(clock, 100, b.manager.cancel(handle.jobId, { timeoutMs: 100 }))
    expect(result).toEqual({ outcome: 'requested', jobId: handle.jobId, status: 'cancelling' })
    await within(clock, 7_000, handle.settled)
  })

  it('CAN-09 DIS-01: joins the first, from wherever; its reason stays, and there is one cleanup', async () => {
    const { clock, join } = cluster()
    const nodes = [join(), join(), join()]
    const ends: RunEnd[] = []
    const handle = await nodes[0]?.manager.register(async (run) => {
      run.defer((end) => void ends.push(end))
      await cooperative(run)
    })
    const jobId = handle?.jobId ?? ''
    await clock.settle()
    const answers = Promise.all(
      Array.from({ length: 30 }, (_, index) => nodes[index % 3]?.manager.cancel(jobId, { by: `person ${index}` })),
    )
    const results = (await within(clock, 0, answers)).filter((one): one is CancelResult => one !== undefined)
    const cancelled = results.flatMap((one) => (one.outcome === 'cancelled' ? [one] : []))
    expect(cancelled.filter(({ joined }) => !joined)).toHaveLength(1)
    expect(new Set(cancelled.map(({ reason }) => reason.by)).size).toBe(1)
    for (const one of results) expect(['cancelled', 'already-settled']).toContain(one.outcome)
    expect(ends).toHaveLength(1)
    expect(shapeOf(await eventLog(nodes[1]?.manager ?? nodes[0]?.manager ?? raise(), jobId))).toEqual([
      'cancelling',
      'cancelled',
    ])
  })

  it('DIS-23 CVC-03: of a committing job is too late, waits for its end, and changes nothing', async () => {
    const setup = cluster()
    const { clock, store, join } = setup
    const [a, b] = [join(), join()]
    const { handle, finish, saves } = await victim(a, setup, 'committing')
    const before = [await store.read(handle.jobId), await store.readEvents(handle.jobId, 0, 10)]
    const result = b.manager.cancel(handle.jobId)
    await clock.advance(2_000)
    expect([await store.read(handle.jobId), await store.readEvents(handle.jobId, 0, 10)]).toEqual(before)
    finish()
    expect(await within(clock, 0, result)).toEqual({ outcome: 'too-late', jobId: handle.jobId, status: 'completed' })
    expect(await handle.settled).toMatchObject({ status: 'completed', value: 'late', commit: 'done' })
    expect(saves).toEqual(['late'])
  })

  it('CAN-07 CAN-08: of an unknown or a settled job says so and changes nothing', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(async () => 1)
    await handle.settled
    const before = await b.manager.get(handle.jobId)
    expect(await b.manager.cancel(handle.jobId)).toEqual({
      outcome: 'already-settled',
      jobId: handle.jobId,
      status: 'completed',
    })
    expect(await b.manager.cancel('nobody')).toEqual({ outcome: 'not-found', jobId: 'nobody' })
    await clock.settle()
    expect(await b.manager.get(handle.jobId)).toEqual(before)
    expect(await b.manager.get('nobody')).toBeUndefined()
  })

  it.each([
    ['all', 'streams'],
    ['all', 'is silent'],
    ['half', 'streams'],
    ['half', 'is silent'],
  ])('DIS-02: with %s of the hints lost is seen by an owner that %s within 1.5 s, 200 times', async (lost, how) => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    let hints = 0
    a.store.loseHints(() => lost === 'all' || hints++ % 2 === 0)
    const seenAfter: number[] = []
    const handles: JobHandle<unknown>[] = []
    for (let count = 0; count < 200; count++) {
      const handle = await a.manager.register(async (run) => {
        const cancelled = cooperative(run)
        run.token.onCancel((reason) => void seenAfter.push(clock.now() - reason.at))
        while (how === 'streams') {
          await Promise.race([cancelled, new Promise<void>((resolve) => clock.setTimer(60, resolve))])
          run.emit('text')
        }
        await cancelled
      })
      handles.push(handle)
    }
    await clock.advance(2_300)
    const results: Promise<CancelResult>[] = []
    for (const { jobId } of handles) {
      results.push(b.manager.cancel(jobId))
      await clock.advance(7)
    }
    await clock.advance(1_500)
    expect(handles.map((handle) => handle.snapshot().status)).toEqual(handles.map(() => 'cancelled'))
    expect(seenAfter).toHaveLength(200)
    expect(Math.max(...seenAfter)).toBeLessThanOrEqual(how === 'streams' ? 120 : 1_500)
    await clock.advance(5_000)
    for (const result of await within(clock, 0, Promise.all(results)))
      expect(result).toMatchObject({ outcome: 'cancelled', forced: false })
  })

  it('DIS-02: whose first hint is lost is told again after 250 ms, long before the heartbeat', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    let lost = 0
    a.store.loseHints(() => lost++ === 0)
    const handle = await a.manager.register(cooperative)
    await clock.advance(2 * HEARTBEAT)
    const result = b.manager.cancel(handle.jobId)
    await clock.advance(249)
    expect(handle.snapshot().status).toBe('running')
    expect(await within(clock, 1, result)).toMatchObject({ outcome: 'cancelled', joined: false, cancelMs: 0 })
    expect(lost).toBe(2)
    expect(b.manager.stats().timers).toBe(0)
  })

  it('DIS-02 G11: of a stopped owner is sent again five times under one id, and nothing is left when it is reaped', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const { jobId } = await a.manager.register(cooperative)
    await clock.settle()
    a.pause()
    const result = b.manager.cancel(jobId)
    const sent: number[] = []
    for (let ms = 0; ms <= 5_000; ms += 50) {
      await clock.advance(ms === 0 ? 0 : 50)
      while (sent.length < b.store.calls('requestCancel').length) sent.push(ms)
    }
    expect(sent).toEqual([0, 250, 500, 1_000, 2_000, 4_000])
    const requests = b.store.calls('requestCancel').map(({ args: [request] }) => request as { cancelId: string })
    expect(new Set(requests.map(({ cancelId }) => cancelId)).size).toBe(1)
    expect(await within(clock, REAPED, result)).toMatchObject({ outcome: 'cancelled', forced: true, joined: false })
    expect(b.manager.stats()).toMatchObject({ timers: 0, waiters: 0 })
    await a.resume()
    expect(shapeOf(await eventLog(b.manager, jobId))).toEqual(['cancelling', 'cancelled'])
  })

  it.each([
    ['is settled', { outcome: 'cancelled' }, {}, true],
    ['is given up by its caller', { outcome: 'requested' }, { timeoutMs: 100 }, false],
  ])('DIS-02 G11: that %s is not sent again', async (_, answer, options, isHeard) => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    if (!isHeard) a.store.loseHints()
    const handle = await a.manager.register(cooperative)
    await clock.settle()
    expect(await within(clock, 100, b.manager.cancel(handle.jobId, options))).toMatchObject(answer)
    expect(b.manager.stats().timers).toBe(0)
    await clock.advance(5_000)
    expect(b.store.calls('requestCancel')).toHaveLength(1)
    await handle.settled
  })

  it('DIS-02: is not sent again to a later job of the same id', async () => {
    const { clock, join } = cluster({ retentionMs: 500 })
    const [a, b] = [join(), join()]
    a.store.loseHints()
    b.store.loseHints()
    await a.manager.register(cooperative, { jobId: 'same' })
    await clock.settle()
    const cancelling = b.manager.cancel('same')
    while (await a.manager.get('same')) await clock.advance(100)
    expect(clock.monotonic()).toBeLessThan(4_000) // a repeat is still to come
    const later = await a.manager.register(cooperative, { jobId: 'same' })
    await clock.advance(5_000)
    expect(later.snapshot().status).toBe('running')
    await within(clock, 10_000, cancelling)
    await within(clock, 1_000, later.cancel())
  })

  it.each(['fail', 'throw', 'hang', 'lose-reply', 'hang-after'] as const)(
    'DIS-10 G14: that was accepted is answered as it ends, whatever becomes of its repeats: %s',
    async (fault) => {
      const { clock, join } = cluster()
      const [a, b] = [join(), join()]
      a.store.loseHints()
      const handle = await a.manager.register(cooperative)
      await clock.settle()
      const result = b.manager.cancel(handle.jobId)
      await clock.settle()
      const heal = b.store.inject(fault, { on: 'requestCancel' })
      expect(await within(clock, HEARTBEAT, result)).toMatchObject({ outcome: 'cancelled', joined: false })
      expect(b.store.calls('requestCancel').length).toBeGreaterThan(2)
      await clock.advance(1_500) // what hangs is given up
      expect(b.manager.stats().timers).toBe(0)
      heal()
    },
  )

  it('DIS-10 DIS-18 G13: with the store away is a StoreError within its limit, changes nothing, and can be sent again', async () => {
    const setup = cluster()
    const { clock, store, join } = setup
    const [a, b] = [join(), join()]
    const { handle, run } = await victim(a, setup, 'running')
    for (const fault of ['fail', 'hang', 'throw'] as const) {
      const heal = b.store.inject(fault)
      const before = await store.read(handle.jobId)
      const error = await within(clock, 9_000, rejection(b.manager.cancel(handle.jobId)))
      expect(error).toBeInstanceOf(StoreError)
      expect(error).toMatchObject({ operation: 'requestCancel' })
      expect(await store.read(handle.jobId)).toEqual({ ...before })
      expect(run()?.token.isCancelled).toBe(false)
      heal()
    }
    const result = await within(clock, 7_000, b.manager.cancel(handle.jobId))
    expect(result).toMatchObject({ outcome: 'cancelled', joined: false })
  })

  it('DIS-09: whose reply is lost is one cancel, and is answered as the first', async () => {
    const { clock, join } = cluster({ maxConcurrentJobs: 1 })
    const [a, b] = [join(), join()]
    const running = await a.manager.register(cooperative)
    const pending = await a.manager.register(cooperative)
    await clock.settle()
    for (const { jobId } of [pending, running]) {
      b.store.inject('lose-reply', { on: 'requestCancel', times: 1 })
      const result = await within(clock, 1_500, b.manager.cancel(jobId))
      expect(result).toMatchObject({ outcome: 'cancelled', joined: false })
    }
    expect(shapeOf(await eventLog(b.manager, running.jobId))).toEqual(['cancelling', 'cancelled'])
    expect(shapeOf(await eventLog(b.manager, pending.jobId))).toEqual(['cancelled'])
  })
})

describe('readers and waiters on another node', () => {
  it('DIS-20 WAIT-03: get events and end of a job, as on its own', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const { give, producer } = streaming()
    const handle = await a.manager.register(producer)
    await clock.settle()
    const followers = [follow(a.manager.events(handle.jobId)), follow(b.manager.events(handle.jobId, { after: 1 }))]
    const wait = b.manager.waitForCompletion(handle.jobId, { timeoutMs: 60_000 })
    for (const chunk of ['a', 'b', 'c']) give(chunk)
    await clock.settle()
    expect(followers.map(({ events }) => chunksOf(events).join(''))).toEqual(['abc', 'bc'])
    expect(await b.manager.get(handle.jobId)).toMatchObject({ status: 'running', lastSeq: 3 })
    give(undefined)
    const result = await within(clock, 0, wait)
    expect(result).toMatchObject({ settled: true, outcome: { status: 'completed', value: 'whole', recorded: true } })
    await Promise.all(followers.map(({ done }) => done))
    expect(followers[1]?.events).toEqual(followers[0]?.events.slice(1))
  })

  it('WAIT-01: are told an end only after the cleanups on the owner’s node', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(async (run) => {
      run.defer(() => new Promise<void>((resolve) => clock.setTimer(1_000, resolve)))
      await cooperative(run)
    })
    await clock.settle()
    let told = 0
    const note = (): void => void told++
    const result = b.manager.cancel(handle.jobId)
    const all = [result.then(note), b.manager.waitForCompletion(handle.jobId).then(note)]
    await clock.advance(999)
    expect(told).toBe(0)
    await within(clock, 1, Promise.all(all))
    expect(await result).toMatchObject({ outcome: 'cancelled', cleanup: 'clean', cancelMs: 1_000 })
  })

  it('WAIT-04 EVT-11: see the end though every hint is lost', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    b.store.loseHints()
    const { give, producer } = streaming()
    const handle = await a.manager.register(producer, { idempotencyKey: 'k' })
    const same = await b.manager.register(producer, { idempotencyKey: 'k' })
    await clock.settle()
    const wait = b.manager.waitForCompletion(handle.jobId, { timeoutMs: 60_000 })
    const { events, done } = follow(b.manager.events(handle.jobId))
    give('a')
    give(undefined)
    await handle.settled
    await clock.advance(5 * HEARTBEAT)
    expect(await within(clock, 0, wait)).toMatchObject({ settled: true })
    expect(await within(clock, 0, same.settled)).toMatchObject({ status: 'completed', value: 'whole' })
    await within(clock, 0, done)
    expect(shapeOf(events)).toEqual(['chunk', 'complete'])
  })

  it('WAIT-04: are told that a job is gone when it was swept before they could see its end', async () => {
    const { clock, join } = cluster({ retentionMs: 5_000 })
    const [a, b] = [join(), join()]
    const { give, producer } = streaming()
    const handle = await a.manager.register(producer, { idempotencyKey: 'k' })
    const same = await b.manager.register(producer, { idempotencyKey: 'k' })
    const settled = same.settled
    const wait = b.manager.waitForCompletion(handle.jobId, { timeoutMs: 60_000 })
    await clock.settle()
    const heal = b.store.inject('fail', { on: 'read' })
    give(undefined)
    await handle.settled
    await clock.advance(15_000)
    heal()
    await clock.advance(6_000)
    expect(await within(clock, 0, wait)).toEqual({ settled: false, cause: 'not-found' })
    expect(await within(clock, 0, settled)).toMatchObject({
      status: 'failed',
      error: { code: 'job.expired' },
      recorded: false,
    })
  })

  it('WAIT-02 DIS-10: ride through while the store is away, and are told so at their own limit', async () => {
    const setup = cluster()
    const { clock, join } = setup
    const [a, b] = [join(), join()]
    const { handle, finish } = await victim(a, setup, 'running')
    const [short, long] = [8_000, 40_000].map((timeoutMs) => b.manager.waitForCompletion(handle.jobId, { timeoutMs }))
    await clock.settle()
    const heal = b.store.inject('fail', { on: 'read' })
    expect(await within(clock, 8_000, rejection(short ?? raise()))).toBeInstanceOf(StoreError)
    heal()
    await clock.advance(10_000)
    finish()
    expect(await within(clock, 0, long ?? raise())).toMatchObject({ settled: true, outcome: { status: 'completed' } })
  })
})

describe('an owner that died', () => {
  it.each(LIVE.filter((state) => state !== 'pending'))(
    'DIS-03 DIS-04 DIS-22 G12: while %s: its job is settled by another node, within its lease and one tick',
    async (state) => {
      const setup = cluster()
      const { clock, store, join } = setup
      const [a, b, c] = [join(), join(), join()]
      const { handle, saves } = await victim(a, setup, state)
      const reader = follow(b.manager.events(handle.jobId))
      const wait = c.manager.waitForCompletion(handle.jobId, { timeoutMs: 60_000 })
      await clock.advance(500)
      const { fencingToken = 0 } = (await store.read(handle.jobId)) ?? {}
      a.kill()
      await clock.advance(LEASE - HEARTBEAT)
      expect(await b.manager.get(handle.jobId)).toMatchObject({ status: state })
      await clock.advance(2 * HEARTBEAT)
      const expected = ENDS[state]
      expect(await within(clock, 0, wait)).toMatchObject({ settled: true, outcome: { ...expected, recorded: true } })
      await within(clock, 0, reader.done)
      expect(chunksOf(reader.events)).toEqual(['partial text'])
      const ends = reader.events.filter(({ type }) => ['complete', 'cancelled', 'error'].includes(type))
      expect(ends).toEqual([reader.events.at(-1)])
      expect(saves).toEqual([])
      const record = await store.read(handle.jobId)
      expect(record).toMatchObject(expected)
      expect(record?.fencingToken).toBeGreaterThan(fencingToken)
      if (state === 'cancelling')
        expect(record?.cancel?.reason).toMatchObject({ kind: 'user', by: 'ada', message: 'stop' })
      else expect(record?.cancel).toBeUndefined()
      const reaped = [b, c].flatMap(({ logs }) => logs.of('job.reaped', handle.jobId))
      expect(reaped).toHaveLength(1)
      expect([b, c].flatMap((node) => summaries(node, handle.jobId))).toHaveLength(1)
    },
  )

  it('DIS-21: with a job that was still pending: it has failed, and its producer was never called', async () => {
    const setup = cluster({ maxConcurrentJobs: 1 })
    const { clock, join } = setup
    const [a, b] = [join(), join()]
    await victim(a, setup, 'running')
    const { producer, give } = streaming()
    const calls: string[] = []
    const pending = await a.manager.register((run) => {
      calls.push(run.jobId)
      return producer(run)
    })
    a.kill()
    give(undefined)
    await clock.advance(REAPED)
    expect(await b.manager.get(pending.jobId)).toMatchObject(ENDS.pending)
    expect(await b.manager.waitForCompletion(pending.jobId)).toMatchObject({ settled: true, outcome: ENDS.pending })
    expect(calls).toEqual([])
    expect(shapeOf(await eventLog(b.manager, pending.jobId))).toEqual(['error'])
  })

  it('DIS-04 G13: after another node asked for the cancel: that one gets the forced end, or requested at its limit', async () => {
    const setup = cluster()
    const { clock, join } = setup
    const [a, b] = [join(), join()]
    const { handle } = await victim(a, setup, 'running')
    a.kill()
    const short = b.manager.cancel(handle.jobId, { by: 'bob', timeoutMs: 1_000 })
    const long = b.manager.cancel(handle.jobId, { by: 'eve' })
    expect(await within(clock, 1_000, short)).toMatchObject({ outcome: 'requested', status: 'cancelling' })
    expect(await within(clock, 8_000, long)).toMatchObject({
      outcome: 'cancelled',
      reason: { by: 'bob' },
      forced: true,
      cleanup: 'unknown',
      joined: true,
    })
  })

  it('DIS-13: leaves each of its jobs to one reaper, also when several nodes come at the same moment', async () => {
    const setup = cluster()
    const { clock, join } = setup
    const a = join()
    const others = [join(), join(), join()]
    const handles = []
    for (let count = 0; count < 20; count++) handles.push((await victim(a, setup, 'running')).handle)
    a.kill()
    await clock.advance(REAPED)
    const reaped = others.flatMap(({ logs }) => logs.of('job.reaped').map(({ fields }) => fields.job_id))
    expect(reaped.sort()).toEqual(handles.map(({ jobId }) => jobId).sort())
    for (const { jobId } of handles)
      expect(shapeOf(await eventLog(others[0]?.manager ?? raise(), jobId))).toEqual(['chunk', 'error'])
  })

  it('G12: leaves the group and the key of its job usable', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const marks = { owner: 'ada', group: 'conversation', onConflict: 'reject', idempotencyKey: 'k' } as const
    await a.manager.register(cooperative, marks)
    a.kill()
    await clock.advance(REAPED)
    const same = await b.manager.register(cooperative, marks)
    expect(same.created).toBe(false)
    expect(await same.settled).toMatchObject(ENDS.running)
    const next = await b.manager.register(async () => 'next', { ...marks, idempotencyKey: 'another' })
    expect(await next.settled).toMatchObject({ value: 'next' })
  })

  it('G12: does not take the jobs of living nodes along', async () => {
    const setup = cluster()
    const { clock, join } = setup
    const [a, b, c] = [join(), join(), join()]
    await victim(a, setup, 'running')
    const living = [await victim(b, setup, 'running'), await victim(c, setup, 'committing')]
    a.kill()
    await clock.advance(60_000)
    expect(living.map(({ handle }) => handle.snapshot().status)).toEqual(
      ['running', 'committing'].map((one, index) => (index === 1 ? 'failed' : one)),
    )
    for (const { finish } of living) finish()
    expect(await within(clock, 0, living[0]?.handle.settled ?? raise())).toMatchObject({ status: 'completed' })
  })
})

describe('an owner that stalled past its lease', () => {
  it.each(['running', 'cancelling'] as const)(
    'DIS-05 G12: while %s, and wakes: is refused, cancels itself, cleans up, and reports the end that the record has',
    async (state) => {
      const setup = cluster()
      const { clock, store, join } = setup
      const [a, b] = [join(), join()]
      const { handle, run, ends, saves, finish } = await victim(a, setup, state)
      a.pause()
      await clock.advance(20_000)
      const before = [await store.read(handle.jobId), await store.readEvents(handle.jobId, 0, 10)]
      expect(before[0]).toMatchObject(ENDS[state])
      await a.resume()
      finish() // the model had gone on
      await clock.advance(8_000)
      expect(run()?.token.reason?.kind).toBe(state === 'running' ? 'lease-lost' : 'user')
      expect(ends).toHaveLength(1)
      expect(saves).toEqual([])
      expect(await within(clock, 0, handle.settled)).toMatchObject(ENDS[state])
      expect([await store.read(handle.jobId), await store.readEvents(handle.jobId, 0, 10)]).toEqual(before)
      expect(a.logs.of('job.fenced', handle.jobId)).toHaveLength(1)
      expect(b.logs.of('job.reaped', handle.jobId)).toHaveLength(1)
      expect([a, b].flatMap((node) => summaries(node, handle.jobId))).toHaveLength(1)
    },
  )

  it('DIS-05: and whose first act is a write of its producer: the event is refused, and the producer stopped', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const { give, producer } = streaming()
    const errors: unknown[] = []
    const handle = await a.manager.register((run) =>
      producer(run).catch((error: unknown) => {
        errors.push(error)
        throw error
      }),
    )
    give('before')
    await clock.settle()
    a.pause()
    await clock.advance(20_000)
    give('after')
    await clock.settle()
    await a.resume()
    give('later')
    expect(await within(clock, 1_000, handle.settled)).toMatchObject(ENDS.running)
    expect(errors).toMatchObject([{ code: 'job.cancelled', reason: { kind: 'lease-lost' } }])
    expect(chunksOf(await eventLog(b.manager, handle.jobId))).toEqual(['before'])
  })

  it('DIS-05 DIS-22 CVC-15: while committing, and wakes: its fence is aborted, and a save that ends changes nothing', async () => {
    const setup = cluster({ commitTimeoutMs: 60_000 })
    const { clock, store, join } = setup
    const [a] = [join(), join()]
    const { handle, finish, fenceSignal } = await victim(a, setup, 'committing')
    a.pause()
    await clock.advance(20_000)
    const before = await store.read(handle.jobId)
    expect(before).toMatchObject(ENDS.committing)
    expect(fenceSignal()?.aborted).toBe(false)
    await a.resume()
    await clock.settle()
    expect(fenceSignal()?.aborted).toBe(true)
    finish()
    expect(await within(clock, 8_000, handle.settled)).toMatchObject(ENDS.committing)
    expect(await store.read(handle.jobId)).toEqual(before)
  })

  it('DIS-21: with a pending job, and wakes: its producer is never called', async () => {
    const setup = cluster({ maxConcurrentJobs: 1 })
    const { clock, join } = setup
    const [a] = [join(), join()]
    const first = await victim(a, setup, 'running')
    const calls: string[] = []
    const pending = await a.manager.register(async (run) => void calls.push(run.jobId))
    a.pause()
    await clock.advance(20_000)
    await a.resume()
    first.finish()
    await clock.advance(8_000)
    expect(await within(clock, 0, pending.settled)).toMatchObject(ENDS.pending)
    expect(await within(clock, 0, first.handle.settled)).toMatchObject(ENDS.running)
    expect(calls).toEqual([])
    const next = await a.manager.register(async () => 'next')
    expect(await next.settled).toMatchObject({ value: 'next' })
  })

  it('DIS-06: but wakes within it: goes on as if nothing had been', async () => {
    const setup = cluster()
    const { clock, join } = setup
    const [a] = [join(), join()]
    const { handle, finish, run } = await victim(a, setup, 'running')
    await clock.advance(100)
    a.pause()
    await clock.advance(4_800)
    await a.resume()
    await clock.advance(20_000)
    expect(run()?.token.isCancelled).toBe(false)
    finish()
    expect(await within(clock, 0, handle.settled)).toMatchObject({ status: 'completed', commit: 'done' })
  })
})

describe('an owner that is cut off from the store', () => {
  it.each(['fail', 'hang', 'throw', 'lose-reply'] as const)(
    'DIS-06: goes on after a heartbeat that met a fault (%s), when the next succeeds',
    async (fault) => {
      const setup = cluster()
      const { clock, join } = setup
      const [a] = [join(), join()]
      const { handle, finish, run } = await victim(a, setup, 'running')
      for (let round = 0; round < 5; round++) {
        a.store.inject(fault, { on: 'renewLeases', times: 3 })
        await clock.advance(4_000)
      }
      expect(run()?.token.isCancelled).toBe(false)
      finish()
      expect(await within(clock, 0, handle.settled)).toMatchObject({ status: 'completed' })
    },
  )

  it.each(['fail', 'hang'] as const)(
    'DIS-06: cancels itself (lease-lost) before anybody else may take over, by a timer of its own (%s)',
    async (fault) => {
      const setup = cluster()
      const { clock, store, join } = setup
      const [a, b] = [join(), join()]
      const { handle, run } = await victim(a, setup, 'running')
      await clock.advance(10 * HEARTBEAT)
      a.store.inject(fault, { on: 'renewLeases' })
      let reason: CancelReason | undefined
      run()?.token.onCancel((told) => {
        reason = told
      })
      await clock.advance(SELF_FENCE - HEARTBEAT)
      expect(reason).toBeUndefined()
      expect((await store.read(handle.jobId))?.status).toBe('running')
      await clock.advance(HEARTBEAT)
      expect(reason).toMatchObject({ kind: 'lease-lost' })
      expect((await store.read(handle.jobId))?.status).toBe('running')
      await clock.advance(REAPED - SELF_FENCE)
      expect(await b.manager.get(handle.jobId)).toMatchObject(ENDS.running)
      await clock.advance(8_000)
      expect(await within(clock, 0, handle.settled)).toMatchObject(ENDS.running)
    },
  )

  it('DIS-10 DIS-24 G2 G13: and cancels its own job: it settles within the grace period, not recorded, and is recorded later', async () => {
    const { clock, store, join } = cluster()
    const [a] = [join(), join()]
    const handle = await a.manager.register(cooperative)
    await clock.advance(500)
    const heal = a.store.cut()
    const result = await within(clock, 2_000, a.manager.cancel(handle.jobId, { by: 'ada' }))
    expect(result).toMatchObject({ outcome: 'cancelled', recorded: false, forced: false, reason: { by: 'ada' } })
    expect(await handle.settled).toMatchObject({ status: 'cancelled', recorded: false })
    expect((await store.read(handle.jobId))?.status).toBe('running')
    heal()
    await clock.advance(2 * HEARTBEAT)
    const record = await store.read(handle.jobId)
    expect(record).toMatchObject({
      status: 'cancelled',
      cancel: { reason: { kind: 'user', by: 'ada' } },
      commit: 'none',
    })
    expect(shapeOf(await eventLog(a.manager, handle.jobId)).filter((type) => type === 'cancelled')).toHaveLength(1)
  })

  it('DIS-24: for longer than its lease: the end of the reaper stands, and the owner’s is given up', async () => {
    const { clock, store, join } = cluster()
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(cooperative)
    await clock.advance(500)
    const heal = a.store.cut()
    expect(await within(clock, 9_000, a.manager.cancel(handle.jobId))).toMatchObject({
      outcome: 'cancelled',
      recorded: false,
    })
    await clock.advance(20_000)
    const before = [await store.read(handle.jobId), await eventLog(b.manager, handle.jobId)]
    expect(before[0]).toMatchObject(ENDS.running)
    heal()
    const settles = a.store.calls('settle').length
    await clock.advance(20_000)
    expect([await store.read(handle.jobId), await eventLog(b.manager, handle.jobId)]).toEqual(before)
    expect(a.store.calls('settle').length - settles).toBeLessThanOrEqual(2)
  })

  it('DIS-15: for less than its lease: the stream goes on without gap and duplicate', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const { give, producer } = streaming()
    const handle = await a.manager.register(producer)
    const { events, done } = follow(b.manager.events(handle.jobId))
    const texts = Array.from({ length: 40 }, (_, index) => `text ${index}`)
    await clock.settle()
    let heal: (() => void) | undefined
    for (const [index, text] of texts.entries()) {
      if (index === 10) heal = a.store.cut()
      if (index === 26) heal?.()
      give(text)
      await clock.advance(200)
    }
    give(undefined)
    expect(await within(clock, 3_000, handle.settled)).toMatchObject({ status: 'completed', recorded: true })
    await within(clock, 0, done)
    expect(chunksOf(events)).toEqual(texts)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  })

  it('DIS-12: and finds all data gone afterwards: cancels itself, and makes no record anew', async () => {
    const { clock, store, join } = cluster()
    const [a] = [join(), join()]
    const { give, producer } = streaming()
    const ends: RunEnd[] = []
    const handle = await a.manager.register(async (run) => {
      run.defer((end) => void ends.push(end))
      return producer(run)
    })
    give('before')
    await clock.settle()
    const gone = [
      a.store.inject({ answer: { answer: 'gone' } }, { on: ['append', 'start', 'claimCommit', 'settle'] }),
      a.store.inject({ answer: [{ answer: 'gone' }] }, { on: 'renewLeases' }),
      a.store.inject({ answer: { answer: 'not-found' } }, { on: ['requestCancel', 'readEvents'] }),
      a.store.inject({ answer: undefined }, { on: 'read' }),
    ]
    give('after')
    give('later')
    const outcome: JobOutcome<unknown> = await within(clock, 2_000, handle.settled)
    expect(outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'lease-lost' }, recorded: false })
    expect(ends).toMatchObject([{ status: 'cancelled', reason: { kind: 'lease-lost' } }])
    await clock.advance(20_000)
    expect(a.store.calls('create')).toHaveLength(1)
    expect(a.store.calls('settle').length).toBeLessThanOrEqual(1)
    for (const end of gone) end()
    await clock.advance(20_000)
    expect((await store.read(handle.jobId))?.status).toBe('failed') // by the other node; here the data was not really gone
  })
})

describe('nodes whose dates differ', () => {
  it('DIS-14: by ten minutes each way: no deadline, lease, idle limit or retention moves', async () => {
    const { clock, join } = cluster()
    const [early, late] = [join({ wallOffsetMs: -600_000 }), join({ wallOffsetMs: 600_000 })]
    const endless = () => new Promise<never>(() => {})
    const deadlines = []
    for (const { manager } of [early, late]) {
      deadlines.push(await manager.register(endless, { deadlineMs: 30_000 }))
      deadlines.push(await manager.register(endless, { deadlineMs: false, idleTimeoutMs: 30_000 }))
    }
    await clock.advance(29_999)
    expect(deadlines.map((handle) => handle.snapshot().status)).toEqual(deadlines.map(() => 'running'))
    expect([early, late].flatMap(({ logs }) => logs.of('job.reaped'))).toEqual([])
    await clock.advance(1)
    expect(deadlines.map((handle) => handle.snapshot().status)).toEqual(deadlines.map(() => 'cancelling'))
    await clock.advance(7_000)
    const settled = deadlines.map(({ jobId }) => jobId)
    await clock.advance(50_000)
    for (const jobId of settled) expect(await early.manager.get(jobId)).toMatchObject({ status: 'cancelled' })
    await clock.advance(11_000)
    for (const jobId of settled) expect(await late.manager.get(jobId)).toBeUndefined()
  })

  it('DIS-14: and a date that jumps while jobs run: nothing moves either', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(() => new Promise<never>(() => {}), { deadlineMs: 60_000 })
    await clock.advance(1_000)
    for (const jump of [3_600_000, -7_200_000, 3_600_000]) {
      clock.jumpWallClock(jump)
      await clock.advance(10_000)
      expect(handle.snapshot().status).toBe('running')
    }
    expect(b.logs.of('job.reaped')).toEqual([])
    await clock.advance(29_000)
    expect(handle.snapshot()).toMatchObject({ status: 'cancelling', cancel: { reason: { kind: 'deadline' } } })
    await clock.advance(7_000)
  })
})

function raise(): never {
  throw new Error('not there')
}
