import type { Producer } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { direct, overSockets } from './support/calls.js'
import { gate } from './support/gate.js'
import { handled, served } from './support/generation-server.js'
import { idsOf, OpenStream, range, receiveAll, textOf } from './support/sse.js'

const EVENTS = 1_000
/** The terminal event is the last of them. */
const CHUNKS = range(1, EVENTS - 1)
const whole = (after: number) =>
  CHUNKS.slice(after)
    .map((number) => `${number};`)
    .join('')

const thousand: Producer<unknown> = async (run) => {
  for (const number of CHUNKS) run.emit(`${number};`)
}

describe('reconnect', () => {
  it('EVT-02: G10: at every cursor of 1,000 events nothing is missing and nothing comes twice', async () => {
    const server = handled({ produce: thousand })
    const ann = direct(server)
    const id = await ann.createdId()
    await server.manager.waitForCompletion(id)
    for (const after of range(0, EVENTS - 1)) {
      const received = await receiveAll(await ann.stream(id, `?after=${after}`))
      expect(idsOf(received)).toEqual(range(after + 1, EVENTS))
      expect(textOf(received)).toBe(whole(after))
    }
    expect((await ann.stream(id, `?after=${EVENTS}`)).status).toBe(204)
    expect(server.manager.stats().subscriptions).toBe(0)
  })

  it('EVT-02: over sockets, by Last-Event-ID, at a sample of cursors, all at once', async () => {
    const server = await served({ produce: thousand })
    const ann = overSockets(server)
    const id = await ann.createdId()
    await server.manager.waitForCompletion(id)
    await Promise.all(
      [0, 1, 2, 255, 256, 257, 511, 512, 513, 998, 999].map(async (after) => {
        const received = await receiveAll(await ann.stream(id, '', { headers: { 'last-event-id': String(after) } }))
        expect(idsOf(received)).toEqual(range(after + 1, EVENTS))
      }),
    )
  })

  it('EVT-02: EVT-05: across the seam of replay and live, a reader that leaves after each read loses nothing', async () => {
    const steps = Array.from({ length: 40 }, () => gate())
    const server = await served({
      produce: async (run) => {
        for (const [index, { opened }] of steps.entries()) {
          await opened
          for (const number of range(1, 25)) run.emit(`${index * 25 + number};`)
        }
      },
    })
    const ann = overSockets(server)
    const id = await ann.createdId()
    const ids: number[] = []
    for (const step of steps) {
      const stream = new OpenStream(await ann.stream(id, `?after=${ids.length}`))
      step.open()
      ids.push(...idsOf(await stream.readUntil(({ events }) => events.length > 0)))
      await stream.close()
    }
    const rest = await ann.stream(id, `?after=${ids.length}`)
    if (rest.status === 200) ids.push(...idsOf(await receiveAll(rest)))
    expect(ids).toEqual(range(1, 1_001))
    expect(server.manager.stats().jobs.cancelled).toBe(0)
  })
})
