import type { CancelReason } from '../protocol/cancel-reason.js'
import type { CleanupStatus, Usage } from '../protocol/job-snapshot.js'
import type { FixedEnd } from './cleanup-stack.js'
import { describeError } from './error-description.js'
import { CommitError } from './errors.js'
import type { JobEnd } from './job-end.js'
import type { ResolvedOptions } from './options.js'
import type { ProducerEnd } from './producer-call.js'
import { recordableResult } from './settlement.js'

/** What has happened to a run that may decide its end. */
export interface EndCauses<T> {
  readonly reason: CancelReason | undefined
  readonly failure: { readonly error: unknown } | undefined
  readonly isCommitted: boolean
  readonly producerEnd: ProducerEnd<T> | undefined
}

/**
 * The end that follows, in this order: a recorded cancel; a failure (commit, full log); a commit that is done, whatever the
 * producer does after it; the producer's own end.
 */
export function decideEnd<T>({ reason, failure, isCommitted, producerEnd }: EndCauses<T>): FixedEnd {
  if (reason) return { status: 'cancelled', reason }
  if (failure) return { status: 'failed', error: failure.error }
  if (isCommitted || !producerEnd || 'value' in producerEnd) return { status: 'completed' }
  return { status: 'failed', error: producerEnd.error }
}

/** What the record needs besides. Spans are milliseconds. */
export interface EndFacts<T> {
  readonly producerEnd: ProducerEnd<T> | undefined
  readonly isCommitted: boolean
  readonly cleanup: CleanupStatus
  readonly forced: boolean
  readonly queuedMs: number
  readonly runMs: number
  readonly cancelMs: number
  readonly usage: Usage | undefined
  /** A source was read, so tokens were used even if nobody reported how many. */
  readonly hasRead: boolean
}

/** The end as it is written into the record. */
export function jobEnd<T>(
  fixed: FixedEnd,
  facts: EndFacts<T>,
  options: Pick<ResolvedOptions, 'describeError' | 'maxResultBytes'>,
): JobEnd {
  const { producerEnd, isCommitted, cleanup, forced, queuedMs, runMs, cancelMs, hasRead } = facts
  const unknownUsage: Usage | undefined = hasRead && fixed.status !== 'completed' ? { quality: 'unknown' } : undefined
  const usage = facts.usage ?? unknownUsage
  switch (fixed.status) {
    case 'cancelled': {
      const { status, reason } = fixed
      return { status, reason, commit: 'none', cleanup, forced, queuedMs, runMs, cancelMs, usage }
    }
    case 'failed': {
      const { code, message, publicMessage } = describeError(fixed.error, options.describeError)
      const commit = isCommitOfUnknownEnd(fixed.error) ? 'unknown' : 'none'
      const error = { code, message }
      return { status: 'failed', error, publicMessage, commit, cleanup, forced, queuedMs, runMs, usage }
    }
    case 'completed': {
      const value = producerEnd && 'value' in producerEnd ? producerEnd.value : undefined
      const { result, resultOmitted } = recordableResult(value, options.maxResultBytes)
      const commit = isCommitted ? 'done' : 'none'
      return { status: 'completed', result, resultOmitted, commit, cleanup, forced, queuedMs, runMs, usage }
    }
  }
}

/** Decided by our own error, not by a code that an application may have given. */
function isCommitOfUnknownEnd(error: unknown): boolean {
  return error instanceof CommitError && error.code !== 'commit.unproved'
}
