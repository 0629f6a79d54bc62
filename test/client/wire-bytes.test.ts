import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import fc from 'fast-check'
import { createGenerationClient } from 'generation-jobs/client'
import { createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { frame, streamResponse, type WireBody } from '../support/faulty-job-server.ts'

const encoder = new TextEncoder()
const TEXTS = ['Il était une fois ', 'é', '🦉', '\r\n\n', '\u2028', '"}\n\ndata: x', '\u0000', '\ufeff']

const bytesOf = (log: readonly WireBody[], after = 0) =>
  encoder.encode(
    `retry: 10\n\n:\n\n${log
      .slice(after)
      .map((body, index) => frame(after + index + 1, body))
      .join('')}`,
  )

const logOf = (texts: readonly string[]): WireBody[] => [
  ...texts.map((content) => ({ type: 'chunk', content })),
  { type: 'complete', result: texts.length },
]

/** The end of a client whose stream delivers these pieces, one connection for each list. */
async function follow(connections: (after: number) => readonly Uint8Array[], attempts = 1) {
  const clock = createVirtualClock()
  let opened = 0
  const client = createGenerationClient({
    baseUrl: '/api',
    clock,
    fetch: async (url) => {
      opened++
      const after = Number(new URL(url, 'http://x').searchParams.get('after') ?? 0)
      const pieces = connections(after)
      return streamResponse(
        new ReadableStream({
          start(controller) {
            for (const piece of pieces) controller.enqueue(piece)
            controller.close()
          },
        }),
      )
    },
  })
  await client.attach('job')
  await clock.settle()
  for (let attempt = 1; attempt < attempts; attempt++) await clock.advance(20_000)
  const state = client.getState()
  client.dispose()
  expect(clock.timers()).toEqual([])
  return { state, opened }
}

describe('bytes of a stream', { timeout: 60_000 }, () => {
  it('CLI-09: may be cut at every position, into two pieces of one connection', async () => {
    const log = logOf(TEXTS)
    const bytes = bytesOf(log)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { state } = await follow(() => [bytes.slice(0, cut), bytes.slice(cut)])
      expect(state, `cut at ${cut}`).toMatchObject({ phase: 'completed', text: TEXTS.join(''), result: TEXTS.length })
    }
  })

  it('CLI-09: may end at every position of one connection and go on in the next', async () => {
    const log = logOf(TEXTS.slice(0, 4))
    const bytes = bytesOf(log)
    for (let cut = 0; cut < bytes.length; cut++) {
      let first = true
      const { state, opened } = await follow((after) => {
        if (!first) return [bytesOf(log, after)]
        first = false
        return [bytes.slice(0, cut)]
      }, 2)
      expect(state, `cut at ${cut}`).toMatchObject({ phase: 'completed', text: TEXTS.slice(0, 4).join('') })
      expect(opened).toBe(2)
    }
  })

  it('CLI-09: any texts, in any pieces, over any number of connections, give the same text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { maxLength: 12 }),
        fc.array(fc.nat({ max: 400 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 60 }),
        async (texts, lengths, pieceSize) => {
          const log = logOf(texts)
          let connection = 0
          const { state } = await follow((after) => {
            const bytes = bytesOf(log, after)
            const length = lengths[connection++] ?? bytes.length
            const pieces: Uint8Array[] = []
            for (let at = 0; at < Math.min(length, bytes.length); at += pieceSize) {
              pieces.push(bytes.slice(at, Math.min(at + pieceSize, length)))
            }
            return pieces
          }, lengths.length + 2)
          expect(state).toMatchObject({ phase: 'completed', text: texts.join(''), result: texts.length })
        },
      ),
      { numRuns: 30 },
    )
  })

  it('a frame that never ends does not grow without bound', async () => {
    const piece = encoder.encode('x'.repeat(1024 * 1024))
    const { state, opened } = await follow(
      () => [encoder.encode('id: 1\ndata: '), ...Array.from({ length: 20 }, () => piece)],
      2,
    )
    expect(opened).toBeGreaterThan(1)
    expect(state.text).toBe('')
  })
})

describe('over real sockets', { timeout: 30_000 }, () => {
  it('CLI-09: a socket that is reset after every number of bytes loses and repeats nothing', async () => {
    const texts = Array.from({ length: 12 }, (_, index) => `${index}🦉 `)
    const log = logOf(texts)
    const sockets = new Set<Socket>()
    let length = 1
    const server = createServer((req, res) => {
      const after = Number(new URL(req.url ?? '', 'http://x').searchParams.get('after') ?? 0)
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      const bytes = bytesOf(log, after)
      length += 37
      const part = bytes.slice(0, length)
      res.write(part, () => (part.length < bytes.length ? res.socket?.resetAndDestroy() : res.end()))
    })
    server.on('connection', (socket) => sockets.add(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = createGenerationClient({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
    const seen: number[] = []
    const ended = new Promise<void>((resolve) => {
      client.subscribe(({ phase, lastSeq }) => {
        seen.push(lastSeq)
        if (phase === 'completed' || phase === 'failed') resolve()
      })
    })
    await client.attach('job')
    await ended
    expect(client.getState()).toMatchObject({ phase: 'completed', text: texts.join('') })
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(sockets.size).toBeGreaterThan(2)
    await new Promise((resolve) => server.close(resolve))
    expect([...sockets].filter((socket) => !socket.destroyed)).toEqual([])
  })
})
