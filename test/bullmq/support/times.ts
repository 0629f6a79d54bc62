/** Short, because here time is real. */
export const LEASE_MS = 900
export const HEARTBEAT_MS = 100
/** BullMQ's own: a job of a dead worker is delivered again within a second or two. All workers of a queue must have them. */
export const IMPATIENT = { lockDuration: 1_000, stalledInterval: 300 }
