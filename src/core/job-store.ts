import type { CancelReason } from '../protocol/cancel-reason.js'
import type { JobEvent } from '../protocol/job-event.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import type { JobStatus, SettledStatus } from '../protocol/job-status.js'
import type { JsonObject } from '../protocol/json.js'
import type { Awaitable } from './awaitable.js'
import { defined } from './defined.js'
import type { JobEnd } from './job-end.js'

/**
 * Where the truth about jobs lives. The contract is defined by `jobStoreContract` in `generation-jobs/testing`.
 *
 * Each method is one atomic step that checks ownership and status together with its write. Methods may answer a value or a
 * promise; a value means that the step is done in the calling tick. Methods that change a job can be repeated with the same
 * `operationId`, `cancelId` or sequence numbers after a lost reply: the answer is the same and nothing changes twice.
 * Answers are values; a method throws or rejects only when the store cannot be reached.
 */
export interface JobStore {
  /** How long an owner keeps a job without renewing its lease, milliseconds; at least three heartbeats. */
  readonly leaseMs: number
  /** How often an owner renews, milliseconds. */
  readonly heartbeatMs: number

  /** Records a new job, unless its id, its idempotency key or its group stands against it. */
  create(job: NewJob): Awaitable<CreateAnswer>
  /** `pending` → `running`, once. A node that is not the owner takes over a job without owner under a new fencing token. */
  start(request: StartRequest): Awaitable<StartAnswer>
  /** Adds events to the log of a `running` or `committing` job. `bytes` is their size. Renews the lease. */
  append(jobId: string, fencingToken: number, events: readonly JobEvent[], bytes: number): Awaitable<AppendAnswer>
  /** `running` → `committing`: from here on a cancel is too late. The only road to a commit. */
  claimCommit(operation: OwnedOperation): Awaitable<ClaimAnswer>
  /**
   * Writes the end and the terminal event, after cleanup. A `running` job may be settled `cancelled` by its owner. `own` is the
   * record as the owner knows it: what it says that no other can change, a store need not send again.
   */
  settle(operation: OwnedOperation & { readonly end: JobEnd; readonly own?: JobRecord }): Awaitable<SettleAnswer>
  /**
   * Records a cancel reason: `pending` → `cancelled` at once, `running` → `cancelling` for the owner to finish. The same cancel again
   * while the job is `cancelling` only hints to the owner again.
   */
  requestCancel(request: CancelRequest): Awaitable<CancelAnswer>
  /** Renews leases of live jobs and tells what happened to them meanwhile, in the order asked. */
  renewLeases(leases: readonly Lease[]): Awaitable<readonly RenewAnswer[]>
  /** Notes that viewers are there for `ttlMs` more milliseconds; 0 says that one left. */
  touchViewers(touches: readonly ViewerTouch[]): Awaitable<void>
  /** The record, or `undefined` when there is none. */
  read(jobId: string): Awaitable<JobRecord | undefined>
  /** Events with `seq` above `after`, at most `limit`, in order. */
  readEvents(jobId: string, after: number, limit: number): Awaitable<EventsAnswer>
  /** Records by owner, group and status, oldest first. Without a filter: all. */
  list(filter: JobFilter): Awaitable<readonly JobRecord[]>
  /** Settles jobs whose lease ended, and queued jobs past their deadline; answers those that this call settled. */
  reap(): Awaitable<readonly JobRecord[]>
  /** Deletes settled jobs whose retention passed, with everything that belongs to them. */
  sweep(): Awaitable<void>
  /** Calls `wake` after events, a cancel or the end of a job. A hint: it may be lost, so look again by a timer too. */
  watchJob(jobId: string, wake: () => void): () => void
  /**
   * Calls `wake` when something happened to a job that this node owns. A hint: it may be lost. With `cancel` it brings what is
   * recorded, so that the owner need not ask; without, the owner renews the lease at once.
   */
  watchNode(nodeId: string, wake: (jobId: string, cancel?: CancelHint) => void): () => void
  /** What this process holds in memory for settled jobs and for logs. */
  footprint(): StoreFootprint
}

/** Names of all methods of a store, for the check at construction. */
export const JOB_STORE_METHODS = [
  'create',
  'start',
  'append',
  'claimCommit',
  'settle',
  'requestCancel',
  'renewLeases',
  'touchViewers',
  'read',
  'readEvents',
  'list',
  'reap',
  'sweep',
  'watchJob',
  'watchNode',
  'footprint',
] as const satisfies readonly (keyof JobStore)[]

/** A job's record: what a snapshot shows, and what its owner and the canceller need besides. */
export type JobRecord = WithUndefined<JobSnapshot> & {
  readonly fencingToken: number
  readonly requestFingerprint?: string | undefined
  readonly queuedMs?: number | undefined
  readonly runMs?: number | undefined
  readonly cancelMs?: number | undefined
}

/** Records keep one shape, so what is not there may be `undefined` in them. */
type WithUndefined<T> = { readonly [K in keyof T]: object extends Pick<T, K> ? T[K] | undefined : T[K] }

