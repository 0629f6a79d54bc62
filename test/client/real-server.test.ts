import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { GenerationJobManager, type Producer } from 'generation-jobs'
import {
  type ClientClock,
  createGenerationClient,
  type GenerationClient,
  type GenerationState,
} from 'generation-jobs/client'
import { createGenerationHandler } from 'generation-jobs/http'
import { toNodeHandler } from 'generation-jobs/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

type Params = { chunks: number; hang?: boolean | undefined; ignores?: boolean | undefined }

const params = z.object({ chunks: z.number(), hang: z.boolean().optional(), ignores: z.boolean().optional() })

/** Emits chunks, then ends, or waits for its signal, or for nothing at all. */
function producer({ chunks, hang, ignores }: Params): Producer<string> {
  return async (run) => {
    run.step('Generating')
    for (let index = 0; index < chunks; index++) run.emit(`${index} `)
    if (ignores) await new Promise(() => {})
    if (hang) await new Promise((resolve) => run.signal.addEventListener('abort', resolve))
    return 'whole'
  }
}

async function fixture(options: { gracePeriodMs?: number } = {}) {
  const manager = new GenerationJobManager({ logger: false, ...options })
  const handler = createGenerationHandler({
    manager,
    params,
    start: producer,
    authorize: (request) => ({ owner: request.headers.get('authorization') ?? 'nobody' }),
    basePath: '/api',
  })
  const server = createServer(toNodeHandler(handler))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const clients: GenerationClient<Params, string>[] = []
  onTestFinished(async () => {
    for (const client of clients) client.dispose()
    await manager.close()
    await close(server)
  })
  return {
    manager,
    server,
    newClient(more: object = {}) {
      const client = createGenerationClient<Params, string>({
        baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`,
        headers: { authorization: 'me' },
        ...more,
      })
      clients.push(client)
      return client
    },
  }
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}

/** Real time that passes twenty times as fast: nobody waits for a back-off. */
const hurried: ClientClock = {
  monotonic: () => performance.now() * 20,
  setTimer(ms, fn) {
    const timer = setTimeout(fn, ms / 20)
    return () => clearTimeout(timer)
  },
}

/** The first state that is as asked. */
function shows(
  client: GenerationClient<Params, string>,
  isRight: (state: GenerationState<string>) => boolean,
): Promise<GenerationState<string>> {
  return new Promise((resolve) => {
    const look = (state: GenerationState<string>): void => {
      if (!isRight(state)) return
      stop()
      resolve(state)
    }
    const stop = client.subscribe(look)
    look(client.getState())
  })
}

const inPhase = (phase: string) => (state: GenerationState<string>) => state.phase === phase

describe('client and handler over real sockets', { timeout: 30_000 }, () => {
  it('UI-01: start, stream, complete', async () => {
    const { newClient } = await fixture()
    const client = newClient()
    await client.start({ chunks: 1_000 })
    const state = await shows(client, inPhase('completed'))
    expect(state).toMatchObject({ result: 'whole', message: 'Génération terminée', step: 'Generating' })
    expect(state.text).toBe(Array.from({ length: 1_000 }, (_, index) => `${index} `).join(''))
  })

  it('CLI-01: an interrupt is answered, and the job is cancelled by user', async () => {
    const { newClient, manager } = await fixture()
    const client = newClient()
    await client.start({ chunks: 3, hang: true })
    await shows(client, ({ text }) => text === '0 1 2 ')
    await client.interrupt()
    expect(client.getState()).toMatchObject({ phase: 'interrupted', message: 'Génération interrompue', forced: false })
    const job = await manager.get(client.getState().jobId ?? '')
    expect(job).toMatchObject({ status: 'cancelled', cancel: { reason: { kind: 'user' } } })
  })

  it('CLI-16: a second tab sees the interrupt and its end', async () => {
    const { newClient } = await fixture({ gracePeriodMs: 200 })
    const [first, second] = [newClient(), newClient()]
    await first.start({ chunks: 2, ignores: true })
    await second.attach(first.getState().jobId ?? '')
    await shows(second, ({ text }) => text === '0 1 ')
    const seen: string[] = []
    second.subscribe(({ phase }) => seen.push(phase))
    await first.interrupt()
    expect(await shows(second, inPhase('interrupted'))).toMatchObject({ message: 'Génération interrompue' })
    expect(seen).toContain('interrupting')
  })

  it('CLI-06: a job that has completed meanwhile is shown as completed', async () => {
    const { newClient } = await fixture()
    const client = newClient()
    await client.start({ chunks: 1 })
    await client.interrupt()
    const { phase, message } = await shows(client, ({ phase }) => phase === 'completed' || phase === 'interrupted')
    expect([phase, message]).toContain(phase === 'completed' ? 'Génération terminée' : 'Génération interrompue')
  })

  it('CLI-09: the server cuts the socket in mid-stream; the text is whole', async () => {
    const { newClient, server, manager } = await fixture()
    const client = newClient({ clock: hurried })
    await client.start({ chunks: 500, hang: true })
    await shows(client, ({ text }) => text.length > 100)
    server.closeAllConnections()
    const job = client.getState().jobId ?? ''
    await manager.cancel(job, { kind: 'shutdown' })
    const state = await shows(client, inPhase('failed'))
    expect(state.error?.code).toBe('cancelled.shutdown')
    expect(state.text).toBe(Array.from({ length: 500 }, (_, index) => `${index} `).join(''))
  })

  it('attach() past the end reads the status', async () => {
    const { newClient } = await fixture()
    const client = newClient()
    for (const [params, end] of [
      [{ chunks: 2 }, { phase: 'completed', result: 'whole' }],
      [
        { chunks: 2, hang: true },
        { phase: 'interrupted', message: 'Génération interrompue' },
      ],
    ] as const) {
      await client.start(params)
      if ('hang' in params) await client.interrupt()
      const { jobId = '' } = await shows(client, inPhase(end.phase))
      const later = newClient()
      await later.attach(jobId, { after: 10_000 })
      expect(later.getState()).toMatchObject(end)
    }
  })

  it('a stranger learns nothing', async () => {
    const { newClient } = await fixture()
    const [owner, stranger] = [newClient(), newClient({ headers: { authorization: 'stranger' } })]
    await owner.start({ chunks: 1, hang: true })
    await stranger.attach(owner.getState().jobId ?? '')
    expect(stranger.getState()).toMatchObject({ phase: 'failed', error: { code: 'job.not-found' }, text: '' })
    await owner.interrupt()
  })

  it('an invalid request shows its issues', async () => {
    const { newClient } = await fixture()
    const client = newClient()
    await client.start({ chunks: 'many' } as unknown as Params)
    expect(client.getState()).toMatchObject({ phase: 'failed', error: { code: 'options.invalid' } })
    expect(client.getState().error?.issues).toHaveLength(1)
  })

  it('CLI-18: the same key twice is one job', async () => {
    const { newClient, manager } = await fixture()
    let sent = 0
    const client = newClient({
      clock: hurried,
      fetch: async (url: string, init?: RequestInit) => {
        const response = await fetch(url, init)
        if (init?.method === 'POST' && sent++ === 0) throw new TypeError('the answer is lost')
        return response
      },
    })
    await client.start({ chunks: 1, hang: true })
    expect(await manager.list()).toHaveLength(1)
    expect(client.getState().phase).toBe('running')
    await client.interrupt()
  })
})
