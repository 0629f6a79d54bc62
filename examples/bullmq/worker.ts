// A worker: writes one story at a time, until it is told to go. Started by main.ts.
import { argv } from 'node:process'
import { Queue, Worker } from 'bullmq'
import { GenerationJobManager } from 'generation-jobs'
import { createBullMQBridge } from 'generation-jobs/bullmq'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { QUEUE, type Story, tellStory } from './story.ts'

const [number, url = ''] = argv.slice(2)
const client = new Redis(url, { maxRetriesPerRequest: null })
const queue = new Queue<unknown>(QUEUE, { connection: client })
const manager = new GenerationJobManager({ store: createRedisJobStore({ client }), logger: false })
const bridge = createBullMQBridge({
  manager,
  queue,
  producer: (story: Story) => (run) => {
    console.log(`worker ${number}  writes    ${story.title}`)
    run.defer(({ status }) => console.log(`worker ${number}  released  ${story.title}: ${status}`))
    return tellStory(story)(run)
  },
})
const worker = new Worker(QUEUE, bridge.processor, { connection: client, concurrency: 1 })
worker.on('lockRenewalFailed', bridge.onLockRenewalFailed)
worker.on('error', (error) => console.error(error.message))
await worker.waitUntilReady()
process.send?.('ready')

let isLeaving = false
process.once('SIGTERM', leave)
process.once('disconnect', leave) // main.ts is gone

async function leave(): Promise<void> {
  if (isLeaving) return
  isLeaving = true
  await worker.pause(true) // fetches nothing any more
  await manager.drain({ timeoutMs: 10_000 }) // what waits in the queue is left to other workers
  await worker.close()
  await manager.close()
  await queue.close()
  client.disconnect()
  if (process.connected) process.disconnect()
}
