import {
  createMemoryJobStore,
  type GenerationJobManagerOptions,
  type JobHandle,
  type RunContext,
} from 'generation-jobs'
import { controlledSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { chunksOf, shapeOf } from '../support/event-log.js'
import { fixture } from '../support/fixture.js'
import { oneEnd } from '../support/one-end.js'
import { type Fault, slowStore } from '../support/slow-store.js'
import { tap } from '../support/tap.js'
import { within } from '../support/within.js'

const STORE_TIMEOUT_MS = 1_500
const ATTEMPT_MS = 500

function world(options: GenerationJobManagerOptions = {}) {
  const f = fixture()
  const slow = slowStore(createMemoryJobStore({ clock: f.clock }))
  const manager = f.newManager({ store: slow, retentionMs: 60_000, ...options })
  const calls: string[] = []
  const untilCancelled = async (run: RunContext) => {
    calls.push(run.jobId)
    await new Promise((resolve) => run.token.onCancel(resolve))
  }
  return { ...f, slow, manager, calls, untilCancelled }
}

/** A job that waits for a slot, and the hand that frees it. */
async function queued(w: ReturnType<typeof world>): Promise<{ pending: JobHandle<unknown>; free(): void }> {
  const free = tap<void>()
  await w.manager.register(() => free.next())
  const pending = await w.manager.register(w.untilCancelled, { jobId: 'pending' })
  await w.clock.settle()
  expect(pending.snapshot().status).toBe('pending')
  return { pending, free: () => free.give() }
}

const twoSides = ['hold-request', 'hold-reply'] satisfies Fault[]

describe('a cancel while the store is slow to start a pending job', () => {
  it.each(twoSides)(
    'REG-06, CAN-06: with the start under "%s" the cancel wins; the producer is never called',
    async (fault) => {
      const w = world({ maxConcurrentJobs: 1 })
      const { pending, free } = await queued(w)
      w.slow.always('start', fault)
      free()
      await w.clock.settle()
      expect(w.slow.held('start')).toBe(1)
      const answer = pending.cancel()
      await w.clock.settle()
      w.slow.always('start', 'answer')
      w.slow.release('start')
      expect(await within(w.clock, 0, answer)).toMatchObject({ outcome: 'cancelled', joined: false, forced: false })
      expect((await oneEnd(w, pending)).outcome).toMatchObject({ status: 'cancelled', commit: 'none' })
      expect(w.calls).toEqual([])
      // Its slot is free again.
      const next = await w.manager.register(async () => 'next')
      expect((await oneEnd(w, next)).outcome).toMatchObject({ status: 'completed', value: 'next' })
    },
  )

  it.each(['fail', 'lose-reply'] satisfies Fault[])(
    'REG-06: a start whose first attempt is under "%s" is repeated, and the producer called once',
    async (fault) => {
      const w = world({ maxConcurrentJobs: 1 })
      const { pending, free } = await queued(w)
      w.slow.next('start', fault)
      free()
      await w.clock.advance(ATTEMPT_MS)
      expect(pending.snapshot().status).toBe('running')
      expect(w.calls).toEqual(['pending'])
      expect(await within(w.clock, 0, pending.cancel())).toMatchObject({ outcome: 'cancelled', joined: false })
    },
  )

  it('DIS-10, CAN-06: with the store away a pending job is cancelled here, its producer never called; the record follows', async () => {
    const w = world({ maxConcurrentJobs: 1 })
    const { pending, free } = await queued(w)
    w.slow.alwaysAll('fail')
    const answer = pending.cancel()
    expect(await within(w.clock, 2 * STORE_TIMEOUT_MS, answer)).toMatchObject({ outcome: 'cancelled', recorded: false })
    w.slow.alwaysAll('answer')
    free()
    await w.clock.advance(2_000)
    expect(await w.manager.get('pending')).toMatchObject({ status: 'cancelled', cancel: { reason: { kind: 'user' } } })
    expect(w.calls).toEqual([])
  })
})

describe('a cancel while the store is slow to create the job', () => {
  it.each(twoSides)(
    'CAN-12: a caller that aborts while the create is under "%s" gets a cancelled job, never run',
    async (fault) => {
      const w = world()
      w.slow.next('create', fault)
      const controller = new AbortController()
      const registering = w.manager.register(w.untilCancelled, { signal: controller.signal })
      await w.clock.settle()
      controller.abort('gone')
      w.slow.release('create')
      const handle = await within(w.clock, 0, registering)
      expect((await oneEnd(w, handle)).outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'signal' } })
      expect(w.calls).toEqual([])
    },
  )

  it.each(twoSides)(
    'CAN-07: a cancel by id while the create is under "%s": not-found, or the job is cancelled',
    async (fault) => {
      const w = world()
      w.slow.next('create', fault)
      const registering = w.manager.register(w.untilCancelled, { jobId: 'raced' })
      await w.clock.settle()
      const answer = w.manager.cancel('raced')
      await w.clock.settle()
      w.slow.release('create')
      const handle = await within(w.clock, 0, registering)
      if (fault === 'hold-request') {
        expect(await answer).toEqual({ outcome: 'not-found', jobId: 'raced' })
        await w.clock.settle()
        expect(handle.snapshot().status).toBe('running')
        expect(await within(w.clock, 0, handle.cancel())).toMatchObject({ outcome: 'cancelled' })
      } else {
        // The reason stands in the record; the owner learns of it with its next heartbeat at the latest.
        expect(await within(w.clock, 1_000, answer)).toMatchObject({ outcome: 'cancelled', joined: false })
      }
      expect((await oneEnd(w, handle)).outcome).toMatchObject({ status: 'cancelled' })
    },
  )
})

