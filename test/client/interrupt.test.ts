import { describe, expect, it } from 'vitest'
import { clientFixture } from '../support/client-fixture.ts'
import { faultyJobServer } from '../support/faulty-job-server.ts'
import { within } from '../support/within.ts'

const answer =
  (body: object, status = 200) =>
  () =>
    Response.json({ job_id: 'job-1', ...body }, { status })

describe('interrupt()', () => {
  it('CLI-01: shows "Interruption en cours..." in the same tick and posts one cancel', async () => {
    const { client, server, running, clock } = clientFixture()
    await running('Il était')
    const over = client.interrupt()
    expect(client.getState()).toMatchObject({
      phase: 'interrupting',
      message: 'Interruption en cours...',
      isInterrupting: true,
      canInterrupt: false,
      text: 'Il était',
    })
    await clock.settle()
    await over
    expect(server.count('cancel')).toBe(1)
    expect(client.getState()).toMatchObject({
      phase: 'interrupted',
      message: 'Génération interrompue',
      forced: false,
      isInterrupting: false,
      canInterrupt: false,
      text: 'Il était',
    })
    expect(server.job().openStreams()).toBe(0)
  })

  it('CLI-02: acts on an attached job as on an own one', async () => {
    const { client, server, clock } = clientFixture()
    server.addJob('elsewhere', [{ type: 'chunk', content: 'a' }])
    await client.attach('elsewhere')
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'running', jobId: 'elsewhere', text: 'a', canInterrupt: true })
    await client.interrupt()
    expect(server.requests.at(-1)?.url.pathname).toBe('/api/jobs/elsewhere/cancel')
    expect(client.getState()).toMatchObject({ phase: 'interrupted', message: 'Génération interrompue' })
  })

  it('CLI-04: ends a hung cancel by force at the limit, aborts the post and clears its timer', async () => {
    const { client, server, running, clock } = clientFixture({ interruptTimeoutMs: 4_000 })
    await running('a')
    server.faults.cancel.push('hang', answer({ outcome: 'cancelled', status: 'cancelled', kind: 'user' }))
    const over = client.interrupt()
    await clock.advance(3_999)
    expect(client.getState().phase).toBe('interrupting')
    await within(clock, 1, over)
    expect(client.getState()).toMatchObject({
      phase: 'interrupted',
      message: 'Interruption terminée',
      forced: true,
      text: 'a',
    })
    const [hung] = server.requests.filter(({ route }) => route === 'cancel')
    expect(hung?.signal.aborted).toBe(true)
    expect(server.job().openStreams()).toBe(0)
  })

  it('CLI-04: is bounded also when fetch ignores its signal', async () => {
    const server = faultyJobServer()
    const deaf = (url: string, init?: RequestInit) => server.fetch(url, { ...init, signal: null })
    const { client, clock } = clientFixture({ fetch: deaf })
    await client.start({ topic: 'owls' })
    server.faults.cancel.push('hang')
    await within(clock, 10_000, client.interrupt())
    expect(client.getState()).toMatchObject({ phase: 'interrupted', forced: true })
    await clock.advance(10_000)
  })

  it.each([
    ['500', answer({ error: { code: 'x' } }, 500)],
    ['a page of a proxy', () => new Response('<html>', { status: 200 })],
    ['401', answer({ error: { code: 'auth' } }, 401)],
    ['a lost connection', 'drop' as const],
    ['a lost answer', 'lost' as const],
  ])('CLI-05: after %s it asks again and believes only what the server says', async (_name, fault) => {
    const { client, server, running, clock } = clientFixture()
    await running()
    server.faults.cancel.push(fault, fault)
    const over = client.interrupt()
    await clock.settle()
    expect(client.getState().phase).toBe('interrupting')
    await within(clock, 9_000, over)
    expect(server.count('cancel')).toBe(3)
    expect(client.getState()).toMatchObject({ phase: 'interrupted', message: 'Génération interrompue' })
  })

  it('CLI-05: a 404 forces at once, claims nothing and asks no more', async () => {
    const { client, server, running, clock } = clientFixture()
    await running()
    server.faults.cancel.push(answer({ error: { code: 'job.not-found' } }, 404))
    await client.interrupt()
    expect(client.getState()).toMatchObject({ phase: 'interrupted', message: 'Interruption terminée', forced: true })
    await clock.advance(300_000)
    expect(server.count('cancel')).toBe(1)
  })

  it('CLI-05: "requested" waits for the terminal event, and is forced without one', async () => {
    const { client, server, running, clock } = clientFixture()
    await running()
    server.faults.cancel.push(answer({ outcome: 'requested', status: 'cancelling' }, 202))
    const over = client.interrupt()
    await clock.advance(9_999)
    expect(client.getState().phase).toBe('interrupting')
    await within(clock, 1, over)
    expect(client.getState()).toMatchObject({ message: 'Interruption terminée', forced: true })
    await clock.advance(300_000)
    expect(server.count('cancel')).toBe(1) // it was answered: nothing is left to ask
  })

  it('CLI-05: "requested", then the cancelled event, is an interruption', async () => {
    const { client, server, running, clock } = clientFixture()
    await running()
    server.faults.cancel.push(answer({ outcome: 'requested', status: 'cancelling' }, 202))
    const over = client.interrupt()
    await clock.settle()
    server.job().emit({ type: 'cancelling', kind: 'user' }, { type: 'cancelled', kind: 'user', forced: false })
    await within(clock, 0, over)
    expect(client.getState()).toMatchObject({ phase: 'interrupted', message: 'Génération interrompue', forced: false })
  })

  it('CLI-06: shows the completion, with its result, when the job had completed', async () => {
    const { client, server, running } = clientFixture()
    await running('all')
    server.job().status = 'completed'
    server.faults.cancel.push(answer({ outcome: 'already-settled', status: 'completed' }))
    await client.interrupt()
    expect(client.getState()).toMatchObject({
      phase: 'completed',
      message: 'Génération terminée',
      result: 'recorded',
      text: 'all',
    })
  })

  it('CLI-06: shows the completion without a result when the record cannot be read', async () => {
    const { client, server, running, clock } = clientFixture()
    await running()
    server.faults.cancel.push(answer({ outcome: 'already-settled', status: 'completed' }))
    server.faults.status.push('hang')
    const over = client.interrupt()
    await within(clock, 10_000, over)
    expect(client.getState()).toMatchObject({ phase: 'completed', result: undefined })
  })

  it('CLI-06: the stream may be faster than the record', async () => {
    const { client, server, running, clock, states } = clientFixture()
    await running('all')
    server.faults.cancel.push(answer({ outcome: 'already-settled', status: 'completed' }))
    server.faults.status.push('hang')
    const over = client.interrupt()
    await clock.settle()
    server.job().emit({ type: 'chunk', content: ' of it' }, { type: 'complete', result: 'streamed' })
    await within(clock, 0, over)
    expect(client.getState()).toMatchObject({ phase: 'completed', result: 'streamed', text: 'all of it' })
    const shown = states.length
    await clock.advance(20_000)
    expect(states.length).toBe(shown)
  })

  it('CLI-06: shows a failure and a foreign cancel for what they are', async () => {
    for (const [status, body, expected] of [
      [
        'failed',
        { status: 'failed', error: { code: 'commit.failed', message: 'Mince' } },
        { phase: 'failed', error: { code: 'commit.failed', message: 'Mince' } },
      ],
      [
        'cancelled',
        { status: 'cancelled', kind: 'deadline' },
        { phase: 'failed', error: { code: 'cancelled.deadline' } },
      ],
      ['cancelled', { status: 'cancelled', kind: 'user' }, { phase: 'interrupted', message: 'Génération interrompue' }],
      ['cancelled', { status: 'cancelled' }, { phase: 'interrupted', message: 'La génération était déjà annulée' }],
    ] as const) {
      const { client, server, running } = clientFixture()
      await running()
      server.faults.cancel.push(answer({ outcome: 'already-settled', status }))
      server.faults.status.push(() => Response.json(body))
      await client.interrupt()
      expect(client.getState()).toMatchObject(expected)
    }
  })

  it('CLI-07: a completion after an accepted interrupt is not applied', async () => {
    const { client, server, running, clock, events } = clientFixture()
    await running()
    server.faults.cancel.push('hang')
    const over = client.interrupt()
    await clock.settle()
    server.job().emit({ type: 'cancelling', kind: 'user' }, { type: 'complete', result: 'half' })
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'interrupting' })
    expect(events.map(({ type }) => type)).not.toContain('complete')
    await within(clock, 10_000, over)
    expect(client.getState()).toMatchObject({ phase: 'interrupted', forced: true })
  })

  it('CLI-07: a completion that comes before any acceptance is the truth', async () => {
    const { client, server, running, clock } = clientFixture()
    await running()
    server.faults.cancel.push('hang')
    const over = client.interrupt()
    await clock.settle()
    server.job().emit({ type: 'complete', result: 'whole' })
    await within(clock, 0, over)
    expect(client.getState()).toMatchObject({ phase: 'completed', result: 'whole' })
    expect(server.requests.find(({ route }) => route === 'cancel')?.signal.aborted).toBe(true)
  })

  it('CLI-07: too late goes back to running with its own message, and follows the stream to the end', async () => {
    const { client, server, running, clock } = clientFixture()
    await running('a')
    server.faults.cancel.push(answer({ outcome: 'too-late', status: 'committing' }))
    await client.interrupt()
    expect(client.getState()).toMatchObject({
      phase: 'running',
      message: "Trop tard pour interrompre : le résultat est en cours d'enregistrement",
      canInterrupt: false,
      isInterrupting: false,
    })
    await client.interrupt() // nothing to interrupt
    expect(server.count('cancel')).toBe(1)
    server.job().emit({ type: 'chunk', content: 'b' })
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'running', text: 'ab', canInterrupt: false })
    expect(client.getState().message).toContain('Trop tard')
    server.job().emit({ type: 'complete', result: 'ab' })
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'completed', message: 'Génération terminée' })
  })

  it('CLI-10: does not connect again when the server closes the stream of an interrupt', async () => {
    for (const close of ['endStreams', 'cutStreams'] as const) {
      const { client, server, running, clock } = clientFixture()
      await running()
      server.faults.cancel.push('hang')
      const over = client.interrupt()
      await clock.settle()
      if (close === 'endStreams') server.job().endStreams()
      else server.job().cutStreams()
      await within(clock, 10_000, over)
      await clock.advance(60_000)
      expect(server.count('stream')).toBe(1)
    }
  })

  it('CLI-10: nor when it was waiting to, unless it was too late', async () => {
    const { client, server, running, clock } = clientFixture()
    await running('a')
    server.job().cutStreams()
    await clock.settle()
    let tooLate = (): void => {}
    server.faults.cancel.push(
      () =>
        new Promise((resolve) => {
          tooLate = () => resolve(Response.json({ outcome: 'too-late', status: 'committing' }))
        }),
    )
    const over = client.interrupt()
    await clock.advance(8_000)
    expect(server.count('stream')).toBe(1)
    tooLate()
    await within(clock, 0, over)
    expect(server.count('stream')).toBe(2)
    server.job().emit({ type: 'complete', result: 'a' })
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'completed', text: 'a' })
  })

  it('CLI-12: tells an interrupt, a lost connection and an error apart', async () => {
    const ends: object[] = []
    for (const end of ['interrupt', 'disconnect', 'error']) {
      const { client, server, running, clock } = clientFixture()
      await running('x')
      if (end === 'interrupt') await client.interrupt()
      if (end === 'error') server.job().emit({ type: 'error', code: 'provider.failed', message: 'Le modèle a échoué' })
      if (end === 'disconnect') {
        server.faults.stream.push(...Array.from({ length: 8 }, () => 'drop' as const))
        server.job().cutStreams()
        await clock.advance(200_000)
      }
      await clock.settle()
      const { phase, error, message } = client.getState()
      ends.push({ phase, code: error?.code, message })
    }
    expect(ends).toEqual([
      { phase: 'interrupted', code: undefined, message: 'Génération interrompue' },
      { phase: 'failed', code: 'client.connection-lost', message: 'La connexion au serveur est perdue' },
      { phase: 'failed', code: 'provider.failed', message: 'Le modèle a échoué' },
    ])
  })

  it.each([
    ['deadline', 'Génération annulée par dépassement du délai'],
    ['idle', 'Génération annulée pour inactivité'],
    ['disconnect', 'Génération annulée après déconnexion'],
    ['shutdown', 'Génération annulée par arrêt du serveur'],
    ['replaced', 'Génération annulée par une nouvelle génération'],
    ['signal', "Génération annulée par l'application"],
    ['lease-lost', 'Génération annulée après perte du bail'],
  ])('CLI-15: a cancel of kind %s is a failure with its own code', async (kind, message) => {
    const { client, server, running, clock } = clientFixture()
    await running('kept')
    server.job().emit({ type: 'cancelling', kind })
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'running', canInterrupt: false })
    server.job().emit({ type: 'cancelled', kind, forced: false, message })
    await clock.settle()
    expect(client.getState()).toMatchObject({
      phase: 'failed',
      error: { code: `cancelled.${kind}`, message },
      text: 'kept',
    })
  })

  it('CLI-15: also when the answer to an interrupt says so', async () => {
    const { client, server, running } = clientFixture()
    await running()
    server.job().kind = 'shutdown'
    await client.interrupt()
    expect(client.getState()).toMatchObject({ phase: 'failed', error: { code: 'cancelled.shutdown' } })
  })

  it('CLI-16: shows the interrupt of another tab, and its end', async () => {
    const { client, server, running, clock, newClient } = clientFixture()
    await running('a')
    const tab = newClient()
    await tab.attach('job-1')
    await clock.settle()
    server.job().emit({ type: 'cancelling', kind: 'user', message: 'Interruption en cours...' })
    await clock.settle()
    for (const one of [client, tab]) {
      expect(one.getState()).toMatchObject({ phase: 'interrupting', message: 'Interruption en cours...', text: 'a' })
    }
    const over = tab.interrupt() // joins, and asks nobody
    server.job().emit({ type: 'cancelled', kind: 'user', forced: true, message: 'Génération interrompue' })
    await within(clock, 0, over)
    for (const one of [client, tab]) {
      expect(one.getState()).toMatchObject({ phase: 'interrupted', message: 'Génération interrompue', forced: false })
    }
    expect(server.count('cancel')).toBe(0)
  })

  it('CLI-16: does not wait for ever for another tab', async () => {
    const { client, server, running, clock } = clientFixture()
    await running()
    server.job().emit({ type: 'cancelling', kind: 'user' })
    await clock.advance(10_000)
    expect(client.getState()).toMatchObject({ phase: 'interrupted', message: 'Interruption terminée', forced: true })
    expect(server.count('cancel')).toBe(0)
  })

  it('CLI-17: ten calls in one tick, and from a listener, post one cancel and end together', async () => {
    const { client, server, running, clock } = clientFixture()
    await running()
    client.subscribe(() => void client.interrupt())
    const calls = Array.from({ length: 10 }, () => client.interrupt())
    await clock.settle()
    await Promise.all(calls)
    expect(server.count('cancel')).toBe(1)
    await client.interrupt()
    expect(server.count('cancel')).toBe(1)
  })

  it('is nothing in idle and after an end', async () => {
    const { client, server } = clientFixture()
    await client.interrupt()
    expect(client.getState().phase).toBe('idle')
    expect(server.requests).toEqual([])
  })
})
