import type { JobStatus, LiveStatus, SettledStatus } from '../../protocol/job-status.js'

/** The statuses in which somebody owns the job, or a queue has it. */
export const LIVE: readonly LiveStatus[] = ['pending', 'running', 'cancelling', 'committing']
export const SETTLED: readonly SettledStatus[] = ['completed', 'failed', 'cancelled']
export const STATUSES: readonly JobStatus[] = [...LIVE, ...SETTLED]
