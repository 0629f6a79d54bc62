import { connect } from 'node:net'
import { createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { direct, overSockets } from './support/calls.js'
import { handled, served } from './support/generation-server.js'

const path = '/api/v1/dialogues/generate/jobs'

/** A body that comes in pieces, as a test gives them. */
function slowBody() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let pulls = 0
  const body = new ReadableStream<Uint8Array>(
    {
      start: (own) => {
        controller = own
      },
      pull: () => {
        pulls++
      },
    },
    { highWaterMark: 0 },
  )
  return {
    body,
    pulls: () => pulls,
    send: (text: string) => controller?.enqueue(new TextEncoder().encode(text)),
    end: () => controller?.close(),
    fail: () => controller?.error(new Error('gone')),
  }
}

function post(server: ReturnType<typeof handled>, body: BodyInit | null, headers: Record<string, string> = {}) {
  const init = { method: 'POST', headers: { 'x-user': 'ann', ...headers }, body, duplex: 'half' } as RequestInit
  return server.handler(new Request(`http://x.example${path}`, init))
}

describe('the create body', () => {
  it.each([
    ['empty', ''],
    ['cut', '{"prompt":"x"'],
    ['no JSON', 'prompt=x'],
    ['two values', '{}{}'],
    ['NUL', '\u0000'],
    ['no UTF-8', new Uint8Array([0xff, 0xfe, 0x7b])],
    ['a string', '"x"'],
    ['null', 'null'],
  ])('REG-14: is 400 when it is %s', async (_, body) => {
    const server = handled()
    const response = await post(server, body)
    expect(response.status).toBe(400)
    expect((await response.json()).error).toMatchObject({ code: 'options.invalid', issues: expect.any(Array) })
    expect(await server.manager.list()).toEqual([])
  })

  it('REG-14: is 400 when there is none', async () => {
    expect((await post(handled(), null)).status).toBe(400)
  })

  it('SEC-05: is 400, not a full stack, when it nests without end', async () => {
    const server = handled()
    const deep = `{"prompt":"x","note":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    expect((await post(server, deep, { 'idempotency-key': 'k' })).status).toBe(400)
  })

  it('SEC-05: members named __proto__ pollute nothing', async () => {
    const server = handled()
    const response = await post(
      server,
      '{"prompt":"x","__proto__":{"owner":"mallory"},"constructor":{"prototype":{}}}',
      {
        'idempotency-key': 'k',
      },
    )
    expect(response.status).toBe(201)
    expect(Reflect.get({}, 'owner')).toBeUndefined()
  })

  it('UTF-8 that is cut between two pieces is put together', async () => {
    const prompts: string[] = []
    const server = handled({
      start({ prompt }) {
        prompts.push(prompt)
        return async () => undefined
      },
    })
    const bytes = new TextEncoder().encode('{"prompt":"né 🐉"}')
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
        controller.close()
      },
    })
    expect((await post(server, body)).status).toBe(201)
    expect(prompts).toEqual(['né 🐉'])
  })

  it('SSE-16: above maxBodyBytes is 413, with content-length and without, and exactly at it is taken', async () => {
    const server = await served({ maxBodyBytes: 1_000 })
    const ann = overSockets(server)
    const ofSize = (bytes: number) => `{"prompt":"${'x'.repeat(bytes - 13)}"}`
    expect((await ann.post('/jobs', ofSize(1_000))).status).toBe(201)
    const over = await ann.post('/jobs', ofSize(1_001))
    expect([over.status, (await over.json()).error.code]).toEqual([413, 'request.too-large'])
    const { body, send, end } = slowBody()
    send(ofSize(600))
    send(ofSize(600))
    end()
    expect((await post(server, body)).status).toBe(413)
    expect(await server.manager.list()).toHaveLength(1)
  })

  it('SSE-16: a body of many times the limit is not read to its end', async () => {
    const server = handled({ maxBodyBytes: 1_000 })
    let sent = 0
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          sent++
          controller.enqueue(new Uint8Array(1_000).fill(32))
        },
      },
      { highWaterMark: 0 },
    )
    const response = await post(server, body)
    expect([response.status, response.headers.get('connection')]).toEqual([413, 'close'])
    expect(sent).toBeLessThanOrEqual(10)
  })

  it('SEC-05: slowloris: a body that does not arrive in bodyTimeoutMs is 408, and no timer stays', async () => {
    const clock = createVirtualClock()
    const server = handled({ clock, bodyTimeoutMs: 30_000 })
    const { body, send } = slowBody()
    const answering = post(server, body)
    for (const piece of ['{', '"prompt"', ':']) {
      await clock.advance(9_000)
      send(piece)
    }
    await clock.advance(3_000)
    const response = await answering
    expect([response.status, response.headers.get('connection')]).toEqual([408, 'close'])
    expect((await response.json()).error.code).toBe('request.timeout')
    expect(clock.timers()).toEqual([])
    send('"late"}')
    await clock.settle()
    expect(await server.manager.list()).toEqual([])
  })

  it('LEAK-04: a body that came whole leaves no timer', async () => {
    const clock = createVirtualClock()
    const server = handled({ clock })
    expect((await post(server, '{"prompt":"x"}')).status).toBe(201)
    expect(clock.timers()).toEqual([])
  })

  it('LEAK-04: a body that breaks off leaves no timer and no job', async () => {
    const clock = createVirtualClock()
    const server = handled({ clock })
    const { body, send, fail } = slowBody()
    const answering = post(server, body)
    send('{"prompt":')
    await clock.settle()
    fail()
    expect((await answering).status).toBe(400)
    expect(clock.timers()).toEqual([])
  })

  it('SEC-05: over a socket, a client that drips its body is answered 408 and its connection is closed', async () => {
    const clock = createVirtualClock()
    const server = await served({ clock })
    const { hostname, port } = new URL(server.origin)
    const socket = connect(Number(port), hostname)
    const received: string[] = []
    socket.on('data', (bytes) => received.push(String(bytes)))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\nx-user: ann\r\ncontent-length: 100\r\n\r\n{"pro`)
    while (clock.timers().length === 0) await clock.settle()
    await clock.advance(30_000)
    await closed
    expect(received.join('')).toMatch(/^HTTP\/1\.1 408 /)
    expect(await server.manager.list()).toEqual([])
  })
})

describe('Idempotency-Key', () => {
  it.each([
    ['x'.repeat(256), 201],
    ['x'.repeat(257), 400],
    [' ', 400],
  ])('SEC-05: has 1 to 256 characters: %j is %i', async (key, expected) => {
    expect((await direct(handled()).create({ 'idempotency-key': key })).status).toBe(expected)
  })
})
