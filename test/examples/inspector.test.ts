import {
  createMemoryJobStore,
  GenerationJobManager,
  type GenerationJobManagerOptions,
  type Producer,
  type RunContext,
} from 'generation-jobs'
import { countingSignal, hostileSources, scriptedSource } from 'generation-jobs/testing'
import { expect, it, onTestFinished } from 'vitest'
import { playScenes } from '../../examples/inspector/demo-scenes.ts'
import {
  createInspector,
  type InspectedJob,
  type InspectedJobs,
  type InspectorOptions,
} from '../../examples/inspector/inspector.ts'
import { temporaryDirectory } from '../dialogue/support/temporary-directory.js'
import { slowStore } from '../support/slow-store.js'
import { startExample } from './support/run-example.ts'

const BASE = 'http://127.0.0.1/inspector'
const SECRET = 'the dragon sleeps'

function open(options: Partial<InspectorOptions> = {}, managerOptions: GenerationJobManagerOptions = {}) {
  const manager = new GenerationJobManager({ logger: false, ...managerOptions })
  onTestFinished(() => manager.close())
  const inspector = createInspector({ manager, allow: () => true, ...options })
  const get = (path: string, init?: RequestInit) => inspector(new Request(`${BASE}${path}`, init))
  const jobs = async (): Promise<InspectedJobs> => (await get('/jobs')).json() as Promise<InspectedJobs>
  const job = async (jobId: string): Promise<InspectedJob> => {
    const found = (await jobs()).jobs.find((one) => one.jobId === jobId)
    if (!found) throw new Error(`no job ${jobId}`)
    return found
  }
  return { manager, inspector, get, jobs, job }
}

/** Reads words until it is cancelled. */
const reads: Producer<string> = async (run) => (await run.stream(scriptedSource([SECRET, { do: 'hang' }]))).text

async function untilChunks(run: () => Promise<InspectedJob>, count: number): Promise<void> {
  await expect.poll(async () => (await run()).text.chunks).toBe(count)
}

it('answers 404 to everybody but those who are allowed, for every path and method', async () => {
  const asked: string[] = []
  const { get } = open({
    allow: async (request) => {
      asked.push(request.method)
      return request.headers.get('x-who') === 'me'
    },
  })
  for (const path of ['', '/', '/jobs', '/main.js', '/jobs/x/events']) expect((await get(path)).status).toBe(404)
  expect((await get('/jobs', { method: 'POST' })).status).toBe(404)
  expect(asked).toEqual(['GET', 'GET', 'GET', 'GET', 'GET', 'POST'])
  expect((await get('/jobs', { headers: { 'x-who': 'me' } })).status).toBe(200)
})

it('refuses to be made without an answer to who may look, and takes a throw or anything but true for a no', async () => {
  const manager = new GenerationJobManager({ logger: false })
  onTestFinished(() => manager.close())
  const withoutAllow: unknown = { manager }
  expect(() => createInspector(withoutAllow as InspectorOptions)).toThrow(TypeError)
  for (const allow of [() => Promise.reject(new Error('no session')), () => 1 as unknown as boolean]) {
    expect((await open({ allow }).get('/jobs')).status).toBe(404)
  }
})

it('reads only: every other method is 405, and changes no job', async () => {
  const { manager, get } = open()
  const job = await manager.register(reads, { jobId: 'a' })
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    for (const path of ['/', '/jobs', '/jobs/a/events', '/jobs/a/cancel']) {
      const response = await get(path, { method })
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toBe('GET, HEAD')
    }
  }
  expect((await manager.get(job.jobId))?.status).toBe('running')
})

