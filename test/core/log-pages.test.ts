import { CursorExpiredError, createMemoryJobStore, type JobEvent, type JobStore } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { LogPages } from '../../src/core/log-pages.js'
import { cluster } from '../support/cluster.js'
import { readAll } from '../support/read-all.js'
import { type SlowStore, slowStore } from '../support/slow-store.js'
import { tellingItsLog } from '../support/telling-its-log.js'

const TOTAL = 5_000

/** A job with a long log, on a store whose answers come when the test says. */
async function longLog(eventBytes?: number) {
  const memory = createMemoryJobStore()
  const created = await memory.create({
    jobId: 'long',
    operationId: 'create',
    nodeId: 'node',
    want: 'running',
    exclusiveInGroup: false,
    maxLogEvents: 2 * TOTAL,
    maxLogBytes: 1e9,
    retentionMs: 60_000,
  })
  if (created.answer !== 'created') throw new Error(created.answer)
  const { fencingToken } = created.record
  const append = (from: number, to: number) => {
    const events = Array.from({ length: to - from + 1 }, (_, index): JobEvent => {
      return { seq: from + index, at: 0, type: 'chunk', content: 'text' }
    })
    return memory.append('long', fencingToken, events, 0)
  }
  await append(1, TOTAL)
  const store = slowStore(tellingItsLog(memory, eventBytes))
  return { store, memory, append, pages: new LogPages(store, 'long') }
}

/** Reads as a reader does: from the cursor, ahead, on. */
async function readOn(pages: LogPages, cursor: number): Promise<readonly JobEvent[]> {
  const answer = await pages.read(cursor)
  if (answer.answer !== 'events') throw new Error(answer.answer)
  pages.readAhead(answer)
  return answer.events
}

const seqs = (events: readonly JobEvent[]) => [events[0]?.seq, events.at(-1)?.seq]

/** What the store is asked for from now on: after, limit. */
function asked(store: SlowStore): [number, number][] {
  const calls: [number, number][] = []
  const { readEvents } = store
  store.readEvents = (jobId, after, limit) => {
    calls.push([after, limit])
    return readEvents(jobId, after, limit)
  }
  return calls
}

describe('the pages of a log', () => {
  it('G10: two are asked for ahead, in order, each event once, and none beyond the end', async () => {
    const { store, pages } = await longLog()
    const calls = asked(store)
    store.always('readEvents', 'later')
    const counts: number[] = []
    for (let cursor = 0; cursor < TOTAL; ) {
      const events = await readOn(pages, cursor)
      expect(seqs(events)).toEqual([cursor + 1, cursor + events.length])
      counts.push(calls.length)
      cursor += events.length
    }
    expect(calls).toEqual([[0, 64], ...[64, 2_112, 4_160].map((after): [number, number] => [after, 2_048])])
    expect(counts).toEqual([3, 4, 4, 4])
  })

  it('G11: hold about 128 kB each, or 16 events that are larger; the first holds 64', async () => {
    for (const [eventBytes, limit] of [
      [1, 2_048],
      [1_024, 128],
      [1_000_000, 16],
    ] as const) {
      const { store, pages } = await longLog(eventBytes)
      const calls = asked(store)
      store.always('readEvents', 'later')
      await readOn(pages, 0)
      expect(calls).toEqual([
        [0, 64],
        [64, limit],
        [64 + limit, limit],
      ])
    }
  })

  it('end at multiples of 16 wherever a reader begins, so that no block is passed on twice', async () => {
    const { store, pages } = await longLog(1_000)
    const calls = asked(store)
    store.always('readEvents', 'later')
    for (let cursor = 21, page = 0; page < 3; page++) cursor += (await readOn(pages, cursor)).length
    expect(calls.map(([after, limit]) => [after, after + limit])).toEqual([
      [21, 80],
      [80, 208],
      [208, 336],
      [336, 464],
      [464, 592],
    ])
  })

  it('a store that answers at once is not asked ahead, nor one that does not say how long its log is', async () => {
    const { store, memory, pages } = await longLog()
    const calls = asked(store)
    expect(await readOn(pages, 0)).toHaveLength(2_048)
    expect(calls).toEqual([
      [0, 64],
      [0, 2_048],
    ])
    await readOn(pages, 2_048)
    expect(calls).toHaveLength(3)
    const silent: JobStore = { ...memory, readEvents: async (...call) => memory.readEvents(...call) }
    const others = new LogPages(silent, 'long')
    expect(await readOn(others, 0)).toHaveLength(64)
    expect(await readOn(others, 64)).toHaveLength(2_048)
  })

  it('G10: one that was lost is asked for again when its turn comes, with all that follow it', async () => {
    const { store, pages } = await longLog()
    store.next('readEvents', 'later', 'fail')
    store.always('readEvents', 'later')
    await readOn(pages, 0)
    const calls = asked(store)
    expect(seqs(await readOn(pages, 64))).toEqual([65, 2_112])
    expect(calls.map(([after]) => after)).toEqual([64, 2_112, 4_160])
    store.next('readEvents', 'fail')
    await expect(new LogPages(store, 'long').read(0)).rejects.toThrow('the connection is down')
  })

  it('G10: a store may answer fewer events than it was asked for', async () => {
    const { store, memory } = await longLog()
    const sparing: JobStore = {
      ...store,
      readEvents: async (jobId, after, limit) => store.readEvents(jobId, after, Math.min(limit, 100)),
    }
    const pages = new LogPages(sparing, 'long')
    const all: JobEvent[] = []
    while (all.length < TOTAL) all.push(...(await readOn(pages, all.length)))
    expect(await memory.readEvents('long', 0, TOTAL)).toMatchObject({ events: all })
  })

  it('G10: what comes while they are on their way is read with the next', async () => {
    const { store, append, pages } = await longLog()
    store.always('readEvents', 'later')
    let cursor = 0
    while (cursor < TOTAL) cursor += (await readOn(pages, cursor)).length
    expect(await readOn(pages, cursor)).toEqual([])
    await append(TOTAL + 1, TOTAL + 2)
    expect(seqs(await readOn(pages, cursor))).toEqual([TOTAL + 1, TOTAL + 2])
  })
})

