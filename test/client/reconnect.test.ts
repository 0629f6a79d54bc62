import { describe, expect, it } from 'vitest'
import { clientFixture } from '../support/client-fixture.ts'
import { frame, streamResponse } from '../support/faulty-job-server.ts'
import { within } from '../support/within.ts'

const chunk = (content: string) => ({ type: 'chunk', content })
const cursors = (requests: readonly { route: string; url: URL }[]) =>
  requests.filter(({ route }) => route === 'stream').map(({ url }) => url.searchParams.get('after'))

describe('a stream that breaks', () => {
  it.each(['cutStreams', 'endStreams'] as const)(
    'CLI-09: resumes at its cursor after %s, without a gap or a repetition',
    async (how) => {
      const { client, server, running, clock, events } = clientFixture()
      await running('a', 'b')
      if (how === 'cutStreams') server.job().cutStreams()
      else server.job().endStreams()
      server.job().emit(chunk('c'))
      await clock.advance(1_000)
      expect(client.getState()).toMatchObject({ phase: 'running', text: 'abc', lastSeq: 3 })
      server.job().emit({ type: 'complete', result: 'abc' })
      await clock.settle()
      expect(client.getState()).toMatchObject({ phase: 'completed', text: 'abc' })
      expect(cursors(server.requests)).toEqual([null, '2'])
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
    },
  )

  it('CLI-09: a half-open connection is found by its silence, and heartbeats keep one alive', async () => {
    const { client, server, running, clock, warnings } = clientFixture({ silenceTimeoutMs: 20_000 })
    await running('a')
    for (let beat = 0; beat < 10; beat++) {
      await clock.advance(15_000)
      server.job().sendRaw(':\n\n')
    }
    await clock.settle()
    expect(server.count('stream')).toBe(1)
    await clock.advance(21_000)
    expect(server.count('stream')).toBe(2)
    expect(warnings.map(({ code }) => code)).toEqual(['stream.silent'])
    expect(client.getState().phase).toBe('running')
    expect(server.job().openStreams()).toBe(1)
  })

  it('CLI-09: a stream that is never answered counts as silent', async () => {
    const { client, server, clock } = clientFixture()
    server.faults.stream.push('hang')
    await client.start({ topic: 'owls' })
    await clock.advance(40_000)
    expect(server.count('stream')).toBe(2)
    expect(server.requests.find(({ route }) => route === 'stream')?.signal.aborted).toBe(true)
  })

  it('CLI-09: a gap in the numbers is filled from the log', async () => {
    const { client, server, running, clock, warnings, events } = clientFixture()
    await running('a')
    server.job().log.push(chunk('b'))
    server.job().sendRaw(frame(3, chunk('lost b')))
    await clock.advance(1_000)
    server.job().emit(chunk('c'))
    await clock.settle()
    expect(client.getState()).toMatchObject({ text: 'abc', lastSeq: 3 })
    expect(warnings).toEqual([{ code: 'stream.gap', detail: { after: 1, seq: 3 } }])
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3])
  })

  it('CLI-09: an event that came twice is shown once', async () => {
    const { client, server, running, clock } = clientFixture()
    await running('a', 'b')
    server.job().sendRaw(frame(1, chunk('a')) + frame(2, chunk('b')))
    await clock.settle()
    expect(client.getState()).toMatchObject({ text: 'ab', lastSeq: 2 })
  })

  it('CLI-09: attempts without progress are bounded, back off, and end in a typed error that keeps the text', async () => {
    const { client, server, running, clock } = clientFixture()
    await running('kept')
    const times: number[] = []
    server.faults.stream.push(
      ...Array.from({ length: 20 }, () => () => {
        times.push(clock.monotonic())
        return streamResponse(new ReadableStream({ start: (controller) => controller.close() }))
      }),
    )
    server.job().cutStreams()
    await clock.advance(600_000)
    expect(client.getState()).toMatchObject({
      phase: 'failed',
      text: 'kept',
      error: { code: 'client.connection-lost' },
    })
    expect(times).toHaveLength(8)
    const delays = times.map((time, index) => time - (times[index - 1] ?? 0))
    delays.forEach((delay, index) => {
      const full = Math.min(15_000, 1_000 * 2 ** index) // the server asked for a first delay of one second
      expect(delay).toBeGreaterThanOrEqual(full / 2)
      expect(delay).toBeLessThanOrEqual(full)
    })
  })

  it('CLI-09: progress sets the count back', async () => {
    const { client, server, running, clock } = clientFixture()
    await running()
    for (let drop = 0; drop < 30; drop++) {
      server.faults.stream.push('drop', 'drop')
      server.job().cutStreams()
      await clock.advance(10_000)
      server.job().emit(chunk('.'))
      await clock.settle()
    }
    expect(client.getState()).toMatchObject({ phase: 'running', lastSeq: 30 })
  })

  it('CLI-09: a connection that lived and had heartbeats is progress, however quiet the model', async () => {
    const { client, server, running, clock } = clientFixture()
    await running()
    for (let drop = 0; drop < 20; drop++) {
      await clock.advance(15_000)
      server.job().sendRaw(':\n\n')
      await clock.settle()
      server.job().cutStreams()
      await clock.advance(5_000)
    }
    expect(client.getState().phase).toBe('running')
  })

  it.each([500, 502, 503, 429])('CLI-09: a %i for the stream is asked again', async (status) => {
    const { client, server, running, clock } = clientFixture()
    await running('a')
    server.faults.stream.push(() => new Response(null, { status }))
    server.job().cutStreams()
    await clock.advance(5_000)
    expect(client.getState().phase).toBe('running')
    expect(server.job().openStreams()).toBe(1)
  })

  it.each([
    [404, 'job.not-found'],
    [401, 'auth.required'],
    [400, 'options.invalid'],
  ])('CLI-12: a %i for the stream ends the run as %s', async (status, code) => {
    const { client, server, running, clock } = clientFixture()
    await running('a')
    server.faults.stream.push(() => Response.json({ error: { code, message: 'non' } }, { status }))
    server.job().cutStreams()
    await clock.advance(5_000)
    expect(client.getState()).toMatchObject({ phase: 'failed', error: { code, message: 'non' }, text: 'a' })
  })

  it('reconnects at every cursor of a job', async () => {
    const log = [...Array.from({ length: 40 }, (_, index) => chunk(`${index} `)), { type: 'complete', result: 'all' }]
    const { newClient, server, clock } = clientFixture()
    for (let after = 0; after <= log.length; after++) {
      server.addJob(`at-${after}`, log).status = 'completed'
      const client = newClient()
      await client.attach(`at-${after}`, { after })
      await clock.settle()
      const text = log
        .slice(after, 40)
        .map((body) => ('content' in body ? body.content : ''))
        .join('')
      expect(client.getState()).toMatchObject({ phase: 'completed', text, lastSeq: log.length })
    }
  })
})

