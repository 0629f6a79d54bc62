import type { Delivery } from './delivery.js'

/** What the bridge uses of a `Queue` of bullmq. */
export interface BullMQQueue {
  add(name: string, data: Delivery, options: object): Promise<unknown>
  getJob(id: string): Promise<{ getState(): Promise<string>; remove(): Promise<unknown> } | null | undefined>
}

/** What the bridge uses of a `Job` of bullmq, in the hands of a worker. */
export interface BullMQJob {
  readonly id?: string | undefined
  readonly data: unknown
  /** Back into the queue, until `timestamp` (epoch milliseconds). */
  moveToDelayed(timestamp: number, token?: string): Promise<unknown>
}

/** Thrown by a processor, it makes BullMQ fail its job without a retry; BullMQ knows it by its name. */
export class UnrecoverableError extends Error {
  override readonly name = 'UnrecoverableError'
}

/** Thrown by a processor, it makes BullMQ leave its job alone, which is back in the queue; BullMQ knows it by its name. */
export class DelayedError extends Error {
  override readonly name = 'DelayedError'
}
