import { GenerationJobError } from '../protocol/base-error.js'
import type { CancelReason } from '../protocol/cancel-reason.js'
import type { JobStatus } from '../protocol/job-status.js'
import type { FinishReason } from './generation-source.js'

export { GenerationJobError, isGenerationJobError } from '../protocol/base-error.js'

/** What a validation found wrong. */
export interface Issue {
  readonly message: string
  readonly path?: readonly PropertyKey[] | undefined
}

/** An argument, option or call is wrong; the message says what was expected, what came and what to do. */
export class InvalidOptionsError extends GenerationJobError {
  override readonly name = 'InvalidOptionsError'
  readonly issues: readonly Issue[]

  constructor(message: string, issues: readonly Issue[] = [{ message }]) {
    super('options.invalid', message)
    this.issues = issues
  }
}

/** No record has this id. */
export class JobNotFoundError extends GenerationJobError {
  override readonly name = 'JobNotFoundError'
  readonly jobId: string

  constructor(jobId: string) {
    super('job.not-found', `No job has the id ${show(jobId)}: it never existed, or its retention ended.`)
    this.jobId = jobId
  }
}

/** A job with this id is recorded already; it was not touched. */
export class JobAlreadyExistsError extends GenerationJobError {
  override readonly name = 'JobAlreadyExistsError'
  readonly jobId: string
  readonly status: JobStatus

  constructor(jobId: string, status: JobStatus) {
    super(
      'job.exists',
      `A job with the id ${show(jobId)} exists already (${status}). Ids are unique per generation: leave jobId out to get one.`,
    )
    this.jobId = jobId
    this.status = status
  }
}

/** The group has a live job, or the idempotency key belongs to another request. `jobId` is the job in the way. */
export class JobConflictError extends GenerationJobError {
  override readonly name = 'JobConflictError'
  readonly jobId: string

  constructor(code: 'job.conflict' | 'idempotency.conflict', jobId: string) {
    super(
      code,
      code === 'job.conflict'
        ? `The group has the live job ${show(jobId)}. Wait for it, cancel it, or register with onConflict: 'replace'.`
        : `The idempotency key belongs to job ${show(jobId)} with another request fingerprint. Use a new key for a new request.`,
    )
    this.jobId = jobId
  }
}

/**
 * The job was cancelled. Its name is `AbortError`, because model SDKs look for that name; it is the `reason` of the run's
 * signal, and `reason` is the recorded {@link CancelReason}.
 */
export class JobCancelledError extends GenerationJobError {
  override readonly name = 'AbortError'
  readonly jobId: string
  readonly reason: CancelReason

  constructor(jobId: string, reason: CancelReason) {
    super('job.cancelled', `Job ${show(jobId)} was cancelled (${reason.kind}).`)
    this.jobId = jobId
    this.reason = reason
  }
}

/** The source ended before the text was whole. */
export class IncompleteGenerationError extends GenerationJobError {
  override readonly name = 'IncompleteGenerationError'
  readonly finish: FinishReason

  constructor(finish: FinishReason) {
    super('generation.incomplete', `The source ended with finish reason '${finish}', so its text is not whole.`)
    this.finish = finish
  }
}

/** A result did not pass validation, or a producer returned what cannot be a result. */
export class InvalidResultError extends GenerationJobError {
  override readonly name = 'InvalidResultError'
  readonly issues: readonly Issue[]

  constructor(message: string, issues: readonly Issue[] = [{ message }], options?: { cause?: unknown }) {
    super('result.invalid', message, options)
    this.issues = issues
  }
}

/** The commit did not go through, or nobody can tell; see the code. */
export class CommitError extends GenerationJobError {
  override readonly name = 'CommitError'

  constructor(
    code: 'commit.failed' | 'commit.unknown' | 'commit.unproved',
    message: string,
    options?: { cause?: unknown },
  ) {
    super(code, message, options)
  }
}

/** A limit on jobs is reached; no live job was touched. */
export class CapacityError extends GenerationJobError {
  override readonly name = 'CapacityError'
  readonly limit: number

  constructor(code: 'capacity.pending' | 'capacity.owner', limit: number) {
    super(
      code,
      code === 'capacity.pending'
        ? `${limit} jobs wait for a slot already (maxPendingJobs). Try again later.`
        : `The owner has ${limit} pending or running jobs in this process already (maxJobsPerOwner).`,
    )
    this.limit = limit
  }
}

/** Events after this cursor are no longer kept; the stream would have a hole. */
export class CursorExpiredError extends GenerationJobError {
  override readonly name = 'CursorExpiredError'
  readonly jobId: string
  readonly after: number

  constructor(jobId: string, after: number) {
    super(
      'cursor.expired',
      `The events of job ${show(jobId)} after ${after} are no longer kept. Read its status with get().`,
    )
    this.jobId = jobId
    this.after = after
  }
}

/** The job emitted more than its log may hold. */
export class LogLimitError extends GenerationJobError {
  override readonly name = 'LogLimitError'

  constructor(jobId: string, limit: string) {
    super('job.log-limit', `Job ${show(jobId)} emitted more than ${limit}.`)
  }
}

/** The manager drains or is closed, so it admits nothing new. */
export class ManagerClosedError extends GenerationJobError {
  override readonly name = 'ManagerClosedError'

  constructor() {
    super('manager.closed', 'The manager drains or is closed. Register with another server.')
  }
}

/** The job store failed, answered nonsense, or gave no answer in time. Repeating the call is safe. */
export class StoreError extends GenerationJobError {
  override readonly name = 'StoreError'
  /** The operation of the store, in its own words. */
  readonly operation: string

  constructor(operation: string, problem: string, options?: { cause?: unknown }) {
    super('store.failed', `The job store's ${operation}() ${problem}.`, options)
    this.operation = operation
  }
}

/** An option's value in an error message: strings quoted and cut, everything else by its kind. */
export function show(value: unknown): string {
  return typeof value === 'string' ? `'${value.length > 80 ? `${value.slice(0, 77)}...` : value}'` : kindOf(value)
}

/** What kind of value it is, for values that may be prompted or generated text: those must not reach a log. */
export function kindOf(value: unknown): string {
  if (typeof value === 'string') return `a string of ${value.length} characters`
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined)
    return String(value)
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