describe('a cancel while events are on their way', () => {
  it.each(twoSides)('G7, CVC-13: with an append under "%s", log, partial and counts agree', async (fault) => {
    const w = world()
    const source = controlledSource()
    const handle = await w.manager.register(async (run) => (await run.stream(source)).text)
    await w.clock.settle()
    source.push('a')
    await w.clock.settle()
    w.slow.always('append', fault)
    source.push('b')
    await w.clock.settle()
    expect(w.slow.held('append')).toBe(1)
    const answer = handle.cancel()
    w.slow.always('append', 'answer')
    w.slow.release('append')
    expect(await within(w.clock, 0, answer)).toMatchObject({ outcome: 'cancelled', forced: false })
    const { outcome, events } = await oneEnd(w, handle)
    const logged = fault === 'hold-reply' ? ['a', 'b'] : ['a']
    expect(chunksOf(events)).toEqual(logged)
    expect(outcome).toMatchObject({ status: 'cancelled', partial: { text: logged.join('') } })
    expect(w.logs.of('job.cancelled')[0]?.fields).toMatchObject({
      chunks: logged.length,
      dropped_chunks: 2 - logged.length,
    })
  })

  it('G7: of what waits behind a slow append nothing is delivered after the reason', async () => {
    const w = world()
    const handle = await w.manager.register(async (run) => {
      for (const text of ['a', 'b', 'c', 'd']) run.emit(text)
      await new Promise((resolve) => run.token.onCancel(resolve))
    })
    w.slow.always('append', 'hold-request')
    await w.clock.settle()
    expect(w.slow.held('append')).toBe(1)
    void handle.cancel()
    w.slow.always('append', 'answer')
    w.slow.release('append')
    const { events } = await oneEnd(w, handle)
    expect(shapeOf(events)).toEqual(['cancelling', 'cancelled'])
  })

  it('G10: a reader sees an event only after the store accepted it, on the own node too', async () => {
    const w = world()
    w.slow.always('append', 'hold-request')
    const handle = await w.manager.register(async (run) => {
      run.emit('a')
      await new Promise((resolve) => run.token.onCancel(resolve))
    })
    await w.clock.settle()
    const seen: string[] = []
    const reading = (async () => {
      for await (const event of handle.events()) seen.push(event.type)
    })()
    await w.clock.settle()
    expect(seen).toEqual([])
    w.slow.always('append', 'answer')
    w.slow.release('append')
    await w.clock.settle()
    expect(seen).toEqual(['chunk'])
    void handle.cancel()
    await within(w.clock, 0, reading)
    expect(seen).toEqual(['chunk', 'cancelling', 'cancelled'])
  })
})

