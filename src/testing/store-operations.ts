import { JOB_STORE_METHODS, type JobStore } from '../core/job-store.js'

/** An operation of a store that can fail; watching is a hint, and counting is of this process. */
export type StoreOperation = Exclude<keyof JobStore, 'leaseMs' | 'heartbeatMs' | 'watchJob' | 'watchNode' | 'footprint'>

const NO_OPERATIONS: readonly string[] = ['watchJob', 'watchNode', 'footprint']

export const STORE_OPERATIONS = JOB_STORE_METHODS.filter(
  (method): method is StoreOperation => !NO_OPERATIONS.includes(method),
)
