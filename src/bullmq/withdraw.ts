import type { JobNode } from '../core/job-node.js'
import type { JobRecord } from '../core/job-store.js'
import { answerInTime } from './answer-in-time.js'
import { deliveryId } from './delivery.js'
import type { BullMQQueue } from './queue.js'

/** A worker has it or had it, and tells its end. */
const TAKEN: readonly string[] = ['active', 'completed', 'failed', 'unknown']

/** Takes jobs out of the queue that are cancelled on this node while they wait there. */
export function withdrawCancelled(node: JobNode, queue: BullMQQueue): void {
  // Nobody waits for it: the cancel is recorded, and a worker that gets the job meanwhile finds it so and runs nothing.
  node.pendingCancelled.add((record) => void withdraw(node, queue, record).catch(() => undefined))
}

async function withdraw(node: JobNode, queue: BullMQQueue, record: JobRecord): Promise<void> {
  const delivery = await answerInTime(node, queue.getJob(deliveryId(record.jobId)))
  if (!delivery) return // of another queue, or of a process that lets its own jobs wait
  if (TAKEN.includes(await answerInTime(node, delivery.getState()))) return
  // It rejects when a worker took the job meanwhile. Whoever removes it tells its end, however late the answer is.
  await answerInTime(
    node,
    delivery.remove().then(() => node.journal.ended(record)),
  )
}
