import { createGenerationClient, GenerationClientError, type GenerationClientOptions } from 'generation-jobs/client'
import { describe, expect, it } from 'vitest'
import { rejection, thrownBy } from '../support/caught.ts'
import { clientFixture } from '../support/client-fixture.ts'
import { within } from '../support/within.ts'

const refusal =
  (status: number, code: string, more: object = {}) =>
  () =>
    Response.json({ error: { code, message: `not ${code}`, ...more } }, { status })

describe('start()', () => {
  it('UI-01: goes from idle over starting and running to completed, each state frozen and stable', async () => {
    const { client, server, running, clock, states, phases } = clientFixture()
    expect(client.getState()).toBe(client.getState())
    expect(client.getState()).toMatchObject({ phase: 'idle', text: '', lastSeq: 0, canInterrupt: false })
    await running()
    server
      .job()
      .emit({ type: 'step', step: 'Generating' }, { type: 'chunk', content: 'a' }, { type: 'chunk', content: 'b' })
    await clock.settle()
    expect(client.getState()).toBe(client.getState())
    server.job().emit({ type: 'step', step: 'Validating' }, { type: 'complete', result: 'AB', message: 'fini' })
    await clock.settle()
    expect(phases()).toEqual(['starting', 'running', 'completed'])
    expect(client.getState()).toMatchObject({
      phase: 'completed',
      jobId: 'job-1',
      step: 'Validating',
      steps: ['Generating', 'Validating'],
      text: 'ab',
      result: 'AB',
      message: 'Génération terminée',
      lastSeq: 5,
      canInterrupt: false,
    })
    expect(states.every((state) => Object.isFrozen(state) && Object.isFrozen(state.steps))).toBe(true)
    expect(new Set(states).size).toBe(states.length)
  })

  it('shows what came in one piece with one change', async () => {
    const { server, running, clock, states } = clientFixture()
    await running()
    const before = states.length
    server.job().emit(...Array.from({ length: 500 }, () => ({ type: 'chunk', content: 'x' })))
    await clock.settle()
    expect(states.length).toBe(before + 1)
    expect(states.at(-1)?.text).toHaveLength(500)
  })

  it('sends the parameters as JSON, with the headers of the moment', async () => {
    let token = 0
    const { client, server, clock } = clientFixture({
      headers: async () => ({ authorization: `Bearer ${++token}` }),
    })
    await client.start({ topic: 'owls' })
    await clock.settle()
    const [create, stream] = server.requests
    expect(create?.body).toBe('{"topic":"owls"}')
    expect(create?.headers.get('content-type')).toBe('application/json')
    expect([create, stream].map((one) => one?.headers.get('authorization'))).toEqual(['Bearer 1', 'Bearer 2'])
    expect(stream?.headers.get('accept')).toBe('text/event-stream')
  })

  it('CLI-18: carries an Idempotency-Key, a new one for each start', async () => {
    const { client, server, clock } = clientFixture()
    for (let run = 0; run < 3; run++) {
      await client.start({ topic: 'owls' })
      client.reset()
    }
    await clock.settle()
    const keys = server.requests
      .filter(({ route }) => route === 'create')
      .map((one) => one.headers.get('idempotency-key'))
    expect(new Set(keys).size).toBe(3)
    expect(keys.every((key) => key && key.length >= 16)).toBe(true)
  })

  it.each([
    ['the connection breaks', ['drop', 'drop'] as const],
    ['the answer is lost', ['lost', 'lost', 'lost'] as const],
    ['the server drains', [refusal(503, 'manager.closed'), 'lost'] as const],
  ])('CLI-18: when %s it asks again with the same key and makes one job', async (_name, faults) => {
    const { client, server, clock } = clientFixture()
    server.faults.create.push(...faults)
    await within(clock, 20_000, client.start({ topic: 'owls' }))
    const keys = server.requests
      .filter(({ route }) => route === 'create')
      .map((one) => one.headers.get('idempotency-key'))
    expect(keys).toHaveLength(faults.length + 1)
    expect(new Set(keys).size).toBe(1)
    expect(server.jobs.size).toBe(1)
    expect(client.getState()).toMatchObject({ phase: 'running', jobId: 'job-1' })
  })

  it('CLI-18: a hung create is given up and asked again', async () => {
    const { client, server, clock } = clientFixture()
    server.faults.create.push('hang')
    await within(clock, 40_000, client.start({ topic: 'owls' }))
    expect(server.requests[0]?.signal.aborted).toBe(true)
    expect(client.getState().phase).toBe('running')
  })

  it('fails with client.connection-lost when the server stays away, inside two minutes', async () => {
    const { client, server, clock } = clientFixture()
    server.faults.create.push(...Array.from({ length: 50 }, () => 'hang' as const))
    await within(clock, 120_000, client.start({ topic: 'owls' }))
    expect(client.getState()).toMatchObject({ phase: 'failed', error: { code: 'client.connection-lost' } })
  })

  it.each([
    [400, 'options.invalid', { issues: [{ message: 'too short', path: ['topic'] }] }],
    [401, 'auth.required', {}],
    [409, 'job.conflict', {}],
    [422, 'idempotency.conflict', {}],
    [429, 'capacity.pending', {}],
    [500, 'producer.failed', {}],
  ])('CLI-12: a refusal with %i %s shows as failed with its code, words and issues', async (status, code, more) => {
    const { client, server, phases } = clientFixture()
    server.faults.create.push(refusal(status, code, more))
    await client.start({ topic: 'owls' })
    expect(phases()).toEqual(['starting', 'failed'])
    expect(client.getState()).toMatchObject({
      error: { code, message: `not ${code}`, ...more },
      message: `not ${code}`,
    })
    expect(server.count('create')).toBe(1)
  })

  it.each([
    ['a page', () => new Response('<html>welcome', { status: 200, headers: { 'content-type': 'text/html' } })],
    ['no id', () => Response.json({}, { status: 201 })],
    ['a bare 500', () => new Response(null, { status: 500 })],
  ])('an answer that is not ours (%s) fails with client.unexpected-answer', async (_name, fault) => {
    const { client, server } = clientFixture()
    server.faults.create.push(fault)
    await client.start({ topic: 'owls' })
    expect(client.getState()).toMatchObject({ phase: 'failed', error: { code: 'client.unexpected-answer' } })
  })

  it('refuses misuse, and only that: busy, disposed, parameters that are no JSON', async () => {
    const { client, running, clock, server } = clientFixture()
    await running()
    const state = client.getState()
    for (const call of [client.start({ topic: 'x' }), client.attach('other')]) {
      expect(await rejection(call)).toMatchObject({ code: 'client.busy', name: 'GenerationClientError' })
    }
    expect(client.getState()).toBe(state)
    expect(server.count('create')).toBe(1)
    client.reset()
    const cyclic: { topic: string; self?: unknown } = { topic: 'x' }
    cyclic.self = cyclic
    expect(await rejection(client.start(cyclic))).toBeInstanceOf(TypeError)
    expect(client.getState().phase).toBe('idle')
    expect(await rejection(client.attach(''))).toMatchObject({ code: 'options.invalid' })
    expect(await rejection(client.attach('a', { after: -1 }))).toMatchObject({ code: 'options.invalid' })
    client.dispose()
    for (const call of [client.start({ topic: 'x' }), client.attach('a'), client.interrupt()]) {
      expect(await rejection(call)).toMatchObject({ code: 'client.disposed' })
    }
    await clock.settle()
  })

  it('refuses options that cannot work', () => {
    for (const options of [
      { baseUrl: undefined as unknown as string },
      { baseUrl: '/api', interruptTimeoutMs: 0 },
      { baseUrl: '/api', interruptTimeoutMs: Number.NaN },
      { baseUrl: '/api', silenceTimeoutMs: 2 ** 31 },
      { baseUrl: '/api', locale: 'de' as 'en' },
      { baseUrl: '/api', locale: null as unknown as 'en' },
    ]) {
      const error = thrownBy(() => createGenerationClient(options))
      expect(error).toBeInstanceOf(GenerationClientError)
      expect(error).toMatchObject({ code: 'options.invalid' })
    }
  })

  it('REG-12: refuses an option that it does not know, and names it and those that it knows', async () => {
    const misspelt: object = { baseUrl: '/api', interuptTimeoutMs: 5_000 }
    expect(thrownBy(() => createGenerationClient(misspelt as GenerationClientOptions))).toMatchObject({
      name: 'GenerationClientError',
      code: 'options.invalid',
      message:
        'Expected one of baseUrl, fetch, headers, interruptTimeoutMs, silenceTimeoutMs, locale, clock, onEvent, onWarning, got interuptTimeoutMs',
    })
    const { client } = clientFixture()
    const error = await rejection(client.attach('a', { from: 3 } as object))
    expect(error).toMatchObject({ code: 'options.invalid', message: 'Expected one of after, got from' })
    expect(client.getState().phase).toBe('idle')
  })

  it('speaks English, or the words of the application', async () => {
    const { newClient, clock, client } = clientFixture()
    const english = newClient({ locale: 'en' })
    await english.start({ topic: 'owls' })
    await english.interrupt()
    expect(english.getState().message).toBe('Generation interrupted')
    const own = newClient({ locale: { ...client.messages, interrupted: 'Fini !' } })
    await own.start({ topic: 'owls' })
    await own.interrupt()
    expect(own.getState().message).toBe('Fini !')
    await clock.settle()
  })
})

