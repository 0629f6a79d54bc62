import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { connect } from 'node:net'
import express from 'express'
import { createGenerationHandler } from 'generation-jobs/http'
import { type NodeHandler, toNodeHandler } from 'generation-jobs/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { direct, overSockets } from '../http/support/calls.js'
import { gate, untilAborted } from '../http/support/gate.js'
import { handled, listen, type ServedOptions, served } from '../http/support/generation-server.js'
import { OpenStream, range, receiveAll, textOf } from '../http/support/sse.js'
import { nextTurn, timersClock, until } from '../http/support/timers-clock.js'

/** An Express application in front of the handler; `use` mounts it. */
async function behindExpress(options: ServedOptions, use: (app: express.Express, handler: NodeHandler) => void) {
  const { manager, handler } = handled(options)
  const app = express()
  use(app, toNodeHandler(handler))
  const server = createServer(app)
  const origin = await listen(server)
  onTestFinished(async () => {
    await manager.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { manager, origin }
}

const echoPrompt: ServedOptions['start'] =
  ({ prompt }) =>
  async (run) => {
    run.emit(prompt)
    return untilAborted(run.signal)
  }

async function createStreamAndCancel(url: string) {
  const ann = overSockets({ url })
  const id = await ann.createdId({ prompt: 'né 🐉' })
  const stream = new OpenStream(await ann.stream(id))
  await stream.readUntil((received) => textOf(received) === 'né 🐉')
  expect((await ann.status(id)).body.status).toBe('running')
  expect((await ann.cancel(id)).body.outcome).toBe('cancelled')
  expect((await stream.readToEnd()).events.at(-1)?.data.type).toBe('cancelled')
}

describe('toNodeHandler', () => {
  it.each(['/api', '/api/gen', '/elsewhere'])(
    'SSE-13: behind express.json() and mounted at %s, create, stream, status and cancel work',
    async (mount) => {
      const basePath = mount === '/elsewhere' ? '/elsewhere/api/gen' : '/api/gen'
      const { origin } = await behindExpress({ start: echoPrompt, basePath: '/api/gen' }, (app, handler) => {
        app.use(express.json())
        app.use(mount, handler)
      })
      await createStreamAndCancel(origin + basePath)
    },
  )

  it('SSE-13: without a body parser, and under a router inside a router', async () => {
    const { origin } = await behindExpress({ start: echoPrompt, basePath: '/gen' }, (app, handler) => {
      const inner = express.Router().use('/gen', handler)
      app.use('/api', express.Router().use('/v2', inner))
    })
    await createStreamAndCancel(`${origin}/api/v2/gen`)
  })

  it.each([
    ['{}', 201],
    ['[]', 400],
    ['{"prompt":"x"}', 201],
    ['{"prompt":', 400],
  ])('SSE-13: a body that express.json() has read is the body, empty ones too: %s is %i', async (body, expected) => {
    const { manager } = handled()
    const handler = createGenerationHandler({
      manager,
      params: z.object({ prompt: z.string().optional() }),
      start: () => async () => undefined,
      authorize: () => ({ owner: 'ann' }),
      basePath: '',
    })
    const app = express().use(express.json(), toNodeHandler(handler))
    app.use((_error: unknown, _req: unknown, res: express.Response, _next: unknown) => void res.status(400).end())
    const server = createServer(app)
    const origin = await listen(server)
    const headers = { 'content-type': 'application/json' }
    const { status } = await fetch(`${origin}/jobs`, { method: 'POST', headers, body })
    expect(status).toBe(expected)
    server.closeAllConnections()
    server.close()
    await manager.close()
  })

  it('SSE-13: authorize reads req.user, start the whole request', async () => {
    const seen: unknown[] = []
    const { origin } = await behindExpress(
      {
        authorize(_, { native }) {
          const { user } = (native as { req: { user?: string } }).req
          return user === undefined ? null : { owner: user }
        },
        start(_, { owner, native }) {
          const { req, res } = native as { req: IncomingMessage; res: ServerResponse }
          seen.push(owner, req.headers['x-own'], typeof res.end)
          return async () => 'done'
        },
      },
      (app, handler) => {
        app.use(express.json(), (req, _res, next) => {
          if (req.headers.authorization === 'Bearer ann') Object.assign(req, { user: 'ann' })
          next()
        })
        app.use(handler)
      },
    )
    const post = (headers: Record<string, string>) =>
      fetch(`${origin}/api/v1/dialogues/generate/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{"prompt":"x"}',
      })
    expect((await post({})).status).toBe(401)
    expect((await post({ authorization: 'Bearer ann', 'x-own': 'yes' })).status).toBe(201)
    expect(seen).toEqual(['ann', 'yes', 'function'])
  })

  it('SSE-16: a body above the limit of the handler is 413 although a parser has read it', async () => {
    const { origin } = await behindExpress({ maxBodyBytes: 100 }, (app, handler) => {
      app.use(express.json(), handler)
    })
    const ann = overSockets({ url: `${origin}/api/v1/dialogues/generate` })
    expect((await ann.create({}, { prompt: 'x'.repeat(200) })).status).toBe(413)
    expect((await ann.create({}, { prompt: 'x' })).status).toBe(201)
  })

  it('SSE-07: a client that closes its socket after the body was parsed is seen to leave', async () => {
    const { manager, origin } = await behindExpress({ start: echoPrompt }, (app, handler) => {
      app.use(express.json(), handler)
    })
    const ann = overSockets({ url: `${origin}/api/v1/dialogues/generate` })
    const id = await ann.createdId()
    const leaving = new AbortController()
    const stream = new OpenStream(await ann.stream(id, '', { signal: leaving.signal }))
    await stream.readUntil((received) => textOf(received) !== '')
    leaving.abort()
    await until(() => manager.stats().viewers === 0)
    expect((await manager.get(id))?.status).toBe('running')
  })

  it('SEC-05: a Host header that makes no URL is 400, without a stack', async () => {
    const server = await served()
    const { hostname, port } = new URL(server.origin)
    for (const host of ['a b', 'x:y:z', '%', '[']) {
      const socket = connect(Number(port), hostname)
      const received = new Promise<string>((resolve) => {
        let text = ''
        socket.on('data', (bytes) => {
          text += bytes
        })
        socket.on('close', () => resolve(text))
      })
      socket.write(`GET /api/v1/dialogues/generate/jobs/x HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
      const answer = await received
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(answer).not.toMatch(/at .*\.js|TypeError/)
    }
  })

  it('LEAK-04: 300 streams opened and left at once leave no viewer, no reader and no listener', async () => {
    const server = await served({ start: echoPrompt })
    const ann = overSockets(server)
    const id = await ann.createdId()
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const leaving = new AbortController()
        const opening = ann.stream(id, '', { signal: leaving.signal }).then((response) => response.text())
        if (index % 3 > 0) await new Promise((resolve) => setImmediate(resolve))
        if (index % 3 > 1) await ann.status(id)
        leaving.abort()
        await opening.catch(() => undefined)
      }),
    )
    await until(() => server.manager.stats().viewers === 0)
    await server.manager.cancel(id)
  })

  it('answers two requests of one connection one after the other, also after a body nobody read', async () => {
    const server = await served()
    const { hostname, port } = new URL(server.origin)
    const socket = connect(Number(port), hostname)
    let text = ''
    const both = new Promise<void>((resolve) => {
      socket.on('data', (bytes) => {
        text += bytes
        if (text.match(/HTTP\/1\.1 401/g)?.length === 2) resolve()
      })
    })
    const body = '{"prompt":"x"}'
    const post = `POST /api/v1/dialogues/generate/jobs HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    socket.write(post + post)
    await both
    socket.destroy()
  })

  it('serves HEAD, OPTIONS and odd methods without falling over', async () => {
    const server = await served()
    const { port } = new URL(server.origin)
    for (const method of ['HEAD', 'OPTIONS', 'PATCH', 'TRACE']) {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        httpRequest({ port, method, path: '/api/v1/dialogues/generate/jobs' }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode))
        })
          .on('error', reject)
          .end()
      })
      expect([400, 405]).toContain(status)
    }
  })

  it('a handler around ours may set headers, or make a response of its own of the body', async () => {
    const { manager, handler } = handled({ start: echoPrompt })
    const wrap = toNodeHandler(async (request, context) => {
      const response = await handler(request, context)
      response.headers.set('x-own', 'yes')
      return request.headers.has('x-anew') ? new Response(response.body, response) : response
    })
    const server = createServer((req, res) => {
      res.setHeader('x-before', 'too')
      void wrap(req, res)
    })
    const origin = await listen(server)
    const ann = overSockets({ url: `${origin}/api/v1/dialogues/generate` })
    const id = await ann.createdId()
    for (const headers of [{}, { 'x-anew': 'yes' }]) {
      const response = await ann.stream(id, '', { headers })
      expect(response.headers.get('x-own')).toBe('yes')
      expect(response.headers.get('x-before')).toBe('too')
      expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
      const stream = new OpenStream(response)
      await stream.readUntil((received) => textOf(received) === 'a dragon')
      await stream.close()
      await until(() => manager.stats().viewers === 0)
    }
    await manager.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it('SSE-13: serves a stream over HTTP/2, too, and sees the client leave', async () => {
    const { manager, handler } = handled({ start: echoPrompt })
    const node = toNodeHandler(handler)
    const server = createHttp2Server((req, res) => {
      // Written for node:http, it takes what looks like it, as frameworks do.
      void node(req as unknown as IncomingMessage, res as unknown as ServerResponse)
    })
    const origin = await listen(server as unknown as Server)
    const ann = direct({ handler })
    const session = connectHttp2(origin)
    const stream = session.request({
      ':path': `/api/v1/dialogues/generate/jobs/${await ann.createdId()}/stream`,
      'x-user': 'ann',
    })
    let text = ''
    stream.setEncoding('utf8')
    stream.on('data', (part: string) => {
      text += part
    })
    await until(() => text.includes('"content":"a dragon"'))
    expect(manager.stats().viewers).toBe(1)
    stream.close()
    await until(() => manager.stats().viewers === 0)
    session.destroy()
    await manager.close()
    await new Promise((resolve) => server.close(resolve))
  })

  it('EVT-10: after writes that took long it rests, and what comes meanwhile is one write', async () => {
    const clock = timersClock()
    const steps = range(1, 6).map(() => gate())
    const { manager, handler } = handled({
      clock,
      produce: async (run) => {
        for (const { opened } of steps) {
          await opened
          run.emit('x')
        }
        return untilAborted(run.signal)
      },
    })
    const node = toNodeHandler(handler)
    let writes = 0
    const server = createServer((req, res) => {
      const write = res.write.bind(res)
      res.write = (chunk: string | Uint8Array) => {
        if (req.method === 'GET') {
          writes++
          clock.block(10)
        }
        return write(chunk)
      }
      void node(req, res)
    })
    const ann = overSockets({ url: `${await listen(server)}/api/v1/dialogues/generate` })
    const stream = new OpenStream(await ann.stream(await ann.createdId()))
    await stream.read() // the greeting, which took 10 ms: a rest of 30 ms
    for (const step of steps) {
      step.open()
      await nextTurn()
    }
    expect(writes).toBe(1)
    await clock.advance(29)
    expect(writes).toBe(1)
    await clock.advance(1)
    await stream.readUntil((received) => textOf(received) === 'xxxxxx')
    expect(writes).toBe(2)
    await stream.close()
    await until(() => manager.stats().viewers === 0)
    await manager.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it('SSE-02: the stream has the same bytes over node:http as from the handler', async () => {
    const server = await served()
    const ann = overSockets(server)
    const id = await ann.createdId()
    await server.manager.waitForCompletion(id)
    const fromHandler = await direct(server).stream(id)
    expect(await receiveAll(await ann.stream(id))).toEqual(await receiveAll(fromHandler))
  })
})
