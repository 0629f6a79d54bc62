import { connect, type Socket } from 'node:net'
import { createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it, vi } from 'vitest'
import { direct, overSockets } from './support/calls.js'
import { gate, untilAborted } from './support/gate.js'
import { BASE, handled, served } from './support/generation-server.js'
import { idsOf, OpenStream, parseSse, range, textOf } from './support/sse.js'
import { nextTurn, timersClock, until } from './support/timers-clock.js'

const MEBIBYTE = 1024 * 1024

/** A client that sends a request and then reads only when it is told to. */
function pausedClient(origin: string, path: string): Promise<Socket> {
  const { hostname, port } = new URL(origin)
  const socket = connect({ port: Number(port), host: hostname })
  socket.pause()
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nx-user: ann\r\n\r\n`)
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket))
    socket.once('error', reject)
  })
}

describe('many viewers', () => {
  it('EVT-02: SSE-04: 1,000 viewers of one job over sockets each see all of it, in order', async () => {
    const words = range(1, 30).map((number) => `word-${number} `)
    const all = gate()
    const server = await served({
      produce: async (run) => {
        await all.opened
        for (const word of words) {
          run.emit(word)
          await nextTurn()
        }
      },
    })
    const ann = overSockets(server)
    const id = await ann.createdId()
    const streams: OpenStream[] = []
    for (let batch = 0; batch < 10; batch++) {
      const responses = await Promise.all(range(1, 100).map(() => ann.stream(id)))
      streams.push(...responses.map((response) => new OpenStream(response)))
    }
    expect(server.manager.stats().viewers).toBe(1_000)
    all.open()
    const received = await Promise.all(streams.map((stream) => stream.readToEnd()))
    for (const one of received) {
      expect(idsOf(one)).toEqual(range(1, words.length + 1))
      expect(textOf(one)).toBe(words.join(''))
    }
    await until(() => server.manager.stats().viewers === 0)
  }, 60_000)

  it('one serialisation per event, however many viewers', async () => {
    const talk = gate()
    const server = handled({
      produce: async (run) => {
        await talk.opened
        for (const number of range(1, 50)) {
          run.emit(`unique-${number}`)
          if (number % 10 === 0) await nextTurn()
        }
      },
    })
    const ann = direct(server)
    const id = await ann.createdId()
    const streams = await Promise.all(range(1, 20).map(async () => new OpenStream(await ann.stream(id))))
    const stringify = vi.spyOn(JSON, 'stringify')
    try {
      talk.open()
      await Promise.all(streams.map((stream) => stream.readToEnd()))
      const chunks = stringify.mock.calls.filter(([value]) => String(value).startsWith('unique-'))
      expect(chunks).toHaveLength(50)
    } finally {
      stringify.mockRestore()
    }
    for (const stream of streams) expect(idsOf(stream.received)).toEqual(range(1, 51))
  })

  it('an id that is used again after its sweep shows nothing of the job before', async () => {
    const clock = createVirtualClock()
    let text = 'first '
    const server = handled({
      clock,
      managerOptions: { clock, retentionMs: 1 },
      start: () => ({ producer: async (run) => run.emit(text), options: { jobId: 'same' } }),
    })
    const ann = direct(server)
    const texts: string[] = []
    for (const next of ['first ', 'second ']) {
      text = next
      await ann.createdId()
      await clock.settle()
      const streams = await Promise.all(range(1, 2).map(async () => new OpenStream(await ann.stream('same'))))
      for (const stream of streams) texts.push(textOf(await stream.readToEnd()))
      await clock.advance(5_000)
    }
    expect(texts).toEqual(['first ', 'first ', 'second ', 'second '])
    await server.manager.close()
  })
})

describe('a viewer that does not read', () => {
  it('EVT-06: holds a bounded buffer, is cut off after 5 s of a full one, and resumes by its cursor; the job goes on', async () => {
    const clock = createVirtualClock()
    const maxViewerBufferBytes = 64 * 1024
    const server = handled({
      clock,
      maxViewerBufferBytes,
      produce: async (run) => {
        for (const number of range(1, 400)) run.emit(`${number}:${'x'.repeat(1_000)};`)
      },
    })
    const ann = direct(server)
    const id = await ann.createdId()
    const response = await ann.stream(id)
    await clock.advance(4_999)
    expect(server.manager.stats().viewers).toBe(1)
    await clock.advance(1)
    expect(server.manager.stats()).toMatchObject({ viewers: 0, subscriptions: 0 })
    expect(clock.timers()).toEqual([])
    await expect(response.text()).rejects.toThrow('too slowly')
    expect(await server.manager.waitForCompletion(id)).toMatchObject({ outcome: { status: 'completed' } })

    const again = new OpenStream(await ann.stream(id, '?after=100'))
    const reading = again.readToEnd()
    await clock.settle()
    expect(idsOf(await reading)).toEqual(range(101, 401))
    await server.manager.close()
  })

  it('EVT-06: one that reads slowly, but reads, is not cut off', async () => {
    const clock = createVirtualClock()
    const server = handled({
      clock,
      maxViewerBufferBytes: 16 * 1024,
      produce: async (run) => {
        for (const number of range(1, 200)) run.emit(`${number}:${'x'.repeat(1_000)};`)
      },
    })
    const ann = direct(server)
    const stream = new OpenStream(await ann.stream(await ann.createdId()))
    let isOpen = true
    while (isOpen) {
      const reading = stream.read()
      await clock.advance(4_000)
      isOpen = await reading
    }
    expect(idsOf(stream.received)).toEqual(range(1, 201))
    await server.manager.close()
  })

  it('EVT-06: LEAK-02: over a socket, 30 s of output for a paused reader stay in the log, not in its buffer', async () => {
    const clock = timersClock()
    const server = await served({
      clock,
      managerOptions: { maxLogBytes: 64 * MEBIBYTE },
      produce: async (run) => {
        // 30 s of a very fast model: 32 MiB in 30,000 chunks.
        for (const number of range(1, 30_000)) {
          run.emit(`${number}:${'y'.repeat(1_100)}`)
          if (number % 100 === 0) await nextTurn()
        }
      },
    })
    const connections = new Map<number | undefined, Socket>()
    server.server.on('connection', (connection: Socket) => connections.set(connection.remotePort, connection))
    const ann = overSockets(server)
    const id = await ann.createdId()
    const before = process.memoryUsage()
    const socket = await pausedClient(server.origin, `${BASE}/jobs/${id}/stream`)
    await server.manager.waitForCompletion(id)
    await until(() => clock.timers().some(({ ms }) => ms === 5_000)) // its buffer is full
    const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers
    // The buffer of 1 MiB, one batch on the way, and what Node holds for the socket.
    expect(grown).toBeLessThan(4 * MEBIBYTE)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    await clock.advance(5_000)
    expect(server.manager.stats()).toMatchObject({ viewers: 0, subscriptions: 0, jobs: { completed: 1 } })
    expect(connections.get(socket.localPort)?.destroyed).toBe(true)
    // What the kernel had taken is still there to read; then the connection is closed, without the end of the job.
    const received: Buffer[] = []
    socket.on('data', (bytes: Buffer) => received.push(bytes))
    socket.on('error', () => undefined)
    socket.resume()
    await closed
    const text = String(Buffer.concat(received))
    expect(text).not.toContain('"type":"complete"')
    const last = Number([...text.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] ?? 0)

    const rest = await ann.stream(id, `?after=${Math.max(0, last - 1)}`)
    const { events } = parseSse(await rest.text())
    expect(events[0]?.id).toBe(Math.max(1, last))
    expect(events.at(-1)).toMatchObject({ id: 30_001, data: { type: 'complete' } })
    expect(events).toHaveLength(30_001 - Math.max(0, last - 1))
  }, 60_000)

  it('SSE-08: its job is cancelled by another request all the same', async () => {
    const server = await served({
      produce: async (run) => {
        for (const _ of range(1, 300)) run.emit('z'.repeat(20_000))
        return untilAborted(run.signal)
      },
    })
    const ann = overSockets(server)
    const id = await ann.createdId()
    const socket = await pausedClient(server.origin, `${BASE}/jobs/${id}/stream`)
    await until(() => server.manager.stats().viewers === 1)
    expect((await ann.cancel(id)).body).toMatchObject({ outcome: 'cancelled', forced: false })
    socket.destroy()
    await until(() => server.manager.stats().viewers === 0)
  })
})

describe('the disconnect policy', () => {
  it('EVT-09: SSE-07: a viewer that leaves in mid-stream reaches it: the job is cancelled with kind disconnect', async () => {
    const clock = timersClock()
    const server = await served({
      register: { onDisconnect: 'cancel', disconnectGraceMs: 1_000 },
      managerOptions: { clock },
      produce: async (run) => {
        run.emit('first')
        return untilAborted(run.signal)
      },
    })
    const ann = overSockets(server)
    const id = await ann.createdId()
    const leaving = new AbortController()
    const stream = new OpenStream(await ann.stream(id, '', { signal: leaving.signal }))
    await stream.readUntil((received) => textOf(received) === 'first')
    await clock.advance(5_000)
    expect(await server.manager.get(id)).toMatchObject({ status: 'running' })
    leaving.abort()
    await until(() => server.manager.stats().viewers === 0)
    await clock.advance(1_000)
    expect(await server.manager.get(id)).toMatchObject({
      status: 'cancelled',
      cancel: { reason: { kind: 'disconnect' } },
    })
  })
})
