import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { overSockets } from './support/calls.js'
import { ABOUT, FRAMEWORKS, type RunningExample, startExample, stop, storyOf } from './support/framework-examples.js'
import { untilAborted } from './support/gate.js'
import { idsOf, OpenStream, range, receiveAll, textOf } from './support/sse.js'
import { until } from './support/timers-clock.js'

describe.each(FRAMEWORKS)('the example for %s', (name) => {
  let running: RunningExample

  beforeAll(async () => {
    running = await startExample(name)
  }, 60_000) // Express, Fastify and Nest are loaded here

  afterAll(async () => {
    await stop(running)
    expect(running.manager.stats()).toMatchObject({ viewers: 0, subscriptions: 0, jobs: { running: 0, cancelling: 0 } })
  })

  it('SSE-01: SSE-02: creates a job and streams it to its end; what is saved is the whole story', async () => {
    const ann = overSockets(running)
    const { status, body } = await ann.create({}, ABOUT)
    expect(status).toBe(201)
    const response = await ann.stream(String(body.job_id))
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const received = await receiveAll(response)
    expect(textOf(received)).toMatch(/^Once upon a time there was a dragon\. .* ever found out why\. $/)
    expect(idsOf(received)).toEqual(range(1, received.events.length))
    expect(received.events.at(-1)?.data).toMatchObject({ type: 'complete' })
    expect(await storyOf(String(body.job_id))).toBe(textOf(received))
    expect((await ann.stream(String(body.job_id), `?after=${received.events.length}`)).status).toBe(204)
  })

  it('SSE-09: cancels in mid-stream; nothing is saved', async () => {
    const ann = overSockets(running)
    const id = await ann.createdId(ABOUT)
    const stream = new OpenStream(await ann.stream(id))
    await stream.readUntil((received) => textOf(received).length > 20)
    const { body } = await ann.cancel(id)
    expect(body).toMatchObject({
      outcome: 'cancelled',
      status: 'cancelled',
      forced: false,
      message: 'Génération interrompue',
    })
    expect((await stream.readToEnd()).events.at(-1)?.data).toMatchObject({ type: 'cancelled', kind: 'user' })
    expect(await storyOf(id)).toBeUndefined()
  })

  it('SSE-10: SSE-16: asks who it is, hides the jobs of others, reads bodies within its limits', async () => {
    const { url, manager } = running
    const ann = overSockets({ url })
    const id = await ann.createdId(ABOUT)
    const bob = overSockets({ url }, 'bob')
    expect((await overSockets({ url }, null).create({}, ABOUT)).status).toBe(401)
    expect((await bob.cancel(id)).status).toBe(404)
    expect((await bob.status(id)).status).toBe(404)
    expect((await ann.create({}, { about: 7 })).status).toBe(400)
    expect((await ann.create({}, '{"about":')).status).toBe(400)
    expect((await ann.create({}, { about: 'x'.repeat(2_000_000) })).status).toBe(413)
    expect((await ann.cancel(id, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await manager.get(id))?.status).toBe('running')
    expect((await ann.cancel(id)).body.outcome).toBe('cancelled')
  })

  it('SSE-07: EVT-09: a disconnect in mid-stream reaches the disconnect policy of the job', async () => {
    const { url, manager } = running
    const ann = overSockets({ url })
    const job = await manager.register(
      async (run) => {
        run.emit('first')
        return untilAborted(run.signal)
      },
      { owner: 'ann', onDisconnect: 'cancel', disconnectGraceMs: 500 },
    )
    const leaving = new AbortController()
    const stream = new OpenStream(await ann.stream(job.jobId, '', { signal: leaving.signal }))
    await stream.readUntil((received) => textOf(received) === 'first')
    expect(manager.stats().viewers).toBe(1)
    leaving.abort()
    await until(() => manager.stats().viewers === 0)
    expect(await job.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'disconnect' } })
  })
})
