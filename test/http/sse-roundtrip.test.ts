import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import type { JsonObject } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { direct } from './support/calls.js'
import { handled } from './support/generation-server.js'
import { parseSse, type Received, receiveAll, textOf } from './support/sse.js'

const NASTY = [
  '\r',
  '\n',
  '\r\n',
  '\n\n',
  '\uFEFF',
  '\u0000',
  '🐉',
  '\uD83D',
  '\uDC09',
  '\u2028',
  '\u2029',
  'data: x',
  'id: 9',
  ':',
]
const text = fc
  .array(fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'binary' })), { maxLength: 8 })
  .map((parts) => parts.join(''))

/** The stream of a job that emits these texts, as the bytes of its response. */
async function streamed(texts: readonly string[], more: JsonObject = {}): Promise<Uint8Array> {
  const server = handled({
    produce: async (run) => {
      for (const content of texts) run.emit(content)
      run.emit({ type: 'data', name: 'more', data: more })
    },
  })
  const ann = direct(server)
  const id = await ann.createdId()
  await server.manager.waitForCompletion(id)
  return new Uint8Array(await (await ann.stream(id)).arrayBuffer())
}

describe('encoding', () => {
  it('SSE-03: any text, with line ends, BOM, NUL, emoji and lone surrogates, comes back equal', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 5 }),
        fc.dictionary(text, text),
        async (texts, more) => {
          const { events } = parseSse(new TextDecoder().decode(await streamed(texts, more)))
          expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1))
          const nonEmpty = texts // an empty chunk is an event, too
          expect(events.slice(0, nonEmpty.length).map(({ data }) => data.content)).toEqual(nonEmpty)
          expect(events.at(-2)?.data).toEqual({ type: 'data', name: 'more', data: more })
        },
      ),
      { numRuns: 100 },
    )
  })

  it('SSE-03: the bytes may be cut anywhere, within a character too', async () => {
    const bytes = await streamed(['né', '🐉\r\n', '\uFEFFx'])
    const whole = parseSse(new TextDecoder().decode(bytes)).events
    for (let cut = 0; cut <= bytes.length; cut++) {
      const events: Received[] = []
      const parser = createParser({
        onEvent: ({ id, data }) => events.push({ id: Number(id), data: JSON.parse(data) }),
      })
      const decoder = new TextDecoder()
      parser.feed(decoder.decode(bytes.subarray(0, cut), { stream: true }))
      parser.feed(decoder.decode(bytes.subarray(cut)))
      expect(events).toEqual(whole)
    }
  })

  it('SEC-05: no name, message or text of a producer begins a field of its own', async () => {
    const evil = '\n\nid: 999\nevent: cancelled\ndata: {"type":"cancelled"}\n\n'
    const server = handled({
      produce: async (run) => {
        run.emit(evil)
        run.emit({ type: 'data', name: 'x', data: { [evil]: evil } })
        throw new Error(evil)
      },
      managerOptions: { describeError: () => ({ code: 'app.evil', message: evil }) },
    })
    const ann = direct(server)
    const received = await receiveAll(await ann.stream(await ann.createdId()))
    expect(received.events.map(({ id, data }) => [id, data.type])).toEqual([
      [1, 'chunk'],
      [2, 'data'],
      [3, 'error'],
    ])
    expect(textOf(received)).toBe(evil)
    expect(received.events.at(-1)?.data.message).toBe(evil)
  })
})
