// A worker in a process of its own, to be killed: node --import …/package-hooks.mjs worker-process.ts <port> <queue> <does>.
import { Queue, Worker } from 'bullmq'
import { GenerationJobManager } from 'generation-jobs'
import { createBullMQBridge } from 'generation-jobs/bullmq'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { HEARTBEAT_MS, IMPATIENT, LEASE_MS } from './times.ts'

const [port = '', name = '', does = ''] = process.argv.slice(2)
const connection = { port: Number(port), host: '127.0.0.1' }
const tell = (event: string) => process.stdout.write(`${event}\n`)
const never = () => new Promise<never>(() => {})

const manager = new GenerationJobManager({
  store: createRedisJobStore({
    client: new Redis(connection),
    prefix: name,
    leaseMs: LEASE_MS,
    heartbeatMs: HEARTBEAT_MS,
  }),
  logger: false,
})
const bridge = createBullMQBridge({
  manager,
  queue: new Queue(name, { connection }),
  producer: () => async () => {
    tell('running')
    return await never()
  },
})
const processor = async () => {
  tell('received')
  return await never()
}
new Worker(name, does === 'runs' ? bridge.processor : processor, {
  connection,
  ...IMPATIENT,
})
tell('ready')
