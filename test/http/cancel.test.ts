import { describe, expect, it } from 'vitest'
import { direct, overSockets } from './support/calls.js'
import { gate, untilAborted } from './support/gate.js'
import { handled, served } from './support/generation-server.js'
import { OpenStream, receiveAll, textOf } from './support/sse.js'

describe('cancel', () => {
  it('SSE-09: SSE-15: of a running stream: 200 with what came of it, the stream has the terminal event, nothing says by whom', async () => {
    const server = await served({
      produce: async (run) => {
        run.emit('Once upon')
        return untilAborted(run.signal)
      },
    })
    const ann = overSockets(server)
    const id = await ann.createdId()
    const stream = new OpenStream(await ann.stream(id))
    await stream.readUntil((received) => textOf(received) === 'Once upon')
    const { status, body } = await ann.cancel(id)
    expect(status).toBe(200)
    expect(body).toEqual({
      job_id: id,
      outcome: 'cancelled',
      status: 'cancelled',
      kind: 'user',
      forced: false,
      cleanup: 'clean',
      message: 'Génération interrompue',
      cancel_ms: expect.any(Number),
    })
    const { events } = await stream.readToEnd()
    expect(events.map(({ data }) => data.type)).toEqual(['chunk', 'cancelling', 'cancelled'])
    expect((await server.manager.get(id))?.cancel?.reason.by).toBe('ann')
    const again = await ann.status(id)
    expect(JSON.stringify([again.body, (await receiveAll(await ann.stream(id))).events])).not.toContain('"ann"')
  })

  it('SSE-09: CAN-08: of a settled job: already-settled, and what really is the case', async () => {
    const server = handled({
      start: ({ prompt }) => {
        if (prompt === 'wait') return (run) => untilAborted(run.signal)
        return async () => {
          if (prompt === 'fail') throw new Error('no')
        }
      },
    })
    const ann = direct(server)
    const answers = []
    for (const prompt of ['succeed', 'fail', 'wait']) {
      const id = await ann.createdId({ prompt })
      if (prompt === 'wait') await ann.cancel(id)
      await server.manager.waitForCompletion(id)
      const { status, body } = await ann.cancel(id)
      answers.push([status, body.outcome, body.status, body.message])
    }
    expect(answers).toEqual([
      [200, 'already-settled', 'completed', 'La génération était déjà terminée'],
      [200, 'already-settled', 'failed', 'La génération avait déjà échoué'],
      [200, 'already-settled', 'cancelled', 'La génération était déjà annulée'],
    ])
  })

  it('SSE-09: CVC-03: after the commit began: too-late', async () => {
    const saving = gate()
    const saved = gate()
    const server = handled({
      produce: async (run) =>
        run.commit(async () => {
          saving.open()
          await saved.opened
        }),
    })
    const ann = direct(server)
    const id = await ann.createdId()
    await saving.opened
    const cancelling = ann.cancel(id)
    saved.open()
    const { status, body } = await cancelling
    expect([status, body.outcome, body.status]).toEqual([200, 'too-late', 'completed'])
    expect(body.message).toBe("Trop tard pour interrompre : le résultat est en cours d'enregistrement")
  })

  it('SSE-09: not settled within the limit: 202 requested', async () => {
    const stubborn = gate()
    const server = handled({
      produce: () => stubborn.opened,
      managerOptions: { gracePeriodMs: 60_000, cancelTimeoutMs: 60_030, storeTimeoutMs: 10 },
    })
    const { manager } = server
    // The caller's own limit stands in for minutes of waiting.
    const impatient = Object.assign(Object.create(manager), {
      get: manager.get.bind(manager),
      cancel: (id: string) => manager.cancel(id, { timeoutMs: 1 }),
    }) as typeof manager
    const ann = direct(server)
    const id = await ann.createdId()
    const { status, body } = await direct(handled({ manager: impatient })).cancel(id)
    expect([status, body.outcome, body.status]).toEqual([202, 'requested', 'cancelling'])
    expect(body.message).toBe('Interruption demandée, la génération se termine')
    stubborn.open()
    await manager.close()
  })

  it('CAN-09: a hundred cancels at once are all answered, with one end', async () => {
    const server = await served({ produce: (run) => untilAborted(run.signal) })
    const ann = overSockets(server)
    const id = await ann.createdId()
    const answers = await Promise.all(Array.from({ length: 100 }, () => ann.cancel(id)))
    expect(answers.filter(({ status, body }) => status !== 200 || body.status !== 'cancelled')).toEqual([])
    expect(answers.map(({ body }) => body.outcome)).toContain('cancelled')
    const { events } = await receiveAll(await ann.stream(id))
    expect(events.map(({ data }) => data.type)).toEqual(['cancelling', 'cancelled'])
  })

  it('SSE-08: settles in time although its viewer has stopped reading', async () => {
    const server = await served({
      produce: async (run) => {
        for (let count = 0; count < 100; count++) run.emit('x'.repeat(20_000))
        return untilAborted(run.signal)
      },
    })
    const ann = overSockets(server)
    const id = await ann.createdId()
    const stream = new OpenStream(await ann.stream(id))
    await stream.read()
    const { body } = await ann.cancel(id)
    expect(body).toMatchObject({ outcome: 'cancelled', forced: false })
    const { events } = await stream.readToEnd()
    expect(events.at(-1)?.data.type).toBe('cancelled')
  })
})

describe('status', () => {
  it('SSE-12: shows status, step, ISO times, and the result or the error where there is one', async () => {
    const opened = gate()
    const server = await served({
      produce: async (run) => {
        run.step('Generating')
        await opened.opened
        return { title: 'x' }
      },
    })
    const ann = overSockets(server)
    const id = await ann.createdId()
    const running = await ann.status(id)
    const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(running.body).toEqual({
      job_id: id,
      status: 'running',
      step: 'Generating',
      created_at: iso,
      updated_at: iso,
    })
    opened.open()
    await server.manager.waitForCompletion(id)
    expect((await ann.status(id)).body).toEqual({
      job_id: id,
      status: 'completed',
      step: 'Generating',
      created_at: iso,
      updated_at: iso,
      result: { title: 'x' },
      message: 'Génération terminée',
    })
  })

  it('SSE-12: SSE-15: a cancelled job says its kind, whether it was forced, and the same words as its stream', async () => {
    const server = handled({ produce: (run) => untilAborted(run.signal) })
    const ann = direct(server)
    const id = await ann.createdId()
    await server.manager.cancel(id, { kind: 'replaced', by: 'somebody' })
    const { body } = await ann.status(id)
    expect(body).toMatchObject({ status: 'cancelled', kind: 'replaced', forced: false, step: null })
    const { events } = await receiveAll(await ann.stream(id))
    expect(body.message).toBe(events.at(-1)?.data.message)
    expect(JSON.stringify(body)).not.toContain('somebody')
  })
})
