// `npm run bench:redis`: what jobs on Redis cost, beside bare commands and BullMQ on the same server, all in one run. Needs redis-server.
//   --rounds=400   cancels
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stdout } from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Queue, Worker } from 'bullmq'
import { GenerationJobManager } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { quantile } from './measure/statistics.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '400' } } })
const rounds = Number(values.rounds)
const JOBS = 3_000
const CONCURRENCY = 100
const CHUNKS = 10_000
const PORT = 26_379

const server = spawn(
  'redis-server',
  ['--port', String(PORT), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
  {
    stdio: 'ignore',
  },
)
const address = { host: '127.0.0.1', port: PORT }
const admin = new Redis({ ...address, retryStrategy: () => 50, maxRetriesPerRequest: null })
admin.on('error', () => undefined) // until the server listens
await admin.ping()

const nodeRedis = async () => {
  const client = createClient({ socket: address })
  await client.connect()
  return { client, close: () => client.destroy() }
}
const ioredis = async () => {
  const client = new Redis(address)
  return { client, close: () => client.disconnect() }
}

/** Once unmeasured, so that the compiler is through. */
for (const isMeasured of [false, true]) {
  const bullmq = await ratePerSecond('BullMQ: add and process', bullmqJobs, isMeasured)
  for (const [name, open] of Object.entries({ 'node-redis': nodeRedis, ioredis })) {
    const [a, b] = [await open(), await open()]
    const managerOn = ({ client }: typeof a) =>
      new GenerationJobManager({ store: createRedisJobStore({ client, prefix: name }), logger: false })
    const [owner, other] = [managerOn(a), managerOn(b)]
    await cancels(name, owner, other, isMeasured)
    const ours = await ratePerSecond(`${name}: register and complete`, () => jobs(owner), isMeasured)
    if (isMeasured) line(`${name}: register and complete`, `${(ours / bullmq).toFixed(2)}x BullMQ`)
    await replay(name, owner, other, isMeasured)
    await Promise.all([owner.close(), other.close()])
    for (const { close } of [a, b]) close()
  }
}
admin.disconnect()
server.kill()
await once(server, 'exit')

/** From the call on one node to the token on the other, beside a bare PUBLISH to a subscriber; they take turns. */
async function cancels(name: string, owner: GenerationJobManager, other: GenerationJobManager, isMeasured: boolean) {
  const subscriber = admin.duplicate()
  await subscriber.subscribe('bare')
  const bare: number[] = []
  const ours: number[] = []
  for (let round = 0; round < rounds; round++) {
    const heard = once(subscriber, 'message').then(() => performance.now())
    const sentAt = performance.now()
    await admin.publish('bare', 'x')
    bare.push((await heard) - sentAt)

    let fire: (at: number) => void = () => {}
    const fired = new Promise<number>((resolve) => {
      fire = resolve
    })
    const job = await owner.register(
      (run) =>
        new Promise<void>((resolve) => {
          run.token.onCancel(() => {
            fire(performance.now())
            resolve()
          })
        }),
    )
    await wait(1)
    const calledAt = performance.now()
    const answered = other.cancel(job.jobId)
    ours.push((await fired) - calledAt)
    await answered
  }
  subscriber.disconnect()
  if (!isMeasured) return
  for (const [part, share] of Object.entries({ p50: 0.5, p99: 0.99 })) {
    const [ms, bareMs] = [quantile(ours, share), quantile(bare, share)]
    line(`${name}: cancel to remote token, ${part}`, `${ms.toFixed(2)} ms, ${(ms / bareMs).toFixed(2)}x PUBLISH`)
  }
}

async function replay(name: string, owner: GenerationJobManager, other: GenerationJobManager, isMeasured: boolean) {
  const job = await owner.register(async (run) => {
    for (let chunk = 1; chunk <= CHUNKS; chunk++) {
      run.emit(`token ${chunk}`)
      if (chunk % 500 === 0) await wait(2)
    }
  })
  await job.settled
  const spans: number[] = []
  for (let round = 0; round < 9; round++) {
    const startedAt = performance.now()
    let count = 0
    for await (const { type } of other.events(job.jobId)) if (type === 'chunk') count++
    if (count !== CHUNKS) throw new Error(`read ${count} chunks`)
    spans.push(performance.now() - startedAt)
  }
  if (isMeasured) line(`${name}: replay of ${CHUNKS} chunks on another node`, `${quantile(spans, 0.5).toFixed(1)} ms`)
}

async function jobs(manager: GenerationJobManager): Promise<void> {
  await inParallel(async () => {
    const job = await manager.register(async () => 1)
    await job.settled
  })
}

async function bullmqJobs(): Promise<void> {
  const connection = { ...address, maxRetriesPerRequest: null }
  const queue = new Queue('bench', { connection })
  let done = 0
  const worker = new Worker('bench', async () => 1, {
    connection,
    concurrency: CONCURRENCY,
    removeOnComplete: { count: 0 },
  })
  await worker.waitUntilReady()
  const all = new Promise<void>((resolve) => {
    worker.on('completed', () => {
      if (++done === JOBS) resolve()
    })
  })
  await inParallel(() => queue.add('job', {}))
  await all
  await worker.close()
  await queue.close()
}

async function inParallel(work: () => Promise<unknown>): Promise<void> {
  let begun = 0
  const lane = async (): Promise<void> => {
    while (begun++ < JOBS) await work()
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, lane))
}

async function ratePerSecond(name: string, work: () => Promise<void>, isMeasured: boolean): Promise<number> {
  const startedAt = performance.now()
  await work()
  const rate = Math.round((JOBS / (performance.now() - startedAt)) * 1_000)
  if (isMeasured) line(name, `${rate} jobs/s`)
  return rate
}

function line(name: string, figure: string): void {
  stdout.write(`${name.padEnd(52)} ${figure}\n`)
}
