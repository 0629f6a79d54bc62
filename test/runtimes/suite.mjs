// What must hold in every runtime: run by `npm run runtimes` with the built package, in plain JavaScript, without a test framework.
// Prints one line `{"passed": N, "failed": [...]}` and ends with 0 or 1.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryJobStore, GenerationJobManager } from 'generation-jobs'
import { createGenerationClient } from 'generation-jobs/client'
import { createFileDialogueStore } from 'generation-jobs/dialogue'
import { createGenerationHandler } from 'generation-jobs/http'
import { fromReadableStream } from 'generation-jobs/providers'
import {
  cancelAt,
  cancellationContract,
  createVirtualClock,
  hostileSources,
  jobStoreContract,
} from 'generation-jobs/testing'

/** @type {string[]} */
const failed = []
let passed = 0

/** @param {string} name @param {() => unknown} run */
async function check(name, run) {
  try {
    await run()
    passed += 1
  } catch (error) {
    failed.push(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }
}

/** @param {unknown} actual @param {unknown} expected */
function equal(actual, expected) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`expected ${b}, got ${a}`)
}

async function* words() {
  for (let word = 1; ; word += 1) {
    yield `word ${word} `
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

function memoryStore() {
  const clock = createVirtualClock()
  return {
    store: createMemoryJobStore({ clock, maxRetainedBytes: 3_000 }),
    advance: clock.advance,
    hints: true,
    maxRetainedBytes: 3_000,
  }
}
for (const { name, run } of jobStoreContract({ makeStore: memoryStore })) await check(`store contract: ${name}`, run)

for (const { name, run } of cancellationContract({
  makeSource: () => {
    let isOpen = false
    async function* source() {
      isOpen = true
      try {
        yield* words()
      } finally {
        isOpen = false
      }
    }
    return { source: source(), isClosed: () => !isOpen }
  },
})) {
  await check(`cancellation contract: ${name}`, run)
}

for (const name of Object.keys(hostileSources())) {
  await check(`hostile source: ${name}`, async () => {
    const clock = createVirtualClock()
    const make = hostileSources({ clock })[name]
    const manager = new GenerationJobManager({ logger: false, clock })
    const job = await manager.register(async (run) => void (await run.stream(make())))
    await clock.settle()
    void job.cancel()
    await clock.advance(7_000)
    const { status } = await job.settled
    equal(make.ending.startsWith('cancelled') || make.ending === 'forced' ? status : 'cancelled', 'cancelled')
    await manager.close()
    equal(clock.timers().length, 0)
  })
}

await check('cancelAt', async () => {
  const { status, forced, cleanup } = await cancelAt((run) => run.stream(words()), { afterChunks: 3 })
  equal([status, forced, cleanup], ['cancelled', false, 'clean'])
})

await check('a web stream as a source, to its end', async () => {
  const manager = new GenerationJobManager({ logger: false })
  const stream = new Response('héllo wörld').body
  const job = await manager.register((run) => run.stream(fromReadableStream(stream)))
  const outcome = await job.settled
  equal(outcome.status === 'completed' && outcome.value?.text, 'héllo wörld')
  await manager.close()
})

await check('the file store of dialogues', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'generation-jobs-'))
  const store = createFileDialogueStore({ directory })
  await store.save({ title: 'A', nodes: [] }, { jobId: 'one', fencingToken: 1, signal: new AbortController().signal })
  equal(await readdir(directory), ['one.json'])
  await rm(directory, { recursive: true })
})

await check('the client on the handler: text streams, an interrupt ends it, the stream is closed', async () => {
  const manager = new GenerationJobManager({ logger: false })
  const handler = createGenerationHandler({
    manager,
    params: { '~standard': { version: 1, vendor: 'none', validate: (value) => ({ value }) } },
    start: () => (run) => run.stream(words()),
    authorize: () => ({ owner: 'ada' }),
  })
  const client = createGenerationClient({
    baseUrl: 'http://127.0.0.1/api/v1/dialogues/generate',
    fetch: (input, init) => handler(new Request(input, init)),
  })
  await client.start({})
  await new Promise((resolve) => {
    const unsubscribe = client.subscribe(() => {
      if (!client.getState().text.includes('word 3')) return
      unsubscribe()
      resolve(undefined)
    })
  })
  await client.interrupt()
  equal([client.getState().phase, client.getState().message], ['interrupted', 'Génération interrompue'])
  client.dispose()
  await manager.close()
  equal([manager.stats().jobs.running, manager.stats().subscriptions], [0, 0])
})

/** Milliseconds from a viewer's leaving until the job's disconnect policy knows, of ten; the whole way through a real socket. */
async function disconnects() {
  const manager = new GenerationJobManager({ logger: false })
  const handler = createGenerationHandler({
    manager,
    params: { '~standard': { version: 1, vendor: 'none', validate: (value) => ({ value }) } },
    start: () => (run) => run.stream(words()),
    authorize: () => ({ owner: 'ada' }),
  })
  const server = await serve(handler)
  const spans = []
  for (let round = 0; round < 10; round += 1) {
    const created = await fetch(`${server.url}/api/v1/dialogues/generate/jobs`, { method: 'POST', body: '{}' })
    const { job_id, stream_url } = await created.json()
    const leaving = new AbortController()
    const stream = await fetch(new URL(stream_url, server.url), { signal: leaving.signal })
    await stream.body?.getReader().read()
    equal(manager.stats().viewers, 1)
    const left = performance.now()
    leaving.abort()
    while (manager.stats().viewers > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    spans.push(performance.now() - left)
    await manager.cancel(job_id)
  }
  await manager.close()
  await server.close()
  return spans.sort((a, b) => a - b)
}

/** The server that this runtime brings. */
async function serve(handler) {
  const { Bun, Deno } = globalThis
  if (Bun) {
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch: (request) => handler(request) })
    return { url: `http://127.0.0.1:${server.port}`, close: () => server.stop(true) }
  }
  if (Deno) {
    const server = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, (request) => handler(request))
    return { url: `http://127.0.0.1:${server.addr.port}`, close: () => server.shutdown() }
  }
  const { createServer } = await import('node:http')
  const { toNodeHandler } = await import('generation-jobs/node')
  const server = createServer(toNodeHandler(handler))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => server.close(() => resolve(undefined)) && server.closeAllConnections()),
  }
}

let disconnectMs = Number.NaN
await check('a viewer who leaves is noticed, on the server of this runtime', async () => {
  const spans = await disconnects()
  disconnectMs = spans[Math.floor(spans.length / 2)] ?? Number.NaN
})

console.log(JSON.stringify({ passed, failed, disconnectMs }))
if (failed.length > 0) globalThis.process.exitCode = 1
