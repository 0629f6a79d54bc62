import { createMemoryJobStore, GenerationJobManager, type JobStore } from 'generation-jobs'
import { createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { direct, overSockets } from './support/calls.js'
import { gate, untilAborted } from './support/gate.js'
import { handled, served } from './support/generation-server.js'
import { idsOf, OpenStream, range, textOf } from './support/sse.js'
import { nextTurn, timersClock, until } from './support/timers-clock.js'

const NOTHING_LEFT = { viewers: 0, subscriptions: 0 }

/** Emits `bursts` times 10 numbered chunks, a turn of the loop between two bursts, once the door is open. */
function bursts(count: number, opened: Promise<void>, size = 1) {
  return async (run: { emit(text: string): void }) => {
    await opened
    for (const burst of range(1, count)) {
      for (const number of range(burst * 10 - 9, burst * 10)) run.emit(`${number};`.padEnd(size, '.'))
      await nextTurn()
    }
  }
}

async function openMany(count: number, open: () => Promise<Response>): Promise<OpenStream[]> {
  return Promise.all(range(1, count).map(async () => new OpenStream(await open())))
}

describe('viewers of one job', () => {
  it('G10: the log is read once for all that are at its end, however many they are', async () => {
    const readsFor = async (viewers: number): Promise<number> => {
      const store = createMemoryJobStore()
      let reads = 0
      const counting: JobStore = {
        ...store,
        readEvents(...args) {
          reads++
          return store.readEvents(...args)
        },
      }
      const talk = gate()
      const server = handled({ managerOptions: { store: counting }, produce: bursts(20, talk.opened) })
      const ann = direct(server)
      const id = await ann.createdId()
      const streams = await openMany(viewers, () => ann.stream(id))
      expect(server.manager.stats()).toMatchObject({ viewers, subscriptions: viewers + 1 })
      const before = reads
      talk.open()
      for (const { events } of await Promise.all(streams.map((stream) => stream.readToEnd()))) {
        expect(events.map(({ id: seq }) => seq)).toEqual(range(1, 201))
      }
      expect(server.manager.stats()).toMatchObject(NOTHING_LEFT)
      await server.manager.close()
      return reads - before
    }
    const [few, many] = [await readsFor(2), await readsFor(50)]
    // What grows with them is the one read that each had begun before, and on a loaded machine those who fall behind for a moment.
    expect(many - few).toBeLessThanOrEqual(4 * 48)
    expect(few).toBeLessThanOrEqual(3 * 20 + 10)
  })

  it('EVT-08: one that leaves in the middle takes nothing from the others, and the last takes the reader with it', async () => {
    const talk = gate()
    const server = handled({
      produce: async (run) => {
        await bursts(10, talk.opened)(run)
        return untilAborted(run.signal)
      },
    })
    const ann = direct(server)
    const id = await ann.createdId()
    const [leaving, ...staying] = await openMany(4, () => ann.stream(id))
    talk.open()
    await leaving?.readUntil(({ events }) => events.length >= 10)
    await leaving?.close()
    for (const stream of staying) {
      expect(idsOf(await stream.readUntil(({ events }) => events.length >= 100))).toEqual(range(1, 100))
    }
    expect(server.manager.stats().viewers).toBe(3)
    await Promise.all(staying.map((stream) => stream.close()))
    expect(server.manager.stats()).toMatchObject({ ...NOTHING_LEFT, jobs: { running: 1 } })
    await server.manager.close()
  })

  it('EVT-06: EVT-02: a slow one falls behind, hinders nobody, catches up from the log and follows again, with no gap', async () => {
    const clock = timersClock()
    const doors = [gate(), gate()] as const
    const server = handled({
      clock,
      maxViewerBufferBytes: 8 * 1024,
      produce: async (run) => {
        await bursts(40, doors[0].opened, 100)(run)
        await doors[1].opened
        run.emit('last')
        return untilAborted(run.signal)
      },
    })
    const ann = direct(server)
    const id = await ann.createdId()
    const [slow, ...others] = await openMany(3, () => ann.stream(id))
    if (!slow) throw new Error('no stream')
    doors[0].open()
    for (const stream of others) {
      expect(idsOf(await stream.readUntil(({ events }) => events.length >= 400))).toEqual(range(1, 400))
    }
    expect(server.manager.stats().viewers).toBe(3) // the slow one too
    expect(idsOf(await slow.readUntil(({ events }) => events.length >= 400))).toEqual(range(1, 400))
    doors[1].open()
    for (const stream of [slow, ...others]) {
      expect(textOf(await stream.readUntil(({ events }) => events.length >= 401))).toMatch(/last$/)
    }
    await Promise.all([slow, ...others].map((stream) => stream.close()))
    expect(server.manager.stats()).toMatchObject(NOTHING_LEFT)
    expect(clock.timers()).toEqual([])
    await server.manager.close()
  })

  it('G9: EVT-09: the change of reader of one that falls behind does not look like the last viewer leaving', async () => {
    const store = createMemoryJobStore()
    const counts: number[] = []
    let viewers = 0
    const watched: JobStore = {
      ...store,
      touchViewers(touches) {
        for (const { ttlMs } of touches) {
          viewers += ttlMs > 0 ? 1 : -1
          counts.push(viewers)
        }
        return store.touchViewers(touches)
      },
    }
    const talk = gate()
    const server = handled({
      managerOptions: { store: watched },
      maxViewerBufferBytes: 1_000,
      produce: async (run) => {
        await bursts(10, talk.opened, 100)(run)
        return untilAborted(run.signal)
      },
    })
    const ann = direct(server)
    const id = await ann.createdId()
    const streams = await openMany(2, () => ann.stream(id))
    await Promise.all(streams.map((stream) => stream.read()))
    talk.open()
    await until(() => counts.length >= 4) // both have changed
    expect(Math.min(...counts.slice(1))).toBeGreaterThanOrEqual(2)
    for (const stream of streams) {
      expect(idsOf(await stream.readUntil(({ events }) => events.length >= 100))).toEqual(range(1, 100))
      await stream.close()
    }
    expect([viewers, server.manager.stats().subscriptions]).toEqual([0, 0])
    await server.manager.close()
  })

  it('EVT-02: those that join in the middle of a burst, at any cursor, see each event once and in order', async () => {
    const talk = gate()
    const server = await served({ produce: bursts(60, talk.opened) })
    const ann = overSockets(server)
    const id = await ann.createdId()
    const first = await openMany(2, () => ann.stream(id))
    talk.open()
    const idsAfter = async (after: number, stream: OpenStream) => ({ after, ids: idsOf(await stream.readToEnd()) })
    const joined = first.map((stream) => idsAfter(0, stream))
    for (const after of range(1, 30).map((step) => step * 7)) {
      joined.push(ann.stream(id, `?after=${after}`).then((response) => idsAfter(after, new OpenStream(response))))
      await nextTurn()
    }
    for (const { after, ids } of await Promise.all(joined)) expect(ids).toEqual(range(after + 1, 601))
    await until(() => server.manager.stats().viewers === 0)
  })

  it('EVT-02: EVT-04: one with more to catch up on than a write carries follows only when it has caught up', async () => {
    const doors = [gate(), gate()] as const
    const server = handled({
      produce: async (run) => {
        await bursts(30, doors[0].opened, 1_000)(run)
        await bursts(10, doors[1].opened)(run)
      },
    })
    const ann = direct(server)
    const id = await ann.createdId()
    const early = await openMany(2, () => ann.stream(id))
    doors[0].open()
    await Promise.all(early.map((stream) => stream.readUntil(({ events }) => events.length >= 300)))
    const late = new OpenStream(await ann.stream(id))
    await late.readUntil(({ events }) => events.length > 0)
    doors[1].open()
    for (const stream of [...early, late]) expect(idsOf(await stream.readToEnd())).toEqual(range(1, 401))
    expect(server.manager.stats()).toMatchObject(NOTHING_LEFT)
    await server.manager.close()
  })

  it('G10: an error of the shared reader ends the streams of all, without a terminal event, and leaves nothing', async () => {
    const manager = new GenerationJobManager({ logger: false })
    const talk = gate()
    const server = handled({
      produce: bursts(3, talk.opened),
      manager: Object.assign(Object.create(manager), {
        register: manager.register.bind(manager),
        get: manager.get.bind(manager),
        cancel: manager.cancel.bind(manager),
        // An application's own events: those that all viewers share break off.
        events: (jobId: string, options: { viewer?: boolean }) =>
          options.viewer ? manager.events(jobId, options) : breakingOff(manager.events(jobId, options), 5),
      }),
    })
    const ann = direct(server)
    const id = await ann.createdId()
    const streams = await openMany(3, () => ann.stream(id))
    talk.open()
    for (const { events } of await Promise.all(streams.map((stream) => stream.readToEnd()))) {
      expect(events.map(({ id: seq }) => seq)).toEqual(range(1, 5))
    }
    expect(manager.stats()).toMatchObject(NOTHING_LEFT)
    await manager.close()
  })

  it('SSE-05: share one timer', async () => {
    const clock = createVirtualClock()
    const server = handled({ clock, produce: (run) => untilAborted(run.signal) })
    const ann = direct(server)
    const ids = [await ann.createdId(), await ann.createdId()]
    const streams = [
      ...(await openMany(3, () => ann.stream(ids[0] ?? ''))),
      ...(await openMany(3, () => ann.stream(ids[1] ?? ''))),
    ]
    expect(clock.timers()).toHaveLength(1)
    await Promise.all(streams.map((stream) => stream.read()))
    const beats = Promise.all(streams.map((stream) => stream.read()))
    await clock.advance(15_000)
    await beats
    expect(streams.map(({ received }) => received.comments.length)).toEqual([1, 1, 1, 1, 1, 1])
    await Promise.all(streams.map((stream) => stream.close()))
    expect(clock.timers()).toEqual([])
    await server.manager.close()
  })
})

async function* breakingOff<T>(events: AsyncIterable<T>, after: number): AsyncGenerator<T> {
  let count = 0
  for await (const event of events) {
    yield event
    if (++count === after) throw new Error('gone')
  }
}
