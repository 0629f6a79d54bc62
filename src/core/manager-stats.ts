import type { JobStatus } from '../protocol/job-status.js'

/** What a manager holds right now, in this process. All zeros once its jobs are settled and swept, or it has leaked. */
export interface ManagerStats {
  /** Live jobs of this process, and settled ones that its store keeps here. */
  readonly jobs: Readonly<Record<JobStatus, number>>
  /** Open readers of events, viewers among them. */
  readonly subscriptions: number
  readonly viewers: number
  /** Time limits of jobs and waits. */
  readonly timers: number
  /** Our listeners on callers' signals, and the callers' listeners on tokens. */
  readonly listeners: number
  /** Registered cleanups that have not started. */
  readonly cleanups: number
  /** Waits for the end of a job. */
  readonly waiters: number
  readonly logEvents: number
  readonly logBytes: number
}
