import type { CancelReason } from '../protocol/cancel-reason.js'
import type { ErrorCode } from '../protocol/error-code.js'
import type { CleanupStatus, CommitStatus, OmittedResult, Usage } from '../protocol/job-snapshot.js'
import { isSettled } from '../protocol/job-status.js'
import type { JobEnd } from './job-end.js'
import type { JobRecord } from './job-store.js'

/** How a job ended: a value for every end, never an exception. Spans are milliseconds. */
export type JobOutcome<T> = {
  readonly jobId: string
  readonly commit: CommitStatus
  readonly cleanup: CleanupStatus
  /** The producer or a source had not let go when its time was over. */
  readonly forced: boolean
  /** `false`: the store could not be reached; the end is written as soon as it can be. */
  readonly recorded: boolean
  /** From register to the start of the producer. */
  readonly queuedMs: number
  /** From the start of the producer to the settle. */
  readonly runMs: number
  readonly usage?: Usage
} & (CompletedOutcome<T> | CancelledOutcome | FailedOutcome)

type CommonPart = Omit<JobOutcome<unknown>, 'status'>

export type CompletedOutcome<T> =
  | { readonly status: 'completed'; readonly value: T; readonly valueOmitted?: undefined }
  | {
      readonly status: 'completed'
      readonly value: undefined
      /** The first two only on another node: in its own process a job keeps its value. */
      readonly valueOmitted: OmittedResult | 'producer-failed'
    }

export type CancelledOutcome = {
  readonly status: 'cancelled'
  readonly reason: CancelReason
  /** The text that was delivered, built when first read. Only in the process that ran the job; never committed. */
  readonly partial?: { readonly text: string }
}

export type FailedOutcome = {
  readonly status: 'failed'
  /** `cause` is the original error, in the process that ran the job only. */
  readonly error: {
    readonly code: ErrorCode | (string & {})
    readonly message: string
    readonly cause?: unknown
  }
  readonly partial?: { readonly text: string }
}

/** What only the process that ran the job knows about its end. */
export interface LocalEnd<T> {
  readonly value?: T | undefined
  /** The producer's value is missing, because it failed or hung after its commit. */
  readonly valueMissing?: boolean | undefined
  readonly cause?: unknown
  readonly partialText: () => string
}

/** The outcome in the process that ran the job. */
export function localOutcome<T>(jobId: string, end: JobEnd, local: LocalEnd<T>, recorded: boolean): JobOutcome<T> {
  const common = commonPart(jobId, end, recorded)
  switch (end.status) {
    case 'completed':
      return local.valueMissing
        ? { ...common, status: 'completed', value: undefined, valueOmitted: 'producer-failed' }
        : { ...common, status: 'completed', value: local.value as T }
    case 'cancelled':
      return new CancelledWithPartial(common, end.reason, local.partialText)
    case 'failed': {
      const error = local.cause === undefined ? end.error : { ...end.error, cause: local.cause }
      return new FailedWithPartial(common, error, local.partialText)
    }
  }
}

/** The outcome that a record tells, or nothing while the job is live. */
export function recordedOutcome<T>(record: JobRecord): JobOutcome<T> | undefined {
  const { status, cancel, result, resultOmitted } = record
  if (!isSettled(status)) return undefined
  const { commit = 'none', cleanup = 'unknown', forced = false, queuedMs = 0, runMs = 0, usage } = record
  const common = commonPart(record.jobId, { commit, cleanup, forced, queuedMs, runMs, usage }, true)
  if (status === 'completed') {
    return resultOmitted === undefined
      ? { ...common, status, value: result as T }
      : { ...common, status, value: undefined, valueOmitted: resultOmitted }
  }
  if (status === 'cancelled' && cancel) return { ...common, status, reason: cancel.reason }
  return {
    ...common,
    status: 'failed',
    error: record.error ?? { code: 'producer.failed', message: 'The producer failed.' },
  }
}

/** The outcome of a job whose end nobody can tell any more. */
export function unknownOutcome<T>(
  jobId: string,
  code: 'job.expired' | 'manager.closed',
  message: string,
): JobOutcome<T> {
  const unknown = {
    commit: 'unknown',
    cleanup: 'unknown',
    forced: false,
    recorded: false,
    queuedMs: 0,
    runMs: 0,
  } as const
  return { jobId, ...unknown, status: 'failed', error: { code, message } }
}

function commonPart(jobId: string, end: Omit<JobEnd, 'status'>, recorded: boolean): CommonPart {
  const { commit, cleanup, forced, queuedMs, runMs, usage } = end
  const common = { jobId, commit, cleanup, forced, recorded, queuedMs, runMs }
  return usage === undefined ? common : { ...common, usage }
}

/**
 * An outcome with the text that was delivered: built when first read, and on the prototype, so that no log or copy spreads it.
 * Fields one by one: with `Object.assign` the outcome of a cancel was 0.3 kB more (measured).
 */
abstract class OutcomeWithPartial implements CommonPart {
  readonly jobId: string
  readonly commit: CommitStatus
  readonly cleanup: CleanupStatus
  readonly forced: boolean
  readonly recorded: boolean
  readonly queuedMs: number
  readonly runMs: number
  declare readonly usage?: Usage
  readonly #text: () => string
  #partial: { readonly text: string } | undefined

  constructor({ jobId, commit, cleanup, forced, recorded, queuedMs, runMs, usage }: CommonPart, text: () => string) {
    this.jobId = jobId
    this.commit = commit
    this.cleanup = cleanup
    this.forced = forced
    this.recorded = recorded
    this.queuedMs = queuedMs
    this.runMs = runMs
    if (usage !== undefined) this.usage = usage
    this.#text = text
  }

  get partial(): { readonly text: string } {
    this.#partial ??= Object.freeze({ text: this.#text() })
    return this.#partial
  }
}

class CancelledWithPartial extends OutcomeWithPartial implements CancelledOutcome {
  readonly status = 'cancelled'
  readonly reason: CancelReason

  constructor(common: CommonPart, reason: CancelReason, text: () => string) {
    super(common, text)
    this.reason = reason
  }
}

class FailedWithPartial extends OutcomeWithPartial implements FailedOutcome {
  readonly status = 'failed'
  readonly error: FailedOutcome['error']

  constructor(common: CommonPart, error: FailedOutcome['error'], text: () => string) {
    super(common, text)
    this.error = error
  }
}
