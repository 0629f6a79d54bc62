import { boundedWait, TIMED_OUT } from '../core/bounded-wait.js'
import type { JobNode } from '../core/job-node.js'

/**
 * BullMQ's answer to a call, within the limit of a call of the store: both Redis clients wait for ever behind a black hole.
 * Rejects as the call does, and when the limit has passed; the call may be done all the same.
 */
export async function answerInTime<T>({ options, limits }: JobNode, call: Promise<T>): Promise<T> {
  const { storeTimeoutMs } = options
  const answer = await boundedWait(call, storeTimeoutMs, limits)
  if (answer === TIMED_OUT) throw new Error(`BullMQ gave no answer within ${storeTimeoutMs} ms`)
  return answer
}
