import { Queue, QueueEvents, Worker, type WorkerOptions } from 'bullmq'
import { GenerationJobManager, type GenerationJobManagerOptions, type Producer } from 'generation-jobs'
import { type BullMQBridge, createBullMQBridge } from 'generation-jobs/bullmq'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { type CapturedLogs, captureLogs } from '../../support/captured-logs.js'
import { HEARTBEAT_MS, LEASE_MS } from './times.js'

const host = '127.0.0.1'
const ignore = () => {}

export interface Order {
  readonly words: number
}

/** One server process in the small: its manager on Redis, its queue of BullMQ, its bridge. */
export interface BullNode {
  readonly manager: GenerationJobManager
  readonly logs: CapturedLogs
  readonly queue: Queue
  readonly bridge: BullMQBridge<Order, string>
  /** Starts a worker of BullMQ here. */
  work(options?: Partial<WorkerOptions>): Worker
}

/** Closed when the test ends, workers first. */
export function openBullNode(
  port: number,
  name: string,
  producer: (order: Order) => Producer<string>,
  options: GenerationJobManagerOptions = {},
): BullNode {
  const client = new Redis(port, host)
  client.on('error', ignore)
  const logs = captureLogs()
  const manager = new GenerationJobManager({
    store: createRedisJobStore({ client, prefix: name, leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS }),
    logger: logs,
    gracePeriodMs: 300,
    cancelTimeoutMs: 900,
    retentionMs: 60_000,
    ...options,
  })
  const connection = { port, host }
  const queue = new Queue(name, { connection })
  queue.on('error', ignore)
  const bridge = createBullMQBridge({ manager, queue, producer })
  const workers: Worker[] = []
  onTestFinished(async () => {
    await manager.close()
    for (const worker of workers) await worker.close(true)
    await queue.close()
    client.disconnect()
  })
  return {
    manager,
    logs,
    queue,
    bridge,
    work(own) {
      const worker = new Worker(name, bridge.processor, { connection, maxStalledCount: 1, ...own })
      worker.on('error', ignore)
      worker.on('lockRenewalFailed', bridge.onLockRenewalFailed)
      workers.push(worker)
      return worker
    },
  }
}

export interface BullEvent {
  readonly event: 'completed' | 'failed' | 'active' | 'removed' | 'delayed' | 'stalled'
  readonly id: string
  readonly told: unknown
}

/** What BullMQ tells everybody about the jobs of a queue. */
export async function followQueue(port: number, name: string): Promise<BullEvent[]> {
  const seen: BullEvent[] = []
  const events = new QueueEvents(name, { connection: { port, host } })
  events.on('error', ignore)
  const note = (event: BullEvent['event']) => (args: { jobId: string; returnvalue?: unknown; failedReason?: string }) =>
    void seen.push({ event, id: args.jobId, told: args.returnvalue ?? args.failedReason })
  events.on('completed', note('completed'))
  events.on('failed', note('failed'))
  events.on('active', note('active'))
  events.on('removed', note('removed'))
  events.on('delayed', note('delayed'))
  events.on('stalled', note('stalled'))
  await events.waitUntilReady()
  onTestFinished(() => events.close())
  return seen
}
