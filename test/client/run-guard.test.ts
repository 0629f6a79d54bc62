import { describe, expect, it } from 'vitest'
import { clientFixture } from '../support/client-fixture.ts'
import { within } from '../support/within.ts'

const chunk = (content: string) => ({ type: 'chunk', content })

describe('a newer run', () => {
  it.each([0, 500, 2_000])('CLI-08: started %i ms after the end of the old one is its own', async (pauseMs) => {
    const { client, server, running, clock } = clientFixture()
    await running('old')
    const old = server.job()
    await client.interrupt()
    await clock.advance(pauseMs)
    await client.start({ topic: 'new' })
    await clock.settle()
    expect(client.getState()).toMatchObject({
      phase: 'running',
      jobId: 'job-2',
      text: '',
      canInterrupt: true,
      lastSeq: 0,
    })
    old.emit(chunk('late'), { type: 'cancelled', kind: 'user', forced: false })
    server.job('job-2').emit(chunk('new'))
    await clock.advance(5_000)
    expect(client.getState()).toMatchObject({ phase: 'running', jobId: 'job-2', text: 'new' })
    await client.interrupt()
    expect(client.getState()).toMatchObject({ phase: 'interrupted', jobId: 'job-2' })
  })

  it('CLI-08: bytes of the old stream that were already on their way change nothing', async () => {
    const { client, server, running, clock } = clientFixture()
    await running('old')
    server.job().emit(chunk('late'), { type: 'complete', result: 'old' })
    client.reset()
    void client.start({ topic: 'new' })
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'running', jobId: 'job-2', text: '' })
  })

  it('CLI-08: a late answer to the create of a run that was let go changes nothing', async () => {
    const { client, server, clock } = clientFixture()
    let arrive = (): void => {}
    server.faults.create.push(
      () =>
        new Promise((resolve) => {
          arrive = () => resolve(Response.json({ job_id: server.addJob('late').id }, { status: 201 }))
        }),
    )
    const first = client.start({ topic: 'old' })
    client.reset()
    await first
    await client.start({ topic: 'new' })
    arrive()
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'running', jobId: 'job-1' })
    expect(server.count('cancel')).toBe(0) // leaving is no cancel
  })

  it('CLI-08: can be started from the listener that hears of the end', async () => {
    const { client, server, running, clock, phases } = clientFixture()
    await running()
    const stop = client.subscribe(({ phase }) => {
      if (phase !== 'completed') return
      stop()
      void client.start({ topic: 'next' })
    })
    server.job().emit({ type: 'complete', result: 1 })
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'running', jobId: 'job-2' })
    expect(phases()).toContain('starting')
  })

  it('CLI-08: started from a listener, it is shown after the end of the old one to every listener', async () => {
    const { client, server, running, clock } = clientFixture()
    client.subscribe(({ phase }) => {
      if (phase === 'completed') void client.start({ topic: 'next' })
    })
    const seen: string[] = []
    client.subscribe(({ phase, jobId }) => void seen.push(`${phase} ${jobId}`))
    await running()
    server.job().emit({ type: 'complete', result: 1 })
    await clock.settle()
    expect(seen.slice(-3)).toEqual(['completed job-1', 'starting undefined', 'running job-2'])
  })

  it('CLI-13: a listener that was taken off, or whose client was disposed, by another listener hears nothing more', async () => {
    const { client, running, newClient } = clientFixture()
    const heard: string[] = []
    client.subscribe(() => stop())
    const stop = client.subscribe(() => void heard.push('taken off'))
    await running()
    const other = newClient()
    other.subscribe(() => other.dispose())
    other.subscribe(() => void heard.push('disposed'))
    void other.start({ topic: 'owls' })
    expect(heard).toEqual([])
  })

  it('CLI-13: a disposed client changes its state no more, whatever is called', async () => {
    const { client, running } = clientFixture()
    await running('text')
    client.dispose()
    const state = client.getState()
    client.reset()
    expect(client.getState()).toBe(state)
  })

  it('CLI-14: the cancel of a forced end goes on in the background, and the new run does not feel it', async () => {
    const { client, server, running, clock, states } = clientFixture()
    await running()
    server.faults.cancel.push('hang', 'drop', 'hang', () => new Response(null, { status: 500 }))
    await within(clock, 10_000, client.interrupt())
    expect(client.getState()).toMatchObject({ forced: true })
    await client.start({ topic: 'new' })
    await clock.settle()
    const shown = states.length
    await clock.advance(60_000)
    expect(server.job('job-1').status).toBe('cancelled')
    expect(server.count('cancel')).toBe(5)
    expect(
      server.requests.filter(({ route }) => route === 'cancel').every(({ url }) => url.pathname.includes('job-1')),
    ).toBe(true)
    expect(client.getState()).toMatchObject({ phase: 'running', jobId: 'job-2' })
    // Its own stream fell silent meanwhile, which is not shown.
    expect(states.length).toBe(shown)
  })

  it('CLI-14: the retries are bounded, and giving up is a warning', async () => {
    const { client, server, running, clock, warnings } = clientFixture()
    await running()
    server.faults.cancel.push(...Array.from({ length: 200 }, () => 'drop' as const))
    await within(clock, 10_000, client.interrupt())
    await clock.advance(200_000)
    expect(clock.timers()).toEqual([])
    expect(warnings).toContainEqual({ code: 'cancel.abandoned', detail: 'job-1' })
    const asked = server.count('cancel')
    await clock.advance(600_000)
    expect(server.count('cancel')).toBe(asked)
  })

  it('CLI-14: does not keep a process alive', async () => {
    const { client, server, running, clock } = clientFixture()
    await running()
    server.faults.cancel.push('hang', 'drop', 'drop')
    await within(clock, 10_000, client.interrupt())
    expect(clock.timers().map(({ unref }) => unref)).toEqual([true])
    await clock.advance(30_000)
  })
})

