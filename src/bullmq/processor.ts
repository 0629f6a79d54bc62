import { isGenerationJobError } from '../core/errors.js'
import type { JobNode } from '../core/job-node.js'
import type { JobRecord } from '../core/job-store.js'
import { type JobOutcome, recordedOutcome } from '../core/outcome.js'
import type { Producer } from '../core/producer.js'
import { answerInTime } from './answer-in-time.js'
import { type Delivery, readDelivery } from './delivery.js'
import { type BullMQJob, DelayedError, UnrecoverableError } from './queue.js'

/** What BullMQ keeps of a job that completed, after everything was released. The result stands in our record. */
export interface Processed {
  readonly jobId: string
  readonly status: 'completed'
  /** `false`: the store was away when the job ended; its record follows. */
  readonly recorded: boolean
}

/** A delivery in the hands of a worker. */
export interface Received {
  readonly job: BullMQJob
  readonly token: string | undefined
  readonly signal: AbortSignal | undefined
}

/** How long a delivery that this process cannot take now stays away from the workers, milliseconds. */
const PUT_BACK_MS = 1_000

/** Runs the job that a worker was given, unless it runs or ran already, and answers when it is settled. */
export async function processDelivery(
  node: JobNode,
  producerOf: (data: unknown) => Producer<unknown>,
  received: Received,
): Promise<Processed> {
  const delivery = readDelivery(received.job.data)
  if (!delivery) throw new UnrecoverableError('The job was not enqueued by the bridge of generation-jobs.')
  if (delivery === 'newer') return putBack(node, received, 'A newer version of generation-jobs enqueued the job.')
  if (!node.isOpen) return putBack(node, received, 'The manager drains.')
  let outcome: JobOutcome<unknown> | undefined
  try {
    outcome = await run(node, producerOf, delivery, received.signal)
  } catch (error) {
    if (isGenerationJobError(error) && error.code === 'store.failed') return putBack(node, received, error.message)
    throw error
  }
  return outcome ? report(outcome) : putBack(node, received, 'The manager was closed before the job ended elsewhere.')
}

/** The record decides whether this is the delivery that runs the job. Any other waits with whoever has it, and runs nothing. */
async function run(
  node: JobNode,
  producerOf: (data: unknown) => Producer<unknown>,
  { jobId, fencingToken, limits, data }: Delivery,
  signal: AbortSignal | undefined,
): Promise<JobOutcome<unknown> | undefined> {
  // producerOf is called by the run: what it throws is the job's failure, and a cancelled job does not call it.
  const taken = await node.take({ jobId, fencingToken }, (context) => producerOf(data)(context), { ...limits, signal })
  if (!('answer' in taken)) return taken.settled
  if (taken.answer === 'not-pending') {
    const { record } = taken
    const outcome = recordedOutcome(record)
    if (isUntold(record)) node.journal.ended(record)
    if (outcome) return outcome
  }
  const waited = await node.completion.wait(jobId, { until: Number.POSITIVE_INFINITY, signal })
  if (waited.settled) return waited.outcome
  if (waited.cause === 'not-found') throw new UnrecoverableError(`The record of job ${jobId} is gone.`)
  if (waited.cause === 'aborted') throw new UnrecoverableError(`Job ${jobId} runs elsewhere.`)
  return undefined
}

/** Cancelled in the queue, where it had no owner to tell its end; the reaper tells what it ends itself. */
function isUntold({ status, startedAt, cancel }: JobRecord): boolean {
  return status === 'cancelled' && startedAt === undefined && cancel?.reason.kind !== 'deadline'
}

/** A cancel is no error of ours, but an ordinary error is what BullMQ would try again. */
function report(outcome: JobOutcome<unknown>): Processed {
  const { jobId, recorded } = outcome
  switch (outcome.status) {
    case 'completed':
      return { jobId, status: 'completed', recorded }
    case 'cancelled':
      throw new UnrecoverableError(`Job ${jobId} was cancelled (${outcome.reason.kind}).`)
    case 'failed':
      throw new UnrecoverableError(`Job ${jobId} failed (${outcome.error.code}).`)
  }
}

/** For another worker, or for a later time. */
async function putBack(node: JobNode, { job, token }: Received, reason: string): Promise<never> {
  try {
    await answerInTime(node, job.moveToDelayed(node.clock.now() + PUT_BACK_MS, token))
  } catch (cause) {
    // BullMQ leaves such a job alone too. With any other error it would fail it for good, and the record would wait for its deadline.
    throw new DelayedError(
      `${reason} Whether the job is back in the queue is not known (${wordsOf(cause)}); if not, it is delivered again when its lock has ended.`,
      { cause },
    )
  }
  throw new DelayedError(reason)
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
