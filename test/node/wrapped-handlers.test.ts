import { createServer, type ServerResponse } from 'node:http'
import { toNodeHandler } from 'generation-jobs/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { overSockets } from '../http/support/calls.js'
import { gate, untilAborted } from '../http/support/gate.js'
import { handled, listen } from '../http/support/generation-server.js'
import { OpenStream, textOf } from '../http/support/sse.js'
import { until } from '../http/support/timers-clock.js'

type Handler = Parameters<typeof toNodeHandler>[0]

/** Our handler on `node:http`, behind what an application puts around it. A job emits one chunk at once, a second one on demand. */
async function wrapped(wrap: (handler: Handler, response: () => ServerResponse | undefined) => Handler) {
  const more = gate()
  const { manager, handler } = handled({
    start: () => async (run) => {
      run.emit('a dragon')
      await more.opened
      run.emit(' flies')
      return untilAborted(run.signal)
    },
  })
  let streaming: ServerResponse | undefined
  const listener = toNodeHandler(wrap(handler, () => streaming))
  const rejections: unknown[] = []
  const server = createServer((req, res) => {
    if (req.url?.includes('/stream')) streaming = res
    listener(req, res).catch((error) => {
      rejections.push(error)
      res.writeHead(500).end()
    })
  })
  const origin = await listen(server)
  const ann = overSockets({ url: `${origin}/api/v1/dialogues/generate` })
  const id = await ann.createdId()
  onTestFinished(async () => {
    await manager.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const left = () => ({ viewers: manager.stats().viewers, subscriptions: manager.stats().subscriptions })
  return { manager, ann, id, more, rejections, left, streaming: () => streaming }
}

const isStream = (request: Request): boolean => request.url.includes('/stream')
const NOTHING = { viewers: 0, subscriptions: 0 }

describe('a handler around ours', () => {
  it('LEAK-04: may answer something else than the stream that it was given: no viewer is left', async () => {
    const { ann, id, left } = await wrapped((handler) => async (request, context) => {
      const response = await handler(request, context)
      return isStream(request) ? new Response('not for you', { status: 403 }) : response
    })
    const response = await ann.stream(id)
    expect([response.status, await response.text()]).toEqual([403, 'not for you'])
    await until(() => left().subscriptions === 0)
    expect(left()).toEqual(NOTHING)
  })

  it('LEAK-04: may fail after it was given a stream: no viewer is left', async () => {
    const { ann, id, left, rejections } = await wrapped((handler) => async (request, context) => {
      const response = await handler(request, context)
      if (isStream(request)) throw new Error('the log of requests is full')
      return response
    })
    expect((await ann.stream(id)).status).toBe(500)
    expect(rejections).toHaveLength(1)
    await until(() => left().subscriptions === 0)
    expect(left()).toEqual(NOTHING)
  })

  it('SSE-13: may clone the stream and read one copy', async () => {
    const copies: Promise<string>[] = []
    const { manager, ann, id, left } = await wrapped((handler) => async (request, context) => {
      const response = await handler(request, context)
      if (isStream(request)) copies.push(response.clone().text())
      return response
    })
    const stream = new OpenStream(await ann.stream(id))
    await stream.readUntil((received) => textOf(received) === 'a dragon')
    await manager.cancel(id)
    expect((await stream.readToEnd()).events.at(-1)?.data.type).toBe('cancelled')
    expect(await copies[0]).toContain('a dragon')
    await until(() => left().subscriptions === 0)
  })

  it('SSE-13: may read the stream as text', async () => {
    const { manager, ann, id } = await wrapped((handler) => async (request, context) => {
      const response = await handler(request, context)
      return isStream(request) ? new Response(`read: ${await response.text()}`) : response
    })
    const reading = ann.stream(id)
    await until(() => manager.stats().viewers === 1)
    await manager.cancel(id)
    const text = await (await reading).text()
    expect(text).toMatch(/^read: /)
    expect(text).toContain('a dragon')
  })
})

describe('a response', () => {
  it('LEAK-04: that the application destroys takes no further write, and leaves no viewer', async () => {
    const { ann, id, more, left, streaming } = await wrapped((handler) => handler)
    const stream = new OpenStream(await ann.stream(id))
    await stream.readUntil((received) => textOf(received) === 'a dragon')
    streaming()?.destroy()
    more.open() // written in this turn, before the response has said that it is closed
    await until(() => left().subscriptions === 0)
    expect(left()).toEqual(NOTHING)
  })
})