describe('attach()', () => {
  it('reads the whole job from the start, also when it has ended', async () => {
    const { client, server, clock, phases } = clientFixture()
    server.addJob('done', [{ type: 'step', step: 'Generating' }, chunk('a'), { type: 'complete', result: 'A' }])
    await client.attach('done')
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'completed', text: 'a', result: 'A', step: 'Generating' })
    expect(phases()).toEqual(['starting', 'running', 'completed'])
  })

  it('resolves when the stream is open', async () => {
    const { client, server, clock } = clientFixture()
    server.addJob('quiet')
    let isOpen = false
    const open = client.attach('quiet').then(() => {
      isOpen = true
    })
    expect(client.getState()).toMatchObject({ phase: 'starting', jobId: 'quiet', canInterrupt: true })
    await within(clock, 0, open)
    expect(isOpen).toBe(true)
    expect(client.getState().phase).toBe('running')
  })

  it.each([
    [
      { status: 'completed', result: 'A' },
      { phase: 'completed', result: 'A', message: 'Génération terminée' },
    ],
    [
      { status: 'failed', error: { code: 'provider.failed', message: 'Panne' } },
      { phase: 'failed', error: { code: 'provider.failed', message: 'Panne' } },
    ],
    [{ status: 'failed' }, { phase: 'failed', error: { code: 'producer.failed', message: 'Génération échouée' } }],
    [
      { status: 'cancelled', kind: 'user' },
      { phase: 'interrupted', message: 'Génération interrompue', forced: false },
    ],
    [
      { status: 'cancelled', kind: 'idle' },
      { phase: 'failed', error: { code: 'cancelled.idle' } },
    ],
  ])('past the end (204) reads the status and shows that end: %j', async (record, expected) => {
    const { client, server, clock } = clientFixture()
    server.addJob('done')
    server.faults.stream.push(() => new Response(null, { status: 204 }))
    server.faults.status.push(() => Response.json(record))
    await client.attach('done', { after: 12 })
    await clock.settle()
    expect(client.getState()).toMatchObject({ ...expected, jobId: 'done', lastSeq: 12 })
  })

  it('past the end with a status that cannot be read asks again', async () => {
    const { client, server, clock } = clientFixture()
    server.addJob('done').status = 'completed'
    server.faults.status.push('drop', 'hang')
    await within(clock, 30_000, client.attach('done', { after: 12 }))
    expect(client.getState().phase).toBe('completed')
  })

  it('a log that is gone (410) shows the end if there is one, else cursor.expired', async () => {
    const gone = () => Response.json({ error: { code: 'cursor.expired', message: 'Trop tard' } }, { status: 410 })
    const { client, server, clock } = clientFixture()
    const job = server.addJob('old')
    job.status = 'completed'
    server.faults.stream.push(gone, gone)
    await client.attach('old')
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'completed', result: 'recorded' })
    job.status = 'running'
    await client.attach('old')
    await clock.settle()
    expect(client.getState()).toMatchObject({
      phase: 'failed',
      error: { code: 'cursor.expired', message: 'Trop tard' },
    })
  })

  it('an unknown job is job.not-found', async () => {
    const { client } = clientFixture()
    await client.attach('nobody')
    expect(client.getState()).toMatchObject({ phase: 'failed', error: { code: 'job.not-found' } })
  })

  it('writes the id into the path as one segment', async () => {
    const { client, server } = clientFixture()
    await client.attach('../a b/c?d')
    expect(server.requests[0]?.url.pathname).toBe('/api/jobs/..%2Fa%20b%2Fc%3Fd/stream')
  })
})

