import { checkRegisterOptions } from '../core/check-options.js'
import { InvalidOptionsError, kindOf, StoreError } from '../core/errors.js'
import type { JobNode, RegisteredJob } from '../core/job-node.js'
import type { CancelAnswer, JobRecord } from '../core/job-store.js'
import { jsonCopy } from '../core/json-copy.js'
import type { RegisterOptions } from '../core/options.js'
import { answerInTime } from './answer-in-time.js'
import { deliveryId, deliveryOf } from './delivery.js'
import type { BullMQQueue } from './queue.js'

/** Where BullMQ puts the job in its queue; see `JobsOptions` of bullmq. */
export interface DeliveryOptions {
  /** Milliseconds before a worker may have it; the job's deadline counts meanwhile. */
  delay?: number | undefined
  /** 1 comes first; without one it comes before those that have one. */
  priority?: number | undefined
  lifo?: boolean | undefined
}

/** First the record, so that the job can be cancelled from the moment it has an id, then the delivery. */
export async function enqueueJob<T>(
  node: JobNode,
  queue: BullMQQueue,
  data: unknown,
  options: RegisterOptions | undefined,
  place: DeliveryOptions,
): Promise<RegisteredJob<T>> {
  const checked = checkRegisterOptions(options)
  const deadlineMs = checkDeadline(checked, node.options.deadlineMs)
  const json = jsonCopy(data)
  if (json === undefined) {
    throw new InvalidOptionsError(`enqueue: expected data that is JSON, as it goes through Redis, got ${kindOf(data)}.`)
  }
  const job = await node.enqueue<T>(checked, deadlineMs)
  const { record } = job
  // Also for a known key: whoever made the record may have died before it was in the queue. BullMQ takes an id once.
  if (job.created || record.status === 'pending') {
    await add(node, queue, record, {
      delivery: deliveryOf(record, checked, deadlineMs, json),
      // A retry would find the job started or settled: nothing runs twice. The record is what is kept of it.
      options: { ...place, jobId: deliveryId(record.jobId), attempts: 1, removeOnComplete: true, removeOnFail: true },
    })
  }
  return job
}

function checkDeadline({ signal, deadlineMs }: RegisterOptions, fallbackMs: number | false): number {
  if (signal) {
    throw new InvalidOptionsError('enqueue: signal: a queued job outlives its caller; cancel it by its id.')
  }
  const ms = deadlineMs ?? fallbackMs
  if (ms === false) {
    throw new InvalidOptionsError(
      'enqueue: deadlineMs: expected milliseconds, got false. Nothing else ends a queued job that no worker comes for.',
    )
  }
  return ms
}

async function add(
  node: JobNode,
  queue: BullMQQueue,
  record: JobRecord,
  { delivery, options }: { delivery: Parameters<BullMQQueue['add']>[1]; options: object },
): Promise<void> {
  try {
    await answerInTime(node, queue.add('generation', delivery, options))
  } catch (cause) {
    throw await refused(node, record, cause)
  }
}

/** Nobody may wait for a job that is in no queue. If the queue took it all the same, its worker finds it cancelled. */
async function refused(node: JobNode, { jobId }: JobRecord, cause: unknown): Promise<StoreError> {
  const reason = { kind: 'signal', message: 'The queue did not take the job', at: node.clock.now() } as const
  const cancelId = `${node.nodeId}.enqueue.${jobId}`
  let consequence = 'its record ends at its deadline'
  try {
    const answer = await node.store.requestCancel({ jobId, cancelId, reason })
    if (answer.answer === 'cancelled') node.journal.ended(answer.record)
    consequence = consequenceOf(answer)
  } catch {
    // The store is away too.
  }
  return new StoreError('enqueue', `failed: BullMQ may not have job ${jobId}; ${consequence}`, { cause })
}

function consequenceOf(answer: CancelAnswer): string {
  switch (answer.answer) {
    case 'cancelled':
    case 'already-settled':
      return `its record is ${answer.record.status}`
    case 'accepted':
    case 'joined':
      return 'a worker has it all the same, and is told to cancel it'
    case 'too-late':
      return 'a worker has it all the same, and saves its result'
    case 'not-found':
      return 'its record is gone'
  }
}
