/**
 * Where a job is in its life.
 *
 * - `pending`: admitted, waits for a free slot; its producer was not called. Leaves to `running`, `cancelled`, or `failed` when its owner died.
 * - `running`: the producer runs. Leaves to `committing`, `cancelling`, or straight to an end if it never commits.
 * - `committing`: the commit was claimed; the point of no return. A cancel changes nothing any more.
 * - `cancelling`: a cancel reason is recorded; one-way, the only end is `cancelled`.
 * - `completed`, `failed`, `cancelled`: settled. Written once, the first wins.
 */
export type JobStatus = LiveStatus | SettledStatus
/** A status that a job can still leave. */
export type LiveStatus = 'pending' | 'running' | 'committing' | 'cancelling'
/** A terminal status. */
export type SettledStatus = 'completed' | 'failed' | 'cancelled'

/** Every transition that exists; whatever is not listed here cannot happen. */
export const TRANSITIONS = {
  pending: ['running', 'cancelled', 'failed'],
  running: ['committing', 'completed', 'failed', 'cancelling'],
  cancelling: ['cancelled'], // a producer that finishes now is still cancelled: the reason came first
  committing: ['completed', 'failed'],
  completed: [],
  failed: [],
  cancelled: [],
} as const satisfies Record<JobStatus, readonly JobStatus[]>

/** All statuses, in the order of a job's life. */
export const JOB_STATUSES = Object.keys(TRANSITIONS) as readonly JobStatus[]

/** Whether a job may go from one status to the other. */
export function canTransition(from: JobStatus, to: JobStatus): boolean {
  return (TRANSITIONS[from] as readonly JobStatus[]).includes(to)
}

/** Whether the status is terminal. */
export function isSettled(status: JobStatus): status is SettledStatus {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}
