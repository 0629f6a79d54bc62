// A web node and two workers with a queue of BullMQ between them. Three stories are ordered: one is written, one is cancelled from
// the web node while it waits in the queue, one while a worker writes it. The program says what happened, and ends by itself.
// Run: node examples/bullmq/main.ts   (starts a redis-server of its own; REDIS_URL=redis://host:6379 uses yours instead)
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Queue } from 'bullmq'
import { GenerationJobManager } from 'generation-jobs'
import { createBullMQBridge } from 'generation-jobs/bullmq'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { openRedis } from './redis.ts'
import { QUEUE, type Story, tellStory } from './story.ts'

const say = (line: string) => console.log(`web       ${line}`)

const redis = await openRedis()
const client = new Redis(redis.url, { maxRetriesPerRequest: null })
const queue = new Queue<unknown>(QUEUE, { connection: client })
const manager = new GenerationJobManager({ store: createRedisJobStore({ client }), logger: false })
const { enqueue } = createBullMQBridge({ manager, queue, producer: tellStory })

async function order(story: Story) {
  const job = await enqueue(story, { owner: 'ann', metadata: { title: story.title } })
  say(`ordered   ${story.title}`)
  return job
}

/** What a Stop button on any node does; this one runs no job. */
async function stop(title: string, jobId: string) {
  const result = await manager.cancel(jobId, { by: 'ann' })
  const how = result.outcome === 'cancelled' && result.runMs === 0 ? ', it never ran' : ''
  say(`stopped   ${title}: ${result.outcome}${how}`)
}

async function untilFirstWord(jobId: string) {
  for await (const { type } of manager.events(jobId)) if (type === 'chunk') return
}

// Each worker writes one story at a time, so the third has to wait.
const workers = [1, 2].map((number) => fork(new URL('./worker.ts', import.meta.url), [String(number), redis.url]))
await Promise.all(workers.map((worker) => once(worker, 'message')))
const short = await order({ title: 'The lamp', words: 100 })
const endless = await order({ title: 'The sea', words: 1_000_000 })
await Promise.all([untilFirstWord(short.jobId), untilFirstWord(endless.jobId)])
const waiting = await order({ title: 'The map', words: 100 })

say(`queued    The map: ${(await manager.get(waiting.jobId))?.status}`)
await stop('The map', waiting.jobId)
await stop('The sea', endless.jobId)
const outcome = await short.settled
say(`received  The lamp: ${outcome.status === 'completed' ? outcome.value : outcome.status}`)

// A rolling restart: the workers finish or cancel what they run and leave the queue alone.
for (const worker of workers) {
  worker.kill('SIGTERM')
  await once(worker, 'exit')
}
for (const { metadata, status, cancel } of await manager.list({ owner: 'ann' })) {
  say(`record    ${metadata?.title}: ${status}${cancel ? ` by ${cancel.reason.by}` : ''}`)
}
await manager.close()
await queue.close()
client.disconnect()
redis.stop()