/** The right to write, in one operation that can be repeated. */
export interface OwnedOperation {
  readonly jobId: string
  readonly fencingToken: number
  readonly operationId: string
}

export interface NewJob {
  readonly jobId: string
  readonly operationId: string
  /** The owner; without one the job waits for a queue to bring it to a node. */
  readonly nodeId?: string | undefined
  /** `running` where a slot is free; `lookup` only answers for a known idempotency key and records nothing. */
  readonly want: 'running' | 'pending' | 'lookup'
  readonly owner?: string | undefined
  readonly group?: string | undefined
  /** Whether another live job of the group stands against this one. */
  readonly exclusiveInGroup: boolean
  readonly idempotencyKey?: string | undefined
  readonly requestFingerprint?: string | undefined
  readonly metadata?: JsonObject | undefined
  /** For a job without owner: when any node's reaper cancels it. */
  readonly deadlineMs?: number | undefined
  readonly maxLogEvents: number
  readonly maxLogBytes: number
  readonly retentionMs: number
}

export type CreateAnswer =
  | { readonly answer: 'created'; readonly record: JobRecord }
  | { readonly answer: 'same-key'; readonly record: JobRecord }
  | { readonly answer: 'exists'; readonly status: JobStatus }
  | { readonly answer: 'group-busy'; readonly jobId: string }
  | { readonly answer: 'not-found' } // to a lookup

export type StartRequest = OwnedOperation & { readonly nodeId: string }
export type StartAnswer =
  | { readonly answer: 'started'; readonly record: JobRecord }
  | { readonly answer: 'not-pending'; readonly record: JobRecord }
  | Refused

export type AppendAnswer =
  | { readonly answer: 'accepted' } // also to a batch that was accepted before
  | { readonly answer: 'gap'; readonly lastSeq: number }
  | { readonly answer: 'not-running'; readonly record: JobRecord }
  | { readonly answer: 'log-full' }
  | Refused

export type ClaimAnswer =
  | { readonly answer: 'claimed' }
  | { readonly answer: 'lost'; readonly record: JobRecord }
  | Refused

export type SettleAnswer =
  | { readonly answer: 'settled'; readonly record: JobRecord }
  | { readonly answer: 'already-settled'; readonly record: JobRecord }
  /** A cancel was recorded first, or the status does not lead to this end. */
  | { readonly answer: 'refused'; readonly record: JobRecord }
  | Refused

export interface CancelRequest {
  readonly jobId: string
  readonly cancelId: string
  readonly reason: CancelReason
  /** The owner's node, if it asks itself: it needs no hint then. */
  readonly nodeId?: string | undefined
  /** Only the job with this token, of those that have had its id; else `not-found`. */
  readonly fencingToken?: number | undefined
}
/** A cancel of a running job that is recorded under this fencing token. */
export interface CancelHint {
  readonly fencingToken: number
  readonly reason: CancelReason
}
export type CancelAnswer =
  | { readonly answer: 'accepted'; readonly record: JobRecord } // also to a repeat
  | { readonly answer: 'joined'; readonly record: JobRecord }
  | { readonly answer: 'cancelled'; readonly record: JobRecord } // it was pending
  | { readonly answer: 'too-late'; readonly status: JobStatus }
  | { readonly answer: 'already-settled'; readonly record: JobRecord }
  | { readonly answer: 'not-found' }

export interface Lease {
  readonly jobId: string
  readonly fencingToken: number
}
export type RenewAnswer =
  | {
      readonly answer: 'renewed'
      readonly status: JobStatus
      readonly reason?: CancelReason | undefined
      readonly viewers: number
      /** Milliseconds since the last viewer left, or since the start if none ever came; 0 while one is there. */
      readonly unwatchedMs: number
    }
  | { readonly answer: 'already-settled'; readonly record: JobRecord }
  | Refused

/** Another owner has a newer fencing token, or the record is gone. */
export type Refused = { readonly answer: 'fenced' } | { readonly answer: 'gone' }

export interface ViewerTouch {
  readonly jobId: string
  readonly viewerId: string
  readonly ttlMs: number
}

export type EventsAnswer =
  | {
      readonly answer: 'events'
      readonly events: readonly JobEvent[]
      readonly status: JobStatus
      /** How long the log was, and how large an event of it may be. A store that says it, and answers later, is asked ahead. */
      readonly log?: { readonly lastSeq: number; readonly eventBytes: number } | undefined
    }
  | { readonly answer: 'expired' } // events after the cursor are no longer kept
  | { readonly answer: 'not-found' }

export interface JobFilter {
  readonly owner?: string | undefined
  readonly group?: string | undefined
  readonly status?: readonly JobStatus[] | undefined
}

export interface StoreFootprint {
  readonly settledJobs: Readonly<Record<SettledStatus, number>>
  readonly logEvents: number
  readonly logBytes: number
}

/** What everybody may see of a record. */
export function snapshotOf(record: JobRecord): JobSnapshot {
  const { fencingToken, requestFingerprint, queuedMs, runMs, cancelMs, ...snapshot } = record
  return defined(snapshot) as JobSnapshot
}
