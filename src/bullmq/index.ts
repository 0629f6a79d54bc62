/**
 * Queued jobs: BullMQ delivers, the record decides.
 *
 * @module generation-jobs/bullmq
 */
export { type BullMQBridge, type BullMQBridgeOptions, createBullMQBridge } from './bullmq-bridge.js'
export type { Delivery } from './delivery.js'
export type { DeliveryOptions } from './enqueue.js'
export type { Processed } from './processor.js'
export type { BullMQJob, BullMQQueue } from './queue.js'