describe('a reader that asks ahead', () => {
  it('G11: leaves nothing on its way when it goes, and a failure of what it asked for is nobody’s', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(async (run) => {
      for (let count = 0; count < TOTAL; count++) run.emit('text')
    })
    await handle.settled
    let pages = 0
    const heal = b.store.inject('fail', { on: 'readEvents', when: () => ++pages > 1 })
    b.store.inject('later')
    const reader = b.manager.events(handle.jobId)[Symbol.asyncIterator]()
    expect((await reader.next()).value).toMatchObject({ seq: 1 })
    await clock.advance(5_000) // all attempts have failed
    const before = b.store.calls('readEvents').length
    expect(before).toBeGreaterThan(3)
    await reader.return?.()
    await clock.advance(20_000)
    expect(b.store.calls('readEvents')).toHaveLength(before)
    expect(b.manager.stats()).toMatchObject({ subscriptions: 0, timers: 0 })
    heal()
  })

  it('G10: of a settled job rides through a store that is away for a while', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(async (run) => {
      for (let count = 0; count < TOTAL; count++) run.emit('text')
    })
    await handle.settled
    let isAway = false
    b.store.inject('fail', { on: 'readEvents', when: () => isAway })
    b.store.inject('later')
    const reader = b.manager.events(handle.jobId)[Symbol.asyncIterator]()
    await reader.next()
    isAway = true
    const rest = readAll({ [Symbol.asyncIterator]: () => reader })
    await clock.advance(12_000)
    isAway = false
    await clock.advance(5_000)
    const events = await rest
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: TOTAL }, (_, index) => index + 2))
  })

  it('G10: has all of the log when the manager closes, whatever failed when it was asked for ahead', async () => {
    const { clock, join } = cluster()
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(async (run) => {
      for (let count = 0; count < TOTAL; count++) run.emit('text')
    })
    await handle.settled
    let pages = 0
    let isAway = true
    b.store.inject('fail', { on: 'readEvents', when: () => ++pages > 1 && isAway })
    b.store.inject('later')
    const reader = b.manager.events(handle.jobId)[Symbol.asyncIterator]()
    await reader.next()
    await clock.advance(5_000)
    expect(pages).toBeGreaterThan(2)
    isAway = false
    const closed = b.manager.close()
    const rest = await readAll({ [Symbol.asyncIterator]: () => reader })
    await closed
    expect(rest.map(({ seq }) => seq)).toEqual(Array.from({ length: TOTAL }, (_, index) => index + 2))
  })

  it('EVT-03: of a log that is dropped meanwhile is told so, after what it has', async () => {
    const { clock, join } = cluster({ retentionMs: 10_000 })
    const [a, b] = [join(), join()]
    const handle = await a.manager.register(async (run) => {
      for (let count = 0; count < TOTAL; count++) run.emit('text')
    })
    await handle.settled
    b.store.inject('later')
    const reader = b.manager.events(handle.jobId)[Symbol.asyncIterator]()
    await reader.next()
    await clock.settle()
    await clock.advance(15_000)
    await expect(readAll({ [Symbol.asyncIterator]: () => reader })).rejects.toBeInstanceOf(CursorExpiredError)
  })
})
