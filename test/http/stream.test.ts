import type { Producer } from 'generation-jobs'
import { createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { direct, overSockets } from './support/calls.js'
import { gate, untilAborted } from './support/gate.js'
import { handled, served } from './support/generation-server.js'
import { idsOf, OpenStream, range, receiveAll, textOf } from './support/sse.js'

describe('the stream', () => {
  it('SSE-02: has its headers and first bytes before the first chunk', async () => {
    const opened = gate()
    const server = await served({ produce: () => opened.opened })
    const ann = overSockets(server)
    const response = await ann.stream(await ann.createdId())
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-cache, no-transform')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    expect(response.headers.get('x-generation-jobs')).toBe('1')
    const stream = new OpenStream(response)
    await stream.read()
    opened.open()
    await stream.readToEnd()
    expect(stream.received.retries).toEqual([expect.any(Number)])
    expect(idsOf(stream.received)).toEqual([1])
  })

  it('SSE-04: EVT-15: each event has its seq as id, its type and fields as data, and neither seq nor at', async () => {
    const server = handled({
      produce: async (run) => {
        run.step('Generating')
        run.emit('text')
        run.emit({ type: 'metadata', data: { tokens: 3 } })
        run.emit({ type: 'data', name: 'image', data: { url: 'x', seq: 9 } })
        return { done: true }
      },
    })
    const ann = direct(server)
    const { events } = await receiveAll(await ann.stream(await ann.createdId()))
    expect(events).toEqual([
      { id: 1, data: { type: 'step', step: 'Generating' } },
      { id: 2, data: { type: 'chunk', content: 'text' } },
      { id: 3, data: { type: 'metadata', data: { tokens: 3 } } },
      { id: 4, data: { type: 'data', name: 'image', data: { url: 'x', seq: 9 } } },
      { id: 5, data: { type: 'complete', result: { done: true }, message: 'Génération terminée' } },
    ])
  })

  it.each([
    ['fr', 'Interruption en cours...', 'Génération interrompue'],
    ['en', 'Interrupting...', 'Generation interrupted'],
  ] as const)(
    'EVT-19: SSE-15: a cancel is told in the handler’s locale (%s), its kind but not by whom',
    async (locale, cancelling, cancelled) => {
      const server = await served({ locale, produce: (run) => untilAborted(run.signal) })
      const ann = overSockets(server)
      const id = await ann.createdId()
      const stream = new OpenStream(await ann.stream(id))
      await stream.read()
      await server.manager.cancel(id, { by: 'ann-the-admin', message: 'too dull' })
      const { events } = await stream.readToEnd()
      expect(events.map(({ data }) => data)).toEqual([
        { type: 'cancelling', kind: 'user', message: cancelling },
        { type: 'cancelled', kind: 'user', forced: false, message: cancelled },
      ])
      expect(JSON.stringify(events)).not.toMatch(/ann|dull/)
    },
  )

  it('SSE-11: an error has a code and our words; the application’s own only from describeError', async () => {
    const fails: Producer<unknown> = async () => {
      throw new Error('sk-secret')
    }
    const plain = handled({ produce: fails })
    const described = handled({
      produce: fails,
      managerOptions: { describeError: () => ({ code: 'app.moderated', message: 'Not\r\nid: 99\r\nallowed' }) },
    })
    const ends = []
    for (const server of [plain, described]) {
      const ann = direct(server)
      const id = await ann.createdId()
      ends.push((await receiveAll(await ann.stream(id))).events)
      const { body } = await ann.status(id)
      ends.push(body.error)
    }
    const words = { code: 'producer.failed', message: 'La génération a échoué' }
    const own = { code: 'app.moderated', message: 'Not\r\nid: 99\r\nallowed' }
    expect(ends).toEqual([
      [{ id: 1, data: { type: 'error', ...words } }],
      words,
      [{ id: 1, data: { type: 'error', ...own } }],
      own,
    ])
  })

  it('EVT-04: a settled job is replayed whole, by a reader that comes late', async () => {
    const server = await served()
    const ann = overSockets(server)
    const id = await ann.createdId()
    await server.manager.waitForCompletion(id)
    const received = await receiveAll(await ann.stream(id))
    expect(textOf(received)).toBe('hello world')
    expect(idsOf(received)).toEqual([1, 2, 3])
  })

  it('SSE-06: a cursor at the end of a settled job, or beyond, is 204; on a live job it waits', async () => {
    const opened = gate()
    const server = await served({ produce: () => opened.opened })
    const ann = overSockets(server)
    const id = await ann.createdId()
    const live = await ann.stream(id, '?after=7')
    expect(live.status).toBe(200)
    opened.open()
    expect((await receiveAll(live)).events).toEqual([])
    const after = await Promise.all(['?after=1', '?after=2', '?after=999999'].map((query) => ann.stream(id, query)))
    expect(after.map(({ status }) => status)).toEqual([204, 204, 204])
    expect((await ann.stream(id, '', { headers: { 'last-event-id': '1' } })).status).toBe(204)
  })

  it.each([
    ['', '2', [3, 4, 5]],
    ['3', '', [4, 5]],
    ['4', '1', [5]],
    ['1', '4', [5]],
    ['0', '0', [1, 2, 3, 4, 5]],
  ])('SSE-04: Last-Event-ID %j and ?after=%j: the larger counts', async (header, query, ids) => {
    const server = handled({
      produce: async (run) => {
        for (const text of 'abcd') run.emit(text)
      },
    })
    const ann = direct(server)
    const id = await ann.createdId()
    await server.manager.waitForCompletion(id)
    const response = await ann.stream(id, `?after=${query}`, { headers: header ? { 'last-event-id': header } : {} })
    expect(idsOf(await receiveAll(response))).toEqual(ids)
  })

  it.each(['-1', '1.5', 'x', '1e3', '0x1', ' ', '9999999999999999999', '1\u0000'])(
    'SSE-04: a cursor that is no whole number is 400: %j',
    async (cursor) => {
      const server = handled()
      const ann = direct(server)
      const id = await ann.createdId()
      const response = await ann.stream(id, `?after=${encodeURIComponent(cursor)}`)
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ error: { code: 'options.invalid', issues: [{ path: ['after'] }] } })
      expect(server.manager.stats().subscriptions).toBe(0)
    },
  )

  it('EVT-03: a cursor whose events are gone is 410, and holds no reader', async () => {
    const { createMemoryJobStore } = await import('generation-jobs')
    const server = handled({
      managerOptions: { store: createMemoryJobStore({ maxRetainedBytes: 1 }) },
      produce: async (run) => {
        run.emit('long text')
      },
    })
    const ann = direct(server)
    const id = await ann.createdId()
    await server.manager.waitForCompletion(id)
    const response = await ann.stream(id)
    expect([response.status, (await response.json()).error.code]).toEqual([410, 'cursor.expired'])
    expect(server.manager.stats()).toMatchObject({ subscriptions: 0, viewers: 0 })
    // Who has seen all but the end still learns it.
    expect(idsOf(await receiveAll(await ann.stream(id, '?after=1')))).toEqual([2])
  })

  it('SSE-05: silence of heartbeatMs brings a comment each time, and the timer stops with the stream', async () => {
    const clock = createVirtualClock()
    const opened = gate()
    const server = handled({ clock, heartbeatMs: 15_000, produce: () => opened.opened })
    const ann = direct(server)
    const stream = new OpenStream(await ann.stream(await ann.createdId()))
    await stream.read()
    expect(clock.timers()).toHaveLength(1)
    await clock.advance(14_999)
    const beat = stream.read()
    await clock.advance(1)
    await beat
    await clock.advance(15_000)
    await stream.read()
    expect(stream.received.comments).toHaveLength(2)
    expect(stream.received.events).toEqual([])
    opened.open()
    const end = stream.readToEnd()
    await clock.settle()
    await end
    expect(clock.timers()).toEqual([])
    await server.manager.close()
  })

  it('SSE-05: a comment comes only heartbeatMs after the last event', async () => {
    const clock = createVirtualClock()
    const talk = gate()
    const server = handled({
      clock,
      produce: async (run) => {
        await talk.opened
        run.emit('still here')
        return untilAborted(run.signal)
      },
    })
    const ann = direct(server)
    const id = await ann.createdId()
    const stream = new OpenStream(await ann.stream(id))
    await stream.read()
    await clock.advance(10_000)
    talk.open()
    await stream.read()
    const beat = stream.read()
    await clock.advance(14_999)
    expect(stream.received.comments).toHaveLength(0)
    await clock.advance(1)
    await beat
    expect(stream.received.comments).toHaveLength(1)
    await stream.close()
    expect(clock.timers()).toEqual([])
    await server.manager.close()
  })

  it('EVT-08: EVT-12: a reader that leaves is a detach: no timer, viewer or reader stays, the job goes on', async () => {
    const clock = createVirtualClock()
    const opened = gate()
    const server = handled({ clock, produce: () => opened.opened })
    const ann = direct(server)
    const id = await ann.createdId()
    const streams = await Promise.all(range(1, 3).map(async () => new OpenStream(await ann.stream(id))))
    await Promise.all(streams.map((stream) => stream.read()))
    // Each is a reader, and what is new they read together.
    expect(server.manager.stats()).toMatchObject({ viewers: 3, subscriptions: 4 })
    await Promise.all(streams.map((stream) => stream.close()))
    expect(server.manager.stats()).toMatchObject({ viewers: 0, subscriptions: 0, jobs: { running: 1 } })
    expect(clock.timers()).toEqual([])
    opened.open()
    expect(await server.manager.waitForCompletion(id)).toMatchObject({ outcome: { status: 'completed' } })
    await server.manager.close()
  })

  it('EVT-12: a request that is aborted before, or while, its stream opens leaves nothing', async () => {
    const server = handled({ produce: (run) => untilAborted(run.signal) })
    const ann = direct(server)
    const id = await ann.createdId()
    const early = new AbortController()
    early.abort()
    await ann.stream(id, '', { signal: early.signal })
    const late = new AbortController()
    const opening = ann.stream(id, '', { signal: late.signal })
    late.abort()
    await opening
    const open = new AbortController()
    const response = await ann.stream(id, '', { signal: open.signal })
    expect(server.manager.stats().viewers).toBe(1)
    open.abort()
    expect(server.manager.stats()).toMatchObject({ viewers: 0, subscriptions: 0 })
    expect(await response.text()).toMatch(/^retry: \d+\n\n$/)
    await server.manager.close()
  })

  it('SSE-07: SHU-05: the manager closes: the stream ends with the job’s end; one of another node’s job without one', async () => {
    const { createMemoryJobStore, GenerationJobManager } = await import('generation-jobs')
    const store = createMemoryJobStore()
    const other = new GenerationJobManager({ store, logger: false })
    const server = await served({
      managerOptions: { store },
      produce: (run) => untilAborted(run.signal),
    })
    const ann = overSockets(server)
    const own = new OpenStream(await ann.stream(await ann.createdId()))
    const foreign = await other.register((run) => untilAborted(run.signal), { owner: 'ann' })
    const theirs = new OpenStream(await ann.stream(foreign.jobId))
    await Promise.all([own.read(), theirs.read()])
    await server.manager.close()
    const [ended, brokenOff] = await Promise.all([own.readToEnd(), theirs.readToEnd()])
    expect(ended.events.map(({ data }) => data.type)).toEqual(['cancelling', 'cancelled'])
    expect(brokenOff.events).toEqual([])
    await other.close()
  })
})

