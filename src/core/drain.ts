import type { Clock } from '../protocol/clock.js'
import { boundedWait } from './bounded-wait.js'
import type { JobOutcome } from './outcome.js'
import type { Run } from './run.js'
import type { TimeLimits } from './time-limits.js'

/** How the jobs ended that were live when the drain began. */
export interface DrainReport {
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  /** Of all of these, the ones whose producer or source had not let go in time. */
  readonly forced: number
  readonly waitedMs: number
}

/**
 * Ends the jobs of this process: pending ones are cancelled at once, running ones may finish within `timeoutMs`, the rest is
 * cancelled then, and a commit that has begun is left to its end. Jobs of other nodes are not touched.
 */
export async function drainRuns(
  runs: ReadonlyMap<string, Run<unknown>>,
  timeoutMs: number,
  limits: TimeLimits,
  clock: Clock,
): Promise<DrainReport> {
  const startedAt = limits.now()
  const draining = [...runs.values()]
  const settled = Promise.all(draining.map((run) => run.settled))
  const cancel = (run: Run<unknown>): void => {
    if (!run.isSettled) void run.requestCancel({ kind: 'shutdown', at: clock.now() })
  }
  for (const run of draining) if (run.status === 'pending') cancel(run)
  if (timeoutMs > 0) await boundedWait(settled, timeoutMs, limits, { holdsProcess: true })
  for (const run of draining) cancel(run)
  return report(await settled, limits.now() - startedAt) // each run ends by itself in bounded time
}

function report(outcomes: readonly JobOutcome<unknown>[], waitedMs: number): DrainReport {
  const count = (status: JobOutcome<unknown>['status']) =>
    outcomes.filter((outcome) => outcome.status === status).length
  return {
    completed: count('completed'),
    failed: count('failed'),
    cancelled: count('cancelled'),
    forced: outcomes.filter((outcome) => outcome.forced).length,
    waitedMs,
  }
}
