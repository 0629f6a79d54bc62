// A server that shuts down without losing a generation. At SIGTERM or Ctrl-C it admits nothing new, lets the running
// generations finish for a while, cancels the rest, tells every reader how its job ended, reports and ends by itself.
// A second signal does not wait any longer.
// Run: node examples/graceful-shutdown/main.ts   then: curl -N -X POST 'http://127.0.0.1:8080/jobs?words=500'
import { once } from 'node:events'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { GenerationJobManager, isGenerationJobError, type JobEvent, type Producer } from 'generation-jobs'

const port = wholeNumber('PORT', 8_080)
const directory = process.env.RESULTS ?? path.join(tmpdir(), 'graceful-shutdown')
/** Drain, grace period (7 s) and the last bytes together stay below the 30 s that Kubernetes gives a pod. */
const drainMs = wholeNumber('DRAIN_MS', 15_000)
const lastBytesMs = 2_000

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

await mkdir(directory, { recursive: true })
const manager = new GenerationJobManager({ locale: 'en' })
let isDraining = false

/** Stands for a model: a word every 20 ms. */
async function* model(words: number, signal: AbortSignal): AsyncGenerator<string> {
  for (let word = 1; word <= words; word += 1) {
    await wait(20, undefined, { signal })
    yield `word ${word}\n`
  }
}

/** The file becomes visible as a whole or not at all, whenever the server is told to go. */
function writeStory(words: number): Producer<string> {
  return async (run) => {
    const file = path.join(directory, `${run.jobId}.txt`)
    const part = `${file}.part`
    run.defer(() => rm(part, { force: true }), 'unfinished file')
    const { text } = await run.stream(model(words, run.signal))
    return await run.commit(async ({ signal }) => {
      await writeFile(part, text, { signal })
      await rename(part, file)
      return file
    })
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    const isLeaving = isGenerationJobError(error) && error.code === 'manager.closed'
    send(response, isLeaving ? 503 : 500, isLeaving ? 'shutting down' : 'failed', { 'retry-after': '5' })
  })
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const route = `${request.method} ${pathname}`
  // What a load balancer asks: it takes a draining server out.
  if (route === 'GET /health') return send(response, isDraining ? 503 : 200, isDraining ? 'draining' : 'ok')
  if (route !== 'POST /jobs') return send(response, 404, 'not found')
  const words = Number(searchParams.get('words') ?? 100)
  if (!Number.isInteger(words) || words < 1) return send(response, 400, 'words: expected a whole number above 0')
  const job = await manager.register(writeStory(words))
  await sendEvents(job.events({ signal: closingOf(response) }), job.jobId, response)
}

/** One event per line, to the terminal one. A reader that leaves is no cancel: the job goes on. */
async function sendEvents(events: AsyncIterable<JobEvent>, jobId: string, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'x-job-id': jobId })
  response.flushHeaders()
  const lines = async function* () {
    for await (const event of events) yield `${JSON.stringify(event)}\n`
  }
  await pipeline(lines, response).catch(() => undefined)
}

function closingOf(response: ServerResponse): AbortSignal {
  const closing = new AbortController()
  response.once('close', () => closing.abort())
  return closing.signal
}

function send(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'text/plain', connection: 'close', ...headers }).end(`${text}\n`)
}

function wholeNumber(name: string, fallback: number): number {
  const number = Number(process.env[name] ?? fallback)
  if (!Number.isInteger(number) || number < 0) throw new Error(`${name}: expected a whole number from 0`)
  return number
}

/** Requests are answered until the drain is over: new jobs with 503, open streams to their end. */
async function shutDown(): Promise<void> {
  isDraining = true
  console.log(`Draining: running jobs have ${drainMs} ms to finish`)
  const { completed, failed, cancelled, forced, waitedMs } = await manager.drain({ timeoutMs: drainMs })
  server.close()
  const impatient = setTimeout(() => server.closeAllConnections(), lastBytesMs)
  await once(server, 'close')
  clearTimeout(impatient)
  await manager.close()
  console.log(
    `Drained in ${Math.round(waitedMs)} ms: ${completed} completed, ${failed} failed, ${cancelled} cancelled, ${forced} forced`,
  )
  // Nothing of a settled job holds the process; only a producer or a source that would not let go may.
  if (forced > 0) process.exit(0)
}

for (const [signal, exitCode] of Object.entries(EXIT_CODES)) {
  process.on(signal, () => {
    if (!isDraining) return void shutDown()
    console.log('Forced: the second signal does not wait')
    process.exit(exitCode)
  })
}

server.listen(port, '127.0.0.1', () => {
  const address = server.address()
  const actual = typeof address === 'object' ? address?.port : port
  console.log(`Listening on http://127.0.0.1:${actual}, results in ${directory}`)
})