it('G13: a cancel after the fixed end, not settled in time because the store is away, does not claim that its reason is recorded', async () => {
  const f = fixture()
  const slow = slowStore(createMemoryJobStore({ clock: f.clock }))
  const manager = f.newManager({ store: slow })
  const job = await manager.register(async () => {
    throw new Error('no')
  })
  slow.alwaysAll('fail')
  await f.clock.settle()
  const told = await within(
    f.clock,
    2_000,
    job.cancel({ timeoutMs: 500 }).catch((error: Error) => error.name),
  )
  expect(told).not.toMatchObject({ outcome: 'requested' })
  slow.alwaysAll('answer')
})

it('G13: a cancel that no store has answered within its limit does not claim that its reason is recorded', async () => {
  const f = fixture()
  const slow = slowStore(createMemoryJobStore({ clock: f.clock }))
  const manager = f.newManager({ store: slow })
  const job = await manager.register((run) => new Promise<void>((resolve) => run.token.onCancel(() => resolve())))
  await f.clock.settle()
  slow.alwaysAll('hold-request')
  const told = await within(
    f.clock,
    2_000,
    job.cancel({ timeoutMs: 500 }).catch((error: Error) => error.name),
  )
  expect(told).not.toMatchObject({ outcome: 'requested' })
  slow.alwaysAll('answer')
})

it.each([1_600, 9_000])(
  'G13: a cancel whose answer was lost while the producer ended claims nothing (timeoutMs %s)',
  async (timeoutMs) => {
    const f = fixture()
    const slow = slowStore(createMemoryJobStore({ clock: f.clock }))
    const manager = f.newManager({ store: slow })
    let fail: (error: Error) => void = () => {}
    const job = await manager.register(
      () =>
        new Promise<void>((_, reject) => {
          fail = reject
        }),
    )
    await f.clock.settle()
    slow.alwaysAll('hold-request')
    slow.always('requestCancel', 'hold-reply') // the store does it and nobody hears of it
    const told = job.cancel({ timeoutMs }).catch((error: Error) => error.name)
    await f.clock.advance(1_400)
    fail(new Error('no'))
    const answer = await within(f.clock, 9_000, told)
    slow.alwaysAll('answer')
    await f.clock.advance(10_000)
    expect(await manager.get(job.jobId)).toMatchObject({ status: 'cancelled' })
    expect(answer).toBe('StoreError')
  },
)

it('G13: a cancel that joins the loss of the lease does not claim that a reason is recorded', async () => {
  const f = fixture()
  const slow = slowStore(createMemoryJobStore({ clock: f.clock, leaseMs: 6_000 }))
  const manager = f.newManager({ store: slow })
  let kind = ''
  const job = await manager.register((run) => {
    run.token.onCancel((reason) => {
      kind = reason.kind
    })
    return new Promise<void>(() => {})
  })
  await f.clock.settle()
  slow.alwaysAll('hold-request')
  await f.clock.advance(6_000)
  expect(kind).toBe('lease-lost')
  const told = await within(
    f.clock,
    2_000,
    job.cancel({ timeoutMs: 500 }).catch((error: Error) => error.name),
  )
  expect(told).not.toMatchObject({ outcome: 'requested' })
  slow.alwaysAll('answer')
  await f.clock.advance(10_000)
})
