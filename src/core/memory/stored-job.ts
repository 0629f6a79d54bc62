import type { JobStatus } from '../../protocol/job-status.js'
import type { JobRecord, NewJob } from '../job-store.js'
import { EventLog } from './event-log.js'

/** One job in memory: its record, its log, its owner's lease and its viewers. Instants are of the monotonic clock. */
export class StoredJob {
  readonly operationId: string
  readonly idempotencyKey: string | undefined
  readonly deadlineMs: number | undefined
  readonly maxLogEvents: number
  readonly maxLogBytes: number
  readonly retentionMs: number
  readonly log = new EventLog()
  /** Replaced as a whole; what changes with every event stands beside it until somebody reads. */
  record: JobRecord
  step: string | undefined
  updatedAt: number
  nodeId: string | undefined
  leaseUntil: number
  readonly createdAtMono: number
  startedAtMono: number | undefined
  startId: string | undefined
  claimId: string | undefined
  settleId: string | undefined
  cancelId: string | undefined
  settledAtMono = 0
  #viewers: Map<string, number> | undefined
  #lastViewerLeftAt: number | undefined
  #watchers: Set<() => void> | undefined

  constructor(request: NewJob, record: JobRecord, now: number, leaseMs: number) {
    this.operationId = request.operationId
    this.idempotencyKey = request.idempotencyKey
    this.deadlineMs = request.deadlineMs
    this.maxLogEvents = request.maxLogEvents
    this.maxLogBytes = request.maxLogBytes
    this.retentionMs = request.retentionMs
    this.record = record
    this.updatedAt = record.updatedAt
    this.nodeId = request.nodeId
    this.createdAtMono = now
    this.leaseUntil = now + leaseMs
    if (record.status === 'running') this.startedAtMono = now
  }

  get status(): JobStatus {
    return this.record.status
  }

  /** The record as it stands now. It is never changed, so it is shared. */
  read(): JobRecord {
    const { record, step, updatedAt, log } = this
    if (record.lastSeq !== log.lastSeq) this.record = { ...record, step, lastSeq: log.lastSeq, updatedAt }
    return this.record
  }

  /** Moves the record on, with what the events have changed meanwhile. */
  change(changes: Partial<JobRecord>, updatedAt: number): void {
    this.updatedAt = updatedAt
    this.record = { ...this.record, step: this.step, lastSeq: this.log.lastSeq, updatedAt, ...changes }
  }

  /** Milliseconds as pending, and as running, until `now`. */
  spans(now: number): { queuedMs: number; runMs: number } {
    const startedAt = this.startedAtMono ?? now
    return { queuedMs: startedAt - this.createdAtMono, runMs: now - startedAt }
  }

  touchViewer(viewerId: string, until: number, now: number): void {
    if (until > now) {
      this.#viewers ??= new Map()
      this.#viewers.set(viewerId, until)
    } else if (this.#viewers?.delete(viewerId) && this.#viewers.size === 0) {
      this.#lastViewerLeftAt = now
    }
  }

  /** How many viewers are there; those that were not touched in time left when their time was over. */
  countViewers(now: number): number {
    if (!this.#viewers) return 0
    for (const [viewerId, until] of this.#viewers) {
      if (until > now) continue
      this.#viewers.delete(viewerId)
      this.#lastViewerLeftAt = Math.max(this.#lastViewerLeftAt ?? until, until)
    }
    return this.#viewers.size
  }

  unwatchedMs(now: number): number {
    if (this.countViewers(now) > 0) return 0
    return now - Math.max(this.#lastViewerLeftAt ?? 0, this.startedAtMono ?? now)
  }

  watch(wake: () => void): () => void {
    this.#watchers ??= new Set()
    this.#watchers.add(wake)
    return () => void this.#watchers?.delete(wake)
  }

  wake(): void {
    if (this.#watchers) for (const wake of this.#watchers) wake()
  }
}