describe('what cannot be read', () => {
  it.each([
    ['no JSON', 'id: 2\ndata: {"type":\n\n', 'event.skipped'],
    ['no object', 'id: 2\ndata: 17\n\n', 'event.skipped'],
    ['no type', 'id: 2\ndata: {}\n\n', 'event.skipped'],
    ['a chunk without text', 'id: 2\ndata: {"type":"chunk"}\n\n', 'event.skipped'],
    ['an unknown type', 'id: 2\ndata: {"type":"constructor"}\n\n', 'event.skipped'],
    ['an unknown type of tomorrow', 'id: 2\ndata: {"type":"reasoning","content":"x"}\n\n', 'event.skipped'],
  ])('CLI-11: %s is skipped with a warning, and the stream goes on', async (_name, raw, code) => {
    const { client, server, running, clock, warnings } = clientFixture()
    await running('a')
    server.job().log.push({ type: 'skipped' })
    server.job().sendRaw(raw)
    server.job().emit(chunk('b'))
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'running', text: 'ab', lastSeq: 3 })
    expect(warnings.map((warning) => warning.code)).toEqual([code])
    expect(server.count('stream')).toBe(1)
  })

  it('CLI-11: a frame without a number is skipped', async () => {
    const { client, server, running, clock, warnings } = clientFixture()
    await running('a')
    server.job().sendRaw('data: {"type":"chunk","content":"x"}\n\nid: x\ndata: {"type":"chunk","content":"x"}\n\n')
    await clock.settle()
    expect(client.getState().text).toBe('a')
    expect(warnings.map(({ code }) => code)).toEqual(['event.skipped', 'event.skipped'])
  })

  it('CLI-11: warnings and listeners that throw reach nothing', async () => {
    const fault = () => {
      throw new Error('mine')
    }
    const { client, server, running, clock } = clientFixture({ onWarning: fault, onEvent: fault })
    const seen: string[] = []
    client.subscribe(fault)
    client.subscribe(({ phase }) => seen.push(phase))
    await running('a')
    server.job().emit({ type: 'nonsense' }, { type: 'complete', result: 'A' })
    await clock.settle()
    expect(seen.at(-1)).toBe('completed')
  })

  it('EVT-15: data and metadata reach onEvent in order and are no text', async () => {
    const { client, server, running, clock, events } = clientFixture()
    await running('a')
    server
      .job()
      .emit({ type: 'data', name: 'usage', data: [1] }, { type: 'metadata', data: { model: 'm' } }, chunk('b'))
    await clock.settle()
    expect(client.getState().text).toBe('ab')
    expect(events.slice(1)).toEqual([
      { seq: 2, type: 'data', name: 'usage', data: [1] },
      { seq: 3, type: 'metadata', data: { model: 'm' } },
      { seq: 4, type: 'chunk', content: 'b' },
    ])
  })
})
