import type { CancelReason } from './cancel-reason.js'
import type { JobStatus } from './job-status.js'
import type { Json, JsonObject } from './json.js'

/** How the cleanups of a job ended: all well, at least one threw, time ran out, or its process died. */
export type CleanupStatus = 'clean' | 'failed' | 'timed-out' | 'unknown'

/** Whether `save` made a result visible: no, yes, or nobody can tell (it threw, or gave no answer in time). */
export type CommitStatus = 'none' | 'done' | 'unknown'

/** Why a completed job's record holds no result: it is not JSON, above `maxResultBytes`, or the producer failed after its commit. */
export type OmittedResult = 'not-json' | 'too-large'

/** Tokens of a generation. `quality` says where the numbers come from; they are never a silent zero. */
export interface Usage {
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  readonly quality: 'reported' | 'estimated' | 'unknown'
}

/** A job as its record shows it. Times are epoch milliseconds. */
export interface JobSnapshot {
  readonly jobId: string
  readonly status: JobStatus
  readonly owner?: string
  readonly group?: string
  readonly metadata?: JsonObject
  /** The phase the producer named last. */
  readonly step?: string
  /** `seq` of the newest event; 0 before the first. */
  readonly lastSeq: number
  readonly createdAt: number
  readonly startedAt?: number
  readonly updatedAt: number
  readonly settledAt?: number
  readonly cancel?: { readonly reason: CancelReason; readonly requestedAt: number }
  readonly result?: Json
  readonly resultOmitted?: OmittedResult
  readonly error?: { readonly code: string; readonly message: string }
  readonly forced?: boolean
  readonly cleanup?: CleanupStatus
  readonly commit?: CommitStatus
  readonly usage?: Usage
}
