import {
  GenerationOrchestrator,
  type GenerationSource,
  type JobHandle,
  type JobOutcome,
  type Producer,
  type RegisterOptions,
} from 'generation-jobs'
import { type HostileEnding, hostileSources, recordingStore } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { chunksOf } from '../support/event-log.js'
import { fixture } from '../support/fixture.js'
import { type ObservedSource, observedSource } from '../support/observed-source.js'
import { oneEnd } from '../support/one-end.js'

/** Half of the default grace period: when a source that does not let go is given up. */
const GIVEN_UP_MS = 3_500
const DEADLINE_MS = 1_000

type Save = (text: string) => void

/** Who reads the source. */
const READERS: ReadonlyArray<
  readonly [name: string, make: (source: GenerationSource, save: Save) => Producer<string>]
> = [
  [
    'run.stream in a producer',
    (source, save) => async (run) => {
      const { text } = await run.stream(source)
      await run.commit(() => save(text))
      return text
    },
  ],
  [
    'an orchestrator',
    (source, save) => new GenerationOrchestrator({ generate: () => source, commit: save }).producer('a prompt'),
  ],
]

const named = Object.entries(hostileSources())

/** How a job ends whose source was stopped by a cancel. */
const wasForced: Partial<Record<HostileEnding, boolean>> = { cancelled: false, forced: true }

async function world(name: string, reader: (source: GenerationSource, save: Save) => Producer<string>) {
  const f = fixture({ retentionMs: 10_000 })
  const make = hostileSources({ clock: f.clock })[name as keyof ReturnType<typeof hostileSources>]
  const observed = observedSource(make())
  const store = recordingStore<string>()
  const producer = reader(observed.source, (text) => void store.save(text, { jobId: 'any', fencingToken: 1 }))
  return {
    ...f,
    manager: f.manager,
    make,
    observed,
    store,
    register: (options?: RegisterOptions): Promise<JobHandle<string>> => f.manager.register(producer, options),
  }
}

/** What every source may ask of its reader, whatever it does itself. */
function expectGoodManners(observed: ObservedSource, stopped: boolean): void {
  const { calls } = observed
  expect(observed.overlaps, 'overlapping next() calls').toBe(0)
  expect(observed.count('open'), 'opened').toBeLessThanOrEqual(1)
  expect(observed.count('return'), 'return() calls').toBeLessThanOrEqual(1)
  expect(observed.count('abort'), 'abort() calls').toBeLessThanOrEqual(1)
  const closed = calls.findIndex((call) => call === 'abort' || call === 'return')
  if (closed >= 0) expect(calls.slice(closed), 'calls after the close').not.toContain('next')
  if (calls.includes('abort') && calls.includes('return')) {
    expect(calls.indexOf('abort'), 'abort before return').toBeLessThan(calls.indexOf('return'))
  }
  if (stopped && observed.source instanceof ReadableStream) expect(observed.count('return')).toBe(1)
  else if (stopped) expect(observed.count('abort')).toBe(1)
}

function expectStopped(outcome: JobOutcome<unknown>, ending: HostileEnding): void {
  expect(outcome).toMatchObject({ status: 'cancelled', commit: 'none' })
  const forced = wasForced[ending]
  if (forced !== undefined) expect(outcome.forced).toBe(forced)
}

const isSelfEnding = (ending: HostileEnding) =>
  ending === 'completes' || ending === 'fails' || ending === 'completes-or-fails'

