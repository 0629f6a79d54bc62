import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { fileURLToPath } from 'node:url'
import type { JobEvent } from 'generation-jobs'
import { expect, it } from 'vitest'
import { temporaryDirectory } from '../dialogue/support/temporary-directory.js'
import { type ExampleOptions, startExample } from './support/run-example.ts'

/** Half a second and hours of the example's model, which gives a word every 20 ms. */
const SHORT = 25
const LONG = 1_000_000

async function startServer(env: Record<string, string>, options: Partial<ExampleOptions> = {}) {
  const cwd = temporaryDirectory()
  const results = path.join(cwd, 'results')
  const server = startExample('graceful-shutdown/main.ts', [], {
    ...options,
    cwd,
    env: { PORT: '0', RESULTS: results, ...env },
  })
  await server.waitFor('Listening on ')
  const url = /Listening on (\S+),/.exec(server.stdout())?.[1] ?? ''
  return {
    ...server,
    url,
    files: () => readdirSync(results),
    read: (jobId: string) => readFileSync(path.join(results, `${jobId}.txt`), 'utf8'),
    post: (words: number) => fetch(`${url}/jobs?words=${words}`, { method: 'POST' }),
    health: async () => (await fetch(`${url}/health`)).status,
  }
}

/** A generation as its reader sees it. */
async function openJob(server: Awaited<ReturnType<typeof startServer>>, words: number) {
  const response = await server.post(words)
  expect(response.status).toBe(200)
  if (!response.body) throw new Error('no body')
  const lines = createInterface({ input: Readable.fromWeb(response.body as ReadableStream) })[Symbol.asyncIterator]()
  const first = await lines.next()
  const rest = (async () => {
    const events: JobEvent[] = [JSON.parse(first.value)]
    for (;;) {
      const line = await lines.next()
      if (line.done) return events
      events.push(JSON.parse(line.value))
    }
  })()
  rest.catch(() => undefined) // a killed server breaks the stream off
  return { jobId: response.headers.get('x-job-id') ?? '', firstEvent: JSON.parse(first.value), events: () => rest }
}

it('SHU-01 SHU-02 SHU-05: SIGTERM lets one generation finish and cancels the other, tells both readers, exits 0', async () => {
  const server = await startServer({ DRAIN_MS: '5000' })
  const short = await openJob(server, SHORT)
  const long = await openJob(server, LONG)
  expect([short.firstEvent, long.firstEvent]).toMatchObject([
    { seq: 1, type: 'chunk' },
    { seq: 1, type: 'chunk' },
  ])

  server.child.kill('SIGTERM')
  expect(await server.ended, server.stderr()).toEqual({ code: 0, signal: null })

  expect((await short.events()).at(-1)).toMatchObject({ type: 'complete', seq: SHORT + 1 })
  expect((await long.events()).slice(-2)).toMatchObject([
    { type: 'cancelling', kind: 'shutdown' },
    { type: 'cancelled', kind: 'shutdown', forced: false },
  ])
  expect(server.files()).toEqual([`${short.jobId}.txt`])
  expect(server.read(short.jobId).split('\n')).toHaveLength(SHORT + 1)
  expect(server.stdout()).toMatch(/Drained in \d+ ms: 1 completed, 0 failed, 1 cancelled, 0 forced\n$/)
  expect(server.stderr()).toBe('')
})

it('SHU-01 SHU-06: while it drains it is out of the balancer, refuses new generations, and a second signal forces', async () => {
  const server = await startServer({ DRAIN_MS: '60000' })
  const long = await openJob(server, LONG)
  expect(await server.health()).toBe(200)

  server.child.kill('SIGTERM')
  await server.waitFor('Draining')
  const refused = await server.post(SHORT)
  expect([refused.status, refused.headers.get('retry-after'), await refused.text()]).toEqual([
    503,
    '5',
    'shutting down\n',
  ])
  expect(await server.health()).toBe(503)

  server.child.kill('SIGTERM')
  expect(await server.ended).toEqual({ code: 143, signal: null })
  expect(server.stdout()).toContain('Forced: the second signal does not wait')
  expect(server.stdout()).not.toContain('Drained')
  await expect(long.events()).rejects.toThrow()
  expect(server.files()).toEqual([])
})

it('SHU-06: an idle server ends at once, by itself', async () => {
  const server = await startServer({})
  server.child.kill('SIGINT')
  expect(await server.ended, server.stderr()).toEqual({ code: 0, signal: null })
  expect(server.stdout()).toMatch(/Drained in \d+ ms: 0 completed, 0 failed, 0 cancelled, 0 forced\n$/)
})

it('G3 SHU-02: a model that hangs and hears nothing is left behind: forced, told to the reader, exit code 0', async () => {
  const deaf = fileURLToPath(new URL('support/deaf-timers.mjs', import.meta.url))
  const server = await startServer({ DRAIN_MS: '0' }, { nodeArguments: ['--import', deaf] })
  const response = await server.post(SHORT)
  await server.waitFor('"job.started"')

  server.child.kill('SIGTERM')
  const lines = (await response.text()).trim().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { type: 'cancelling', kind: 'shutdown' },
    { type: 'cancelled', kind: 'shutdown', forced: true },
  ])
  expect(await server.ended, server.stderr()).toEqual({ code: 0, signal: null })
  expect(server.stdout()).toMatch(/0 completed, 0 failed, 1 cancelled, 1 forced\n$/)
  expect(server.files()).toEqual([])
})

it('refuses a request and a setting that are wrong', async () => {
  const server = await startServer({})
  const answers = await Promise.all([server.post(0), fetch(`${server.url}/jobs`), fetch(`${server.url}/nothing`)])
  expect(answers.map(({ status }) => status)).toEqual([400, 404, 404])

  const wrong = startExample('graceful-shutdown/main.ts', [], { cwd: temporaryDirectory(), env: { DRAIN_MS: 'soon' } })
  expect((await wrong.ended).code).toBe(1)
  expect(wrong.stderr()).toContain('DRAIN_MS: expected a whole number from 0')
})
