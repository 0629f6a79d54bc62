import type { CancelReason } from '../protocol/cancel-reason.js'
import type { TerminalEvent } from '../protocol/job-event.js'
import type { CleanupStatus, CommitStatus, OmittedResult, Usage } from '../protocol/job-snapshot.js'
import type { Json } from '../protocol/json.js'
import { defined } from './defined.js'

/** How a job ended, as it is written into its record. Spans are milliseconds. */
export type JobEnd = {
  readonly commit: CommitStatus
  readonly cleanup: CleanupStatus
  readonly forced: boolean
  /** From register to the start of the producer. */
  readonly queuedMs: number
  /** From the start of the producer to the settle. */
  readonly runMs: number
  /** From the cancel request to the settle. */
  readonly cancelMs?: number | undefined
  readonly usage?: Usage | undefined
} & (
  | {
      readonly status: 'completed'
      readonly result?: Json | undefined
      readonly resultOmitted?: OmittedResult | undefined
    }
  | { readonly status: 'cancelled'; readonly reason: CancelReason }
  | {
      readonly status: 'failed'
      readonly error: { readonly code: string; readonly message: string }
      /** The application's own words (`describeError`): the only message that goes on the wire. */
      readonly publicMessage?: string | undefined
    }
)

/** The last event of a job that ends so. It carries codes and kinds; no `by`, no sentence of ours. */
export function terminalEvent(end: JobEnd): TerminalEvent {
  switch (end.status) {
    case 'completed':
      return defined({ type: 'complete' as const, result: end.result })
    case 'cancelled':
      return { type: 'cancelled', kind: end.reason.kind, forced: end.forced }
    case 'failed':
      return defined({ type: 'error' as const, code: end.error.code, message: end.publicMessage })
  }
}

/** How a job ends whose owner died: what was on its way decides (design: state machine). Nobody knows about its cleanups. */
export function endOfLostOwner(job: {
  readonly status: 'pending' | 'running' | 'cancelling' | 'committing'
  readonly cancel?: { readonly reason: CancelReason } | undefined
  readonly queuedMs: number
  readonly runMs: number
}): JobEnd {
  const common = { cleanup: 'unknown', forced: true, queuedMs: job.queuedMs, runMs: job.runMs } as const
  if (job.status === 'cancelling' && job.cancel) {
    return { ...common, status: 'cancelled', reason: job.cancel.reason, commit: 'none' }
  }
  if (job.status === 'committing') {
    const error = { code: 'commit.unknown', message: 'The process that ran the job died while it saved the result.' }
    return { ...common, status: 'failed', error, commit: 'unknown' }
  }
  const error = { code: 'owner.lost', message: 'The process that ran the job died or stalled past its lease.' }
  return { ...common, status: 'failed', error, commit: 'none' }
}

/** The same end, of a job whose cancel was recorded first. */
export function cancelledInstead(end: JobEnd, reason: CancelReason): JobEnd {
  const { cleanup, forced, queuedMs, runMs, cancelMs, usage } = end
  return { status: 'cancelled', reason, commit: 'none', cleanup, forced, queuedMs, runMs, cancelMs, usage }
}