describe.each(READERS)('%s, over every hostile source', (_, reader) => {
  it.each(named)('G3, CAN-02, CAN-03: %s, cancelled in the tick of its first pull, settles in time', async (name) => {
    const w = await world(name, reader)
    const handle = await w.register()
    await w.clock.runMicrotasks(1)
    while (w.observed.count('open') === 0) await w.clock.runMicrotasks(1)
    const answer = handle.cancel()
    await w.clock.settle()
    const inTime = handle.snapshot().status !== 'cancelling'
    await w.clock.advance(GIVEN_UP_MS)

    const { outcome, events } = await oneEnd(w, handle)
    expect(await answer).toMatchObject({ outcome: 'cancelled', forced: outcome.forced })
    expectStopped(outcome, 'cancelled-or-forced') // some have not come to their worst yet
    expect(inTime).toBe(!outcome.forced) // what lets go lets go without a timer
    expect(chunksOf(events).length).toBeLessThanOrEqual(1)
    expectGoodManners(w.observed, w.observed.source instanceof ReadableStream ? name !== 'streamLocked' : true)
    expect(w.store.calls()).toEqual([])
  })

  it.each(named.filter(([, { ending }]) => !isSelfEnding(ending)))(
    'G3, CAN-01: %s, cancelled while it runs, settles as it says and delivers nothing after it',
    async (name) => {
      const w = await world(name, reader)
      const handle = await w.register()
      await w.clock.advance(200)
      expect(handle.snapshot().status).toBe('running') // it does not end by itself
      const cancelled = handle.cancel()
      const { lastSeq } = handle.snapshot()
      await w.clock.settle()
      if (wasForced[w.make.ending] === false) expect(handle.snapshot().status).toBe('cancelled')
      await w.clock.advance(GIVEN_UP_MS)
      const { outcome, events } = await oneEnd(w, handle)
      expect(await cancelled).toMatchObject({ outcome: 'cancelled', forced: outcome.forced })
      expectStopped(outcome, w.make.ending)
      expect(events.map(({ type }) => type).slice(-2)).toEqual(['cancelling', 'cancelled'])
      expect(chunksOf(events).length).toBeLessThanOrEqual(lastSeq)
      expectGoodManners(w.observed, true)
      expect(w.store.calls()).toEqual([])

      await w.clock.advance(500) // a deaf source goes on; nobody listens
      expect((await oneEnd(w, handle)).events).toEqual(events)
    },
  )

  it.each(named)('G3, REG-13: %s, under a deadline, ends by itself before it or is cancelled at it', async (name) => {
    const w = await world(name, reader)
    const handle = await w.register({ deadlineMs: DEADLINE_MS })
    await w.clock.advance(DEADLINE_MS - 1)
    const { ending } = w.make
    const endedBefore = !['running', 'cancelling'].includes(handle.snapshot().status)
    expect(endedBefore).toBe(isSelfEnding(ending))
    await w.clock.advance(50)
    if (!endedBefore) {
      expect(handle.snapshot()).toMatchObject({ cancel: { reason: { kind: 'deadline' } } })
      if (wasForced[ending] === false) expect(handle.snapshot().status).toBe('cancelled')
    }
    await w.clock.advance(GIVEN_UP_MS)
    const { outcome } = await oneEnd(w, handle)
    if (endedBefore) expect(['completed', 'failed']).toContain(outcome.status)
    else expectStopped(outcome, ending)
    expectGoodManners(w.observed, !endedBefore)
    if (outcome.status !== 'completed') expect(w.store.calls()).toEqual([])
  })

  it.each(named.filter(([, { ending }]) => isSelfEnding(ending)))(
    'REG-18, CVC-04: %s ends by itself, as it says, in no time',
    async (name) => {
      const w = await world(name, reader)
      const handle = await w.register()
      await w.clock.settle()
      const { outcome, events } = await oneEnd(w, handle)
      const { ending, text } = w.make
      if (ending === 'completes') {
        expect(outcome).toMatchObject({ status: 'completed', value: text, commit: 'done', forced: false })
        expect(chunksOf(events).join('')).toBe(text)
        expect(w.store.committed()).toEqual([text])
        expect(w.observed.count('return')).toBe(0)
      } else if (ending === 'fails') {
        expect(outcome).toMatchObject({ status: 'failed', commit: 'none', forced: false })
        expect(w.store.calls()).toEqual([])
      }
      expectGoodManners(w.observed, false)
    },
  )

  it.each(named.filter(([name]) => ['nextThrows', 'rejectsWithUndefined', 'nonObjectResult'].includes(name)))(
    'CLN-06, REG-11: %s: a source whose next() failed is closed once all the same',
    async (name) => {
      const w = await world(name, reader)
      const handle = await w.register()
      await w.clock.settle()
      expect((await oneEnd(w, handle)).outcome.status).toBe('failed')
      expect(w.observed.calls.slice(-2)).toEqual(['abort', 'return'])
      expectGoodManners(w.observed, true)
    },
  )
})

describe('a job whose source is hostile', () => {
  it.each(named)('G3: %s does not disturb its neighbours: they stream, time out and cancel on time', async (name) => {
    const f = fixture({ retentionMs: 10_000 })
    const make = hostileSources({ clock: f.clock })[name as keyof ReturnType<typeof hostileSources>]
    const hostile = await f.manager.register(async (run) => (await run.stream(make())).text)
    const idle = await f.manager.register(
      (run) => new Promise<void>((resolve) => run.token.onCancel(() => resolve())),
      {
        idleTimeoutMs: 100,
      },
    )
    const steady = await f.manager.register(async (run) => {
      for (let count = 0; count < 5; count++) {
        await new Promise<void>((resolve) => f.clock.setTimer(20, resolve))
        run.emit('tick')
      }
    })
    await f.clock.advance(200)
    expect((await oneEnd(f, steady)).outcome.status).toBe('completed')
    const { outcome } = await oneEnd(f, idle)
    expect(outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'idle' } })
    expect(outcome.runMs).toBeLessThanOrEqual(100 + 50)
    void hostile.cancel()
    await f.clock.advance(GIVEN_UP_MS)
    await oneEnd(f, hostile)
  })
})
