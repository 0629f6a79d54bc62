// A server that leaves at SIGTERM as an application should: node --import …/package-hooks.mjs leaving-process.ts <options as JSON>.
// Nobody calls process.exit: it ends when nothing is left that holds it. Writes one JSON line for each thing that happens.
import { setTimeout as delay } from 'node:timers/promises'
import { GenerationJobManager, type Producer } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { CLIENTS, type ClientName } from './clients.js'

export interface LeavingOptions {
  readonly client: ClientName
  readonly port: number
  readonly prefix: string
  readonly leaseMs: number
  readonly heartbeatMs: number
  readonly drainMs: number
  readonly gracePeriodMs: number
}

const options = JSON.parse(process.argv[2] ?? '{}') as LeavingOptions
const tell = (event: string, fields: object = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)
const leaving = new Promise<void>((resolve) => process.once('SIGTERM', () => resolve()))

/** What each of its jobs does when it is told to leave. */
const PRODUCERS = {
  async finishes(run) {
    run.emit('begun')
    await leaving
    await delay(options.drainMs / 4)
    run.emit('done')
    return 'whole'
  },
  async streams(run) {
    run.step('Generating')
    run.defer(({ status }) => void tell('cleanup', { status }))
    for (;;) {
      run.emit('text ')
      await delay(10)
    }
  },
  async 'does not hear'(run) {
    run.emit('begun')
    await new Promise<never>(() => {})
  },
  /** It had begun before the signal, and takes longer than the drain. */
  async saves(run) {
    await run.commit(async () => {
      await leaving
      await delay(1.5 * options.drainMs)
      tell('saved')
    })
  },
  async waits() {
    tell('producer called')
  },
} satisfies Record<string, Producer<unknown>>
export type LeavingJob = keyof typeof PRODUCERS

const { client, close } = await CLIENTS[options.client](options.port)
const { prefix, leaseMs, heartbeatMs, gracePeriodMs } = options
const manager = new GenerationJobManager({
  store: createRedisJobStore({ client, prefix, leaseMs, heartbeatMs }),
  logger: false,
  gracePeriodMs,
  cancelTimeoutMs: gracePeriodMs + 2_000, // its store calls have three quarters of the two seconds
  maxConcurrentJobs: 4,
})
const jobs: Record<string, string> = {}
for (const [name, producer] of Object.entries<Producer<unknown>>(PRODUCERS)) {
  jobs[name] = (await manager.register(producer)).jobId
}
tell('registered', { jobs })

await leaving
const drained = manager.drain({ timeoutMs: options.drainMs })
await manager.register(async () => tell('admitted')).catch(({ code }) => tell('refused', { code }))
tell('drained', await drained)
await manager.close()
close()
tell('left', { stats: manager.stats() })
