import type { JobRecord } from '../core/job-store.js'
import type { RegisterOptions } from '../core/options.js'
import type { Json } from '../protocol/json.js'

/** What the queue carries of a job: how to find its record, its own limits, and what its producer is made of. */
export interface Delivery<Data = unknown> {
  /** Version of this shape. */
  readonly v: 1
  readonly jobId: string
  /** The token of the record that was made for it: a delivery of an earlier job with this id starts nothing. */
  readonly fencingToken: number
  readonly limits: DeliveryLimits
  readonly data: Data
}

export type DeliveryLimits = Pick<RegisterOptions, 'idleTimeoutMs' | 'onDisconnect' | 'disconnectGraceMs'> & {
  readonly deadlineMs: number
}

export function deliveryOf(record: JobRecord, options: RegisterOptions, deadlineMs: number, data: Json): Delivery {
  const { idleTimeoutMs, onDisconnect, disconnectGraceMs } = options
  const { jobId, fencingToken } = record
  return { v: 1, jobId, fencingToken, limits: { deadlineMs, idleTimeoutMs, onDisconnect, disconnectGraceMs }, data }
}

/** What a worker got, if it is ours; `newer`: the node that enqueued it is ahead of this one in a rollout. */
export function readDelivery(carried: unknown): Delivery | 'newer' | undefined {
  if (!isObject(carried) || typeof carried.v !== 'number') return undefined
  if (carried.v > 1) return 'newer'
  const { jobId, fencingToken, limits } = carried
  const isOurs = typeof jobId === 'string' && typeof fencingToken === 'number' && isObject(limits)
  return isOurs && typeof limits.deadlineMs === 'number' ? (carried as unknown as Delivery) : undefined
}

/** The id of BullMQ's job: the same for the same job, so that it is in the queue once. BullMQ refuses whole numbers and colons. */
export function deliveryId(jobId: string): string {
  const id = jobId.replaceAll('%', '%25').replaceAll(':', '%3A')
  return /^-?\d+$/.test(id) ? `%i${id}` : id
}

export function jobIdOf(deliveryId: string): string {
  return deliveryId.replace('%i', '').replaceAll('%3A', ':').replaceAll('%25', '%')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