it('serves its page with a policy that lets nothing else in, and nothing outside of it', async () => {
  const { get } = open()
  expect((await get('')).headers.get('location')).toBe('/inspector/')
  const page = await get('/')
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
  expect(page.headers.get('cache-control')).toBe('no-store')
  for (const [, file] of (await page.text()).matchAll(/(?:src|href)="([\w.]+)"/g)) {
    expect((await get(`/${file}`)).status).toBe(200)
  }
  for (const path of ['/../inspector.ts', '/inspector.ts', '/page/main.js', '/%2e%2e/main.ts', '/jobs/']) {
    expect((await get(path)).status).toBe(404)
  }
  const head = await get('/', { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
})

it('tells the phases of a cooperative cancel, in sum its cancel_ms', async () => {
  const { manager, job } = open()
  let cancelMs: number | undefined
  manager.on('settled', (settled) => {
    cancelMs = settled.cancelMs
  })
  const handle = await manager.register(
    async (run: RunContext) => {
      run.defer(() => Promise.resolve(), 'close connection')
      run.step('Generating')
      await reads(run)
    },
    { jobId: 'a' },
  )
  await untilChunks(() => job('a'), 1)
  await handle.cancel()
  const { status, cancel, spans, text, isSeenHere } = await job('a')
  expect({ status, text, isSeenHere }).toEqual({
    status: 'cancelled',
    text: { chunks: 1, length: SECRET.length },
    isSeenHere: true,
  })
  expect(spans.map(({ label }) => label)).toContain('Generating')
  const labels = cancel?.phases.map(({ label }) => label)
  expect(labels).toEqual(expect.arrayContaining(['producer lets go', 'close connection']))
  const sum = cancel?.phases.reduce((total, { startMs, endMs = Number.NaN }) => total + endMs - startMs, 0)
  expect(sum).toBeCloseTo(cancelMs ?? Number.NaN, 1)
  expect(cancel?.ms).toBeCloseTo(cancelMs ?? Number.NaN, 1)
})

it('tells what was not waited for: a deaf source, and a hung cleanup', async () => {
  const { manager, job } = open({}, { gracePeriodMs: 60 })
  const [deaf, hung] = await Promise.all([
    manager.register((run) => run.stream(hostileSources().neverYields()), { jobId: 'deaf' }),
    manager.register(
      async (run: RunContext) => {
        run.defer(() => new Promise<void>(() => {}), 'close connection')
        await reads(run)
      },
      { jobId: 'hung' },
    ),
  ])
  await Promise.all([deaf.cancel(), hung.cancel()])
  const [ofDeaf, ofHung] = [await job('deaf'), await job('hung')]
  expect(ofDeaf).toMatchObject({ forced: true, status: 'cancelled' })
  expect(ofDeaf.cancel?.phases.filter(({ isForced }) => isForced).map(({ label }) => label)).toEqual(['source lets go'])
  expect(ofHung).toMatchObject({ forced: false, cleanup: 'timed-out' })
  expect(ofHung.cancel?.phases.filter(({ isForced }) => isForced).map(({ label }) => label)).toEqual([
    'close connection',
  ])
})

it('reads a log on where it stopped when the store was away for a moment', async () => {
  const store = slowStore(createMemoryJobStore())
  const { manager, job } = open({}, { store, storeTimeoutMs: 30 })
  await manager.register(reads, { jobId: 'a' })
  await expect.poll(async () => (await manager.get('a'))?.lastSeq).toBe(1)
  store.always('readEvents', 'fail')
  expect(await job('a')).toMatchObject({ status: 'running', text: { chunks: 0 } })
  store.always('readEvents', 'answer')
  expect(await job('a')).toMatchObject({ text: { chunks: 1, length: SECRET.length } })
})

it('shows a job whose log is no longer kept by its record, and asks for that log once', async () => {
  const store = slowStore(createMemoryJobStore({ maxRetainedBytes: 1 }))
  const { manager, job } = open({}, { store })
  const handle = await manager.register(reads, { jobId: 'a' })
  await handle.cancel()
  expect(await job('a')).toMatchObject({ status: 'cancelled', text: { chunks: 0 } })
  const asked = store.calls('readEvents')
  await job('a')
  expect(store.calls('readEvents')).toBe(asked)
})

it('shows a queued job, and a generator', async () => {
  const { manager, job } = open({}, { maxConcurrentJobs: 1, gracePeriodMs: 100 })
  const first = await manager.register(
    async function* () {
      yield { type: 'step', step: 'Generating' }
      yield SECRET
      await new Promise(() => {})
    },
    { jobId: 'first' },
  )
  await manager.register(async () => 'done', { jobId: 'second' })
  await untilChunks(() => job('first'), 1)
  expect((await job('second')).spans).toEqual([{ kind: 'queue', label: 'waits for a slot', startMs: 0 }])
  void first.cancel()
  expect((await job('first')).cancel?.phases).toMatchObject([{ kind: 'letting-go' }])
})

it('says nothing of texts, results, metadata, messages and identities; identities when asked', async () => {
  const registered = { jobId: 'a', owner: 'ada', group: 'conversation-7', metadata: { prompt: SECRET } }
  for (const showIdentities of [false, true]) {
    const { manager, get, job } = open({ showIdentities })
    const completed = await manager.register(
      async (run: RunContext) => {
        run.emit(SECRET)
        run.emit({ type: 'metadata', data: { note: SECRET } })
        run.emit({ type: 'data', name: SECRET, data: SECRET })
        return SECRET
      },
      { jobId: 'b' },
    )
    await completed.settled
    const cancelled = await manager.register(reads, registered)
    await cancelled.cancel({ by: 'ada', message: SECRET })
    const failed = await manager.register(async () => Promise.reject(new Error(SECRET)))
    await failed.settled
    const told = (await (await get('/jobs')).text()) + (await (await get('/jobs/b/events')).text())
    expect(told).not.toContain('dragon')
    expect(/"ada"|conversation-7/.test(told)).toBe(showIdentities)
    if (showIdentities)
      expect(await job('a')).toMatchObject({ owner: 'ada', group: 'conversation-7', cancelledBy: 'ada' })
  }
})

it('lists when each event of a job came, from a cursor, without what it carries', async () => {
  const { manager, get } = open()
  const handle = await manager.register(
    async (run: RunContext) => {
      run.step('Generating')
      run.emit(SECRET)
    },
    { jobId: 'a/b' },
  )
  await handle.settled
  const at = expect.any(Number)
  expect(await (await get('/jobs/a%2Fb/events')).json()).toEqual({
    events: [
      { seq: 1, at, type: 'step', step: 'Generating' },
      { seq: 2, at, type: 'chunk', length: SECRET.length },
      { seq: 3, at, type: 'complete' },
    ],
    next: 3,
  })
  expect(await (await get('/jobs/a%2Fb/events?after=2')).json()).toMatchObject({ events: [{ seq: 3 }], next: 3 })
  expect(await (await get('/jobs/a%2Fb/events?after=99')).json()).toEqual({ events: [], next: 99 })
  for (const path of ['/jobs/nobody/events', '/jobs/%E0/events']) expect((await get(path)).status).toBe(404)
})

it('shows no more than maxJobs, live ones before newer ones that have ended, and says how many it leaves out', async () => {
  const { manager, jobs } = open({ maxJobs: 2 })
  await manager.register(reads, { jobId: 'live' })
  for (const jobId of ['old', 'new']) await (await manager.register(async () => 1, { jobId })).settled
  const { jobs: shown, hidden } = await jobs()
  expect(shown.map(({ jobId }) => jobId).sort()).toEqual(['live', 'new'])
  expect(hidden).toBe(1)
})

it('shows jobs that it did not see begin by their records', async () => {
  const manager = new GenerationJobManager({ logger: false })
  onTestFinished(() => manager.close())
  const handle = await manager.register(reads, { jobId: 'a' })
  const inspector = createInspector({ manager, allow: () => true })
  await handle.cancel()
  const { jobs } = (await (await inspector(new Request(`${BASE}/jobs`))).json()) as InspectedJobs
  expect(jobs).toMatchObject([{ isSeenHere: false, cancel: { kind: 'user', phases: [{ label: 'release' }] } }])
})

it('leaves nothing on the manager: no reader after a look, no listener and no probe after stop()', async () => {
  const { manager, inspector, jobs } = open()
  await manager.register(reads)
  await Promise.all([jobs(), jobs()])
  expect(manager.stats()).toMatchObject({ subscriptions: 0, viewers: 0, waiters: 0 })
  expect(Object.hasOwn(manager, 'register')).toBe(true)
  inspector.stop()
  expect(Object.hasOwn(manager, 'register')).toBe(false)
})

it('does not change what a producer sees or how its job ends', async () => {
  const { manager } = open()
  const order: string[] = []
  const handle = await manager.register(async (run: RunContext) => {
    const { emit, tryEmit } = run
    emit('a')
    order.push(String(tryEmit('b')), String(run.signal.aborted), String(run.token.isCancelled))
    run.defer(() => void order.push('first'), 'first')
    run.defer(() => {
      throw new Error('a cleanup')
    }, 'second')
    return run.commit(({ jobId }) => jobId === run.jobId)
  })
  expect(await handle.settled).toMatchObject({ status: 'completed', value: true, cleanup: 'failed', commit: 'done' })
  expect(order).toEqual(['true', 'false', 'false', 'first'])
})

it('answers 503 when the manager is closed', async () => {
  const { manager, get } = open()
  await manager.close()
  expect((await get('/jobs')).status).toBe(503)
})

it('its scenes are over when their signal is: every job is settled, and no listener is left', async () => {
  const { manager } = open({}, { gracePeriodMs: 200 })
  const stop = countingSignal()
  const playing = playScenes(manager, stop.signal)
  await expect.poll(async () => (await manager.list({ status: 'running' })).length).toBeGreaterThan(2)
  stop.abort()
  await playing
  const { jobs, listeners } = manager.stats()
  expect([jobs.pending, jobs.running, jobs.committing, jobs.cancelling, listeners]).toEqual([0, 0, 0, 0, 0])
  expect([stop.listeners(), stop.peakListeners() <= 10]).toEqual([0, true])
})

it('main.ts plays its scenes, prints where to look, and ends by itself at SIGTERM', async () => {
  const example = startExample('inspector/main.ts', [], { cwd: temporaryDirectory(), env: { PORT: '0' } })
  await example.waitFor('(Ctrl-C ends)')
  const url = /http:\S+/.exec(example.stdout())?.[0]
  await expect
    .poll(async () => ((await (await fetch(`${url}jobs`)).json()) as InspectedJobs).jobs.map(({ status }) => status))
    .toContain('running')
  example.child.kill('SIGTERM')
  expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null })
  expect(example.stderr()).toBe('')
})
