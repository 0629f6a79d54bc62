import { InvalidOptionsError, kindOf } from '../core/errors.js'
import { type JobHandle, ManagedJob } from '../core/job-handle.js'
import type { JobNode } from '../core/job-node.js'
import type { GenerationJobManager } from '../core/manager.js'
import { nodeOf } from '../core/manager-node.js'
import type { RegisterOptions } from '../core/options.js'
import type { Producer } from '../core/producer.js'
import { jobIdOf } from './delivery.js'
import { type DeliveryOptions, enqueueJob } from './enqueue.js'
import { type Processed, processDelivery } from './processor.js'
import type { BullMQJob, BullMQQueue } from './queue.js'
import { withdrawCancelled } from './withdraw.js'

/** Of {@link createBullMQBridge}. */
export interface BullMQBridgeOptions<Data, Result> {
  /** On a store that all nodes share. */
  manager: GenerationJobManager
  /** A `Queue` of bullmq, the same on all nodes. */
  queue: BullMQQueue
  /** The producer of a job, made of what was enqueued; called where a worker runs it. */
  producer: (data: Data) => Producer<Result>
}

/** Members can be used unbound. */
export interface BullMQBridge<Data, Result> {
  /**
   * Records a pending job that nobody owns yet, and puts it into the queue. From then on any node can cancel, read and await it; at its
   * deadline it is cancelled. `data` is JSON and goes through Redis; `signal` and `deadlineMs: false` are refused.
   *
   * @throws {InvalidOptionsError} when an argument is wrong
   * @throws {JobAlreadyExistsError} when the id is recorded already
   * @throws {JobConflictError} when the group has a live job, or the idempotency key belongs to another request
   * @throws {ManagerClosedError} when the manager drains or is closed
   * @throws {StoreError} when the store or the queue cannot be reached; a job that the queue did not take is cancelled (kind `signal`)
   */
  enqueue(data: Data, options?: RegisterOptions, place?: DeliveryOptions): Promise<JobHandle<Result>>
  /**
   * For `new Worker(name, bridge.processor)`. Runs the job in this manager, at once, however many run there: `concurrency` of the worker
   * is the limit. Resolves only when a completed job is settled; a cancelled or failed one rejects so that BullMQ does not try again.
   */
  processor(job: BullMQJob, token?: string, signal?: AbortSignal): Promise<Processed>
  /** For `worker.on('lockRenewalFailed', …)`: cancels the jobs (kind `lease-lost`) that BullMQ may give to another worker now. */
  onLockRenewalFailed(ids: readonly string[]): void
}

/**
 * Lets BullMQ bring jobs to workers, while the manager's records stay the truth: a queued job can be cancelled from every node, one that
 * is delivered twice runs once, and what BullMQ shows of a job is a copy.
 *
 * @throws {InvalidOptionsError} when an option is wrong
 */
export function createBullMQBridge<Data, Result>(
  options: BullMQBridgeOptions<Data, Result>,
): BullMQBridge<Data, Result> {
  const { manager, queue, producer } = options
  const node = nodeOf(manager)
  check('queue', has(queue, 'add') && has(queue, 'getJob'), 'a Queue of bullmq', queue)
  check('producer', typeof producer === 'function', 'a function', producer)
  withdrawCancelled(node, queue)
  return {
    async enqueue(data, registerOptions, place = {}) {
      const job = await enqueueJob<Result>(node, queue, data, registerOptions, place)
      return new ManagedJob(manager, job, node.completion)
    },
    // Three plain parameters: BullMQ counts them, and gives no signal to a function with fewer.
    processor: (job, token, signal) =>
      processDelivery(node, producer as (data: unknown) => Producer<unknown>, { job, token, signal }),
    onLockRenewalFailed: (ids) => loseLocks(node, ids),
  }
}

function loseLocks(node: JobNode, ids: readonly string[]): void {
  for (const id of ids) {
    const reason = { kind: 'lease-lost', message: "BullMQ's lock was lost", at: node.clock.now() } as const
    void node.runs.get(jobIdOf(id))?.requestCancel(reason)
  }
}

function has(value: unknown, method: string): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function'
}

function check(name: string, isRight: boolean, expected: string, value: unknown): void {
  if (!isRight)
    throw new InvalidOptionsError(`createBullMQBridge: ${name}: expected ${expected}, got ${kindOf(value)}.`)
}
