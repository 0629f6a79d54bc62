// A node in a process of its own, to be killed or stopped: node --import …/package-hooks.mjs owner-process.ts <options as JSON>.
// Writes one JSON line for each thing that happens.
import { GenerationJobManager, type Producer } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { createClient } from 'redis'

export interface OwnerOptions {
  readonly port: number
  readonly prefix: string
  readonly leaseMs: number
  readonly heartbeatMs: number
  readonly does: keyof typeof PRODUCERS | 'waits in the queue'
  /** At SIGUSR2 the date of its machine moves by this. */
  readonly dateJumpMs?: number
}

const options = JSON.parse(process.argv[2] ?? '{}') as OwnerOptions
const tell = (event: string, fields: object = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const never = () => new Promise<never>(() => {})

process.on('SIGUSR2', () => {
  const dateOfBefore = Date.now
  Date.now = () => dateOfBefore() + (options.dateJumpMs ?? 0)
  tell('date jumped')
})

const PRODUCERS = {
  /** Emits until it is told to stop. */
  async streams(run) {
    run.defer(({ status }) => void tell('cleanup', { status }))
    run.token.onCancel(({ kind }) => void tell('told', { kind }))
    for (;;) {
      run.emit('text ')
      await sleep(10)
    }
  },
  /** Waits for its first token, and does not hear that it is cancelled. */
  async hangs(run) {
    run.defer(({ status }) => void tell('cleanup', { status }))
    run.token.onCancel(({ kind }) => void tell('told', { kind }))
    await never()
  },
  async saves(run) {
    run.emit('whole text')
    run.defer(({ status }) => void tell('cleanup', { status }))
    await run.commit(({ signal }) => {
      tell('saving')
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          tell('save aborted')
          reject(new Error('aborted'))
        })
      })
    })
  },
  /** Tries to save after it was stopped. */
  async 'saves late'(run) {
    run.emit('whole text')
    while (!process.argv.includes('never')) {
      const before = performance.now()
      await sleep(20)
      if (performance.now() - before > 500) break // it was stopped meanwhile
    }
    tell('woke')
    await run.commit(() => tell('saved'))
  },
} satisfies Record<string, Producer<void>>

const client = createClient({ socket: { port: options.port, host: '127.0.0.1' } })
client.on('error', () => {})
await client.connect()
const { prefix, leaseMs, heartbeatMs } = options
const queues = options.does === 'waits in the queue'
const manager = new GenerationJobManager({
  store: createRedisJobStore({ client, prefix, leaseMs, heartbeatMs }),
  logger: {
    debug: () => {},
    info: () => {},
    warn: (fields) => tell('log', { line: Reflect.get(fields, 'event') }),
    error: () => {},
  },
  // Long enough to be killed meanwhile.
  ...(options.does === 'hangs' ? { gracePeriodMs: 20_000, cancelTimeoutMs: 25_000 } : undefined),
  ...(queues ? { maxConcurrentJobs: 1 } : undefined),
})
if (queues) await manager.register(PRODUCERS.hangs)
const producer: Producer<void> = queues ? async () => void tell('producer called') : PRODUCERS[options.does as 'hangs']
const job = await manager.register(producer)
tell('registered', { jobId: job.jobId })
void job.settled.then(({ status, recorded, commit, ...outcome }) => {
  const reason = 'reason' in outcome ? outcome.reason.kind : undefined
  const code = 'error' in outcome ? outcome.error.code : undefined
  tell('settled', { status, recorded, commit, reason, code })
})