describe('a page that is left', () => {
  it('CLI-13: dispose() closes the stream, shows nothing more and leaves the job alone', async () => {
    const { client, server, running, clock, states } = clientFixture()
    await running('a')
    const [shown, state] = [states.length, client.getState()]
    client.dispose()
    client.dispose()
    await clock.settle()
    expect(server.job().openStreams()).toBe(0)
    server.job().emit({ type: 'complete', result: 1 })
    await clock.advance(300_000)
    expect(states.length).toBe(shown)
    expect(client.getState()).toBe(state)
    expect(server.count('cancel')).toBe(0)
    expect(server.job().status).toBe('running')
    client.subscribe(() => {})()
    client.reset()
  })

  it.each(['starting', 'waiting to reconnect', 'reading a status'])(
    'CLI-13: leaves nothing behind while %s',
    async (when) => {
      const { client, server, running, clock } = clientFixture()
      if (when === 'starting') {
        server.faults.create.push('hang')
        void client.start({ topic: 'owls' })
      } else {
        await running()
        server.faults.stream.push(() => new Response(null, { status: 204 }))
        server.faults.status.push('hang')
        server.job().cutStreams()
        await clock.advance(when === 'reading a status' ? 1_000 : 0)
      }
      client.dispose()
      await clock.settle()
      expect(clock.timers()).toEqual([])
      expect(server.requests.filter(({ route }) => route !== 'stream').at(-1)?.signal.aborted).toBe(
        when !== 'waiting to reconnect',
      )
    },
  )

  it('CLI-13: reset() goes back to idle, and the same client can begin again', async () => {
    const { client, server, running, clock } = clientFixture()
    await running('a')
    client.reset()
    expect(client.getState()).toMatchObject({ phase: 'idle', text: '', lastSeq: 0 })
    await client.attach('job-1')
    await clock.settle()
    expect(client.getState()).toMatchObject({ phase: 'running', text: 'a' })
    expect(server.job().openStreams()).toBe(1)
  })

  it('CLI-14: a cancel that a person has asked for is delivered although the page is left', async () => {
    for (const leave of ['reset', 'dispose'] as const) {
      const { client, server, running, clock } = clientFixture()
      await running()
      server.faults.cancel.push('hang', 'drop')
      const over = client.interrupt()
      await clock.settle()
      client[leave]()
      await within(clock, 0, over)
      await clock.advance(20_000)
      expect(server.job().status).toBe('cancelled')
    }
  })

  it('CLI-03: also when the job was not known yet', async () => {
    const { client, server, clock } = clientFixture()
    server.faults.create.push('lost', 'drop')
    void client.start({ topic: 'owls' })
    void client.interrupt()
    client.dispose()
    await clock.advance(20_000)
    expect(server.job().status).toBe('cancelled')
  })

  it('UI-09: the text stays after an end until the next start or reset', async () => {
    const { client, running } = clientFixture()
    await running('partial')
    await client.interrupt()
    expect(client.getState()).toMatchObject({ phase: 'interrupted', text: 'partial' })
    client.reset()
    expect(client.getState().text).toBe('')
  })

  it('verbs work unbound', async () => {
    const { client, clock } = clientFixture()
    const { start, interrupt, getState, reset, subscribe, attach, dispose } = client
    await start({ topic: 'owls' })
    await interrupt()
    expect(getState().phase).toBe('interrupted')
    reset()
    subscribe(() => {})()
    await attach('job-1')
    await clock.settle()
    dispose()
  })
})