describe('batches', () => {
  it('EVT-10: the first chunk is written at once, chunks that are ready together in one write', async () => {
    const clock = createVirtualClock()
    const talk = gate()
    const server = handled({
      clock,
      produce: async (run) => {
        await talk.opened
        for (const number of range(1, 100)) {
          run.emit(`${number} `)
          for (const _ of range(1, 10)) await null // each comes by itself, all within one turn of the loop
        }
        return untilAborted(run.signal)
      },
    })
    const ann = direct(server)
    const id = await ann.createdId()
    const stream = new OpenStream(await ann.stream(id))
    await stream.read()
    talk.open()
    await stream.read()
    while (stream.received.events.length < 100) {
      await clock.settle()
      await stream.read()
    }
    expect(idsOf(stream.received)).toEqual(range(1, 100))
    expect(stream.reads.length).toBeLessThanOrEqual(4) // preamble, first, a full batch, rest
    await stream.close()
    await server.manager.close()
  })

  it('EVT-10: a replay comes in few writes', async () => {
    const server = handled({
      produce: async (run) => {
        for (const number of range(1, 1_000)) run.emit(`${number} `)
      },
    })
    const ann = direct(server)
    const id = await ann.createdId()
    await server.manager.waitForCompletion(id)
    const stream = new OpenStream(await ann.stream(id))
    await stream.readToEnd()
    expect(idsOf(stream.received)).toEqual(range(1, 1_001))
    expect(stream.reads.length).toBeLessThanOrEqual(1 + Math.ceil(1_001 / 256))
  })
})
