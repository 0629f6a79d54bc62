import { getRequestListener } from '@hono/node-server'
import { pipeUIMessageStreamToResponse, type UIMessageChunk } from 'ai'
import { createSession } from 'better-sse'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { newManager, streamJob } from '../contender/ours.ts'
import { jobStreams } from './ours.ts'
import { frame, type Listener, SSE_HEADERS } from './server.ts'

/** Every request gets a stream of its own from a source of its own. One listener per contender. */
export function ownStreams(source: () => AsyncIterable<string>): Readonly<Record<string, Listener>> {
  const manager = newManager()
  const streamOf = jobStreams(manager)
  return {
    async raw(_req, res) {
      res.writeHead(200, SSE_HEADERS)
      let id = 0
      for await (const chunk of source()) res.write(frame(++id, chunk))
      res.end()
    },
    /** The limit: what is ready within one turn is one write. */
    async coalesced(_req, res) {
      res.writeHead(200, SSE_HEADERS)
      let [id, text] = [0, '']
      const flush = (): void => {
        res.write(text)
        text = ''
      }
      for await (const chunk of source()) {
        if (text === '') setImmediate(flush)
        text += frame(++id, chunk)
      }
      res.end(text)
      text = ''
    },
    async betterSse(req, res) {
      const session = await createSession(req, res, { keepAlive: null })
      for await (const content of source()) session.push({ type: 'chunk', content })
      res.end()
    },
    hono: getRequestListener(
      new Hono().get('*', (c) =>
        streamSSE(c, async (stream) => {
          let id = 0
          for await (const content of source()) {
            await stream.writeSSE({ id: String(++id), data: JSON.stringify({ type: 'chunk', content }) })
          }
        }),
      ).fetch,
    ),
    aiSdk(_req, res) {
      void pipeUIMessageStreamToResponse({ response: res, stream: uiMessages(source()) })
    },
    /** The whole job: registered, pumped, logged, read and written. */
    async ours(req, res) {
      const { jobId } = await streamJob(manager, source(), { owner: 'viewer' })
      await streamOf(jobId, req, res)
    },
  }
}

function uiMessages(source: AsyncIterable<string>): ReadableStream<UIMessageChunk> {
  const iterator = source[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done) controller.close()
      else controller.enqueue({ type: 'text-delta', id: '1', delta: value })
    },
  })
}