describe('interrupt() while the create request is in flight', () => {
  it('CLI-03: waits for the id, cancels then, and claims nothing before', async () => {
    const { client, server, clock, phases } = clientFixture()
    let arrive = (): void => {}
    server.faults.create.push(
      () =>
        new Promise((resolve) => {
          arrive = () => resolve(Response.json({ job_id: server.addJob('late').id }, { status: 201 }))
        }),
    )
    const started = client.start({ topic: 'owls' })
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'starting', canInterrupt: true })
    const over = client.interrupt()
    await clock.advance(5_000)
    expect(client.getState()).toMatchObject({ phase: 'interrupting', jobId: undefined })
    expect(server.count('cancel')).toBe(0)
    arrive()
    await within(clock, 0, Promise.all([started, over]))
    expect(client.getState()).toMatchObject({ phase: 'interrupted', jobId: 'late', message: 'Génération interrompue' })
    expect(phases()).toEqual(['starting', 'interrupting', 'interrupted'])
    expect(server.job('late').status).toBe('cancelled')
    expect(server.count('stream')).toBe(0)
  })

  it('CLI-03: a lost answer is found again by its key and cancelled', async () => {
    const { client, server, clock } = clientFixture()
    server.faults.create.push('lost', 'lost')
    const started = client.start({ topic: 'owls' })
    const over = client.interrupt()
    await within(clock, 9_000, Promise.all([started, over]))
    expect(server.jobs.size).toBe(1)
    expect(server.job().status).toBe('cancelled')
    expect(client.getState()).toMatchObject({ phase: 'interrupted', message: 'Génération interrompue', forced: false })
  })

  it('CLI-03: is forced at the limit, and the job is cancelled when it shows up after that', async () => {
    const { client, server, clock } = clientFixture()
    let arrive = (): void => {}
    server.faults.create.push(
      () =>
        new Promise((resolve) => {
          arrive = () => resolve(Response.json({ job_id: server.addJob('orphan').id }, { status: 201 }))
        }),
    )
    const started = client.start({ topic: 'owls' })
    const over = client.interrupt()
    await within(clock, 10_000, Promise.all([started, over]))
    expect(client.getState()).toMatchObject({ phase: 'interrupted', forced: true, message: 'Interruption terminée' })
    const ended = client.getState()
    await clock.advance(10_000)
    arrive()
    await clock.settle()
    expect(server.job('orphan').status).toBe('cancelled')
    expect(client.getState()).toBe(ended)
  })

  it('CLI-03: a create that hangs past the limit is asked again by its key, and the job is cancelled', async () => {
    const { client, server, clock } = clientFixture()
    server.faults.create.push('hang')
    void client.start({ topic: 'owls' })
    await within(clock, 10_000, client.interrupt())
    expect(server.count('create')).toBe(1)
    await clock.advance(60_000)
    expect(server.count('create')).toBe(2)
    expect(server.job().status).toBe('cancelled')
  })

  it('CLI-03: a refused create shows why; there is no job to interrupt', async () => {
    const { client, server, clock } = clientFixture()
    server.faults.create.push(refusal(429, 'capacity.pending'))
    const started = client.start({ topic: 'owls' })
    const over = client.interrupt()
    await within(clock, 0, Promise.all([started, over]))
    expect(client.getState()).toMatchObject({ phase: 'failed', error: { code: 'capacity.pending' } })
    expect(server.count('cancel')).toBe(0)
  })

  it('CLI-03: a new run started after the forced end has its own job, and only the old one is cancelled', async () => {
    const { client, server, clock } = clientFixture()
    server.faults.create.push('hang')
    void client.start({ topic: 'old' })
    await within(clock, 10_000, client.interrupt())
    await client.start({ topic: 'new' })
    const newJob = client.getState().jobId
    await clock.advance(120_000)
    const statuses = [...server.jobs.values()].map(({ id, status }) => [id === newJob, status])
    expect(statuses).toEqual([
      [true, 'running'],
      [false, 'cancelled'],
    ])
    expect(client.getState()).toMatchObject({ phase: 'running', jobId: newJob })
  })
})
