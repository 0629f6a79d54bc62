import type { Clock } from '../../protocol/clock.js'
import type { JobEventBody } from '../../protocol/job-event.js'
import { canTransition, isSettled, type JobStatus } from '../../protocol/job-status.js'
import { checkMemoryStoreOptions } from '../check-options.js'
import { endOfLostOwner, type JobEnd, terminalEvent } from '../job-end.js'
import type {
  AppendAnswer,
  CancelAnswer,
  CancelHint,
  ClaimAnswer,
  CreateAnswer,
  EventsAnswer,
  JobRecord,
  JobStore,
  Refused,
  RenewAnswer,
  SettleAnswer,
  StartAnswer,
} from '../job-store.js'
import { systemClock } from '../system-clock.js'
import { JobTable } from './job-table.js'
import { newRecord, settledRecord } from './record.js'
import { StoredJob } from './stored-job.js'

export interface MemoryJobStoreOptions {
  /** Bytes of event logs kept for settled jobs; above it the oldest logs go first. @defaultValue 256 MiB */
  maxRetainedBytes?: number | undefined
  /** How long an owner keeps a job without a heartbeat, milliseconds. @defaultValue 6_000 */
  leaseMs?: number | undefined
  /** @defaultValue the system clock */
  clock?: Clock | undefined
}

const ACCEPTED: AppendAnswer = { answer: 'accepted' }
const CLAIMED: ClaimAnswer = { answer: 'claimed' }
const FENCED: Refused = { answer: 'fenced' }
const GONE: Refused = { answer: 'gone' }
const CANCELLED_UNSTARTED = {
  status: 'cancelled',
  commit: 'none',
  cleanup: 'clean',
  forced: false,
  cancelMs: 0,
} as const

/**
 * Keeps jobs in this process and answers every call in the calling tick. Managers that share one store behave as nodes of a
 * cluster: with leases, fencing and remote cancel.
 *
 * @throws {InvalidOptionsError} when an option is wrong
 */
export function createMemoryJobStore(options?: MemoryJobStoreOptions): JobStore {
  const { maxRetainedBytes, leaseMs, clock = systemClock } = checkMemoryStoreOptions(options)
  return openMemoryJobStore({ maxRetainedBytes, leaseMs, clock, firstFencingToken: () => clock.now() })
}

/** The same without checks; tokens start where the caller says. */
export function openMemoryJobStore(options: {
  maxRetainedBytes: number
  leaseMs: number
  clock: Clock
  firstFencingToken: () => number
}): JobStore {
  const { maxRetainedBytes, leaseMs, clock, firstFencingToken } = options
  const table = new JobTable()
  const nodes = new Map<string, Parameters<JobStore['watchNode']>[1]>()
  const retainedLogs = new Set<StoredJob>()
  let retainedBytes = 0
  let lastFencingToken = 0

  return {
    leaseMs,
    heartbeatMs: Math.min(1_000, leaseMs / 3),

    create(request): CreateAnswer {
      const known = table.get(request.jobId)
      if (known?.operationId === request.operationId) return { answer: 'created', record: known.read() }
      const sameKey = table.findByKey(request)
      if (sameKey) return { answer: 'same-key', record: sameKey.read() }
      if (request.want === 'lookup') return { answer: 'not-found' }
      if (known) return { answer: 'exists', status: known.status }
      const inTheWay = request.exclusiveInGroup ? table.findLiveInGroup(request) : undefined
      if (inTheWay) return { answer: 'group-busy', jobId: inTheWay.record.jobId }

      const record = newRecord(request, clock.now(), nextFencingToken())
      table.add(new StoredJob(request, record, clock.monotonic(), leaseMs))
      return { answer: 'created', record }
    },

    start({ jobId, fencingToken, operationId, nodeId }): StartAnswer {
      const job = table.get(jobId)
      if (!job) return GONE
      if (job.startId === operationId) return { answer: 'started', record: job.read() }
      if (job.record.fencingToken !== fencingToken) return FENCED
      if (job.status !== 'pending') return { answer: 'not-pending', record: job.read() }
      const taken = job.nodeId !== nodeId // a queue brought it here
      if (taken && job.nodeId !== undefined) return FENCED
      job.startId = operationId
      job.nodeId = nodeId
      job.startedAtMono = clock.monotonic()
      moveTo(job, 'running', {
        startedAt: clock.now(),
        ...(taken ? { fencingToken: nextFencingToken() } : undefined),
      })
      renew(job)
      return { answer: 'started', record: job.read() }
    },

    append(jobId, fencingToken, events, bytes): AppendAnswer {
      const job = table.get(jobId)
      if (!job) return GONE
      const { record, log } = job
      if (record.fencingToken !== fencingToken) return FENCED
      if (record.status !== 'running' && record.status !== 'committing')
        return { answer: 'not-running', record: job.read() }
      const first = events[0]
      const last = events[events.length - 1]
      if (!first || !last || last.seq <= log.lastSeq) return ACCEPTED
      if (first.seq !== log.lastSeq + 1) return { answer: 'gap', lastSeq: log.lastSeq }
      if (log.count + events.length > job.maxLogEvents || log.bytes + bytes > job.maxLogBytes)
        return { answer: 'log-full' }
      for (const event of events) {
        log.push(event)
        if (event.type === 'step') job.step = event.step
      }
      log.addBytes(bytes)
      job.updatedAt = last.at
      renew(job)
      job.wake()
      return ACCEPTED
    },

    claimCommit({ jobId, fencingToken, operationId }): ClaimAnswer {
      const job = table.get(jobId)
      if (!job) return GONE
      if (job.claimId === operationId && job.status === 'committing') return CLAIMED
      if (job.record.fencingToken !== fencingToken) return FENCED
      if (!canTransition(job.status, 'committing')) return { answer: 'lost', record: job.read() }
      job.claimId = operationId
      moveTo(job, 'committing')
      renew(job)
      return CLAIMED
    },

    settle({ jobId, fencingToken, operationId, end }): SettleAnswer {
      const job = table.get(jobId)
      if (!job) return GONE
      if (job.settleId === operationId) return { answer: 'settled', record: job.record }
      if (isSettled(job.status)) return { answer: 'already-settled', record: job.record }
      if (job.record.fencingToken !== fencingToken) return FENCED
      if (end.status === 'cancelled' && job.status === 'running') recordCancel(job, end.reason, clock.now())
      if (!canTransition(job.status, end.status) || job.status === 'pending')
        return { answer: 'refused', record: job.read() }
      job.settleId = operationId
      settleJob(job, end)
      return { answer: 'settled', record: job.record }
    },

    requestCancel({ jobId, cancelId, reason, nodeId, fencingToken }): CancelAnswer {
      const job = table.get(jobId)
      if (!job) return { answer: 'not-found' }
      if (fencingToken !== undefined && job.record.fencingToken !== fencingToken) return { answer: 'not-found' }
      const { status } = job
      if (isSettled(status)) {
        if (job.cancelId !== cancelId) return { answer: 'already-settled', record: job.record }
        return { answer: job.startedAtMono === undefined ? 'cancelled' : 'accepted', record: job.record } // a repeat
      }
      if (status === 'committing') return { answer: 'too-late', status }
      if (status === 'cancelling') {
        if (job.cancelId !== cancelId) return { answer: 'joined', record: job.read() }
        if (job.nodeId !== nodeId) hintCancel(job)
        return { answer: 'accepted', record: job.read() }
      }
      job.cancelId = cancelId
      if (status === 'pending') {
        settleJob(job, { ...CANCELLED_UNSTARTED, reason, ...job.spans(clock.monotonic()) })
        if (job.nodeId !== nodeId) hintOwner(job)
        return { answer: 'cancelled', record: job.record }
      }
      const now = clock.now()
      pushEvent(job, { type: 'cancelling', kind: reason.kind }, now)
      recordCancel(job, reason, now)
      job.wake()
      if (job.nodeId !== nodeId) hintCancel(job)
      return { answer: 'accepted', record: job.read() }
    },

    renewLeases(leases): RenewAnswer[] {
      return leases.map(({ jobId, fencingToken }): RenewAnswer => {
        const job = table.get(jobId)
        if (!job) return GONE
        const { record } = job
        if (isSettled(record.status)) return { answer: 'already-settled', record }
        if (record.fencingToken !== fencingToken) return FENCED
        renew(job)
        const now = clock.monotonic()
        const watch = { viewers: job.countViewers(now), unwatchedMs: job.unwatchedMs(now) }
        return { answer: 'renewed', status: record.status, reason: record.cancel?.reason, ...watch }
      })
    },

    touchViewers(touches) {
      const now = clock.monotonic()
      for (const { jobId, viewerId, ttlMs } of touches) {
        const job = table.get(jobId)
        if (!job || isSettled(job.status)) continue
        job.touchViewer(viewerId, ttlMs > 0 ? now + ttlMs : now, now)
        if (ttlMs <= 0 && job.countViewers(now) === 0) hintOwner(job)
      }
    },

    read(jobId): JobRecord | undefined {
      return table.get(jobId)?.read()
    },

    readEvents(jobId, after, limit): EventsAnswer {
      const job = table.get(jobId)
      if (!job) return { answer: 'not-found' }
      const events = job.log.read(after, limit)
      return events ? { answer: 'events', events, status: job.status } : { answer: 'expired' }
    },

    list(filter): JobRecord[] {
      return table.list(filter).map((job) => job.read())
    },

    reap(): JobRecord[] {
      const now = clock.monotonic()
      const reaped: JobRecord[] = []
      for (const job of table.live) {
        const end = endOfAbandoned(job, now)
        if (!end) continue
        job.change({ fencingToken: nextFencingToken() }, clock.now())
        settleJob(job, end)
        hintOwner(job)
        reaped.push(job.record)
      }
      return reaped
    },

    sweep() {
      for (const job of table.expired(clock.monotonic())) {
        table.delete(job)
        if (retainedLogs.delete(job)) retainedBytes -= job.log.bytes
        job.wake()
      }
    },

    watchJob(jobId, wake) {
      return table.get(jobId)?.watch(wake) ?? (() => {})
    },

    watchNode(nodeId, wake) {
      nodes.set(nodeId, wake)
      return () => void nodes.delete(nodeId)
    },

    footprint: () => table.footprint(),
  }

  /** Tokens rise over the life of an id, also when it is used again: they start from the clock, not from 1. */
  function nextFencingToken(): number {
    lastFencingToken = Math.max(lastFencingToken + 1, firstFencingToken())
    return lastFencingToken
  }

  function renew(job: StoredJob): void {
    job.leaseUntil = clock.monotonic() + leaseMs
  }

  function moveTo(job: StoredJob, status: JobStatus, changes?: Partial<JobRecord>): void {
    job.change({ ...changes, status }, clock.now())
  }

  function recordCancel(job: StoredJob, reason: Extract<JobEnd, { status: 'cancelled' }>['reason'], now: number): void {
    job.change({ status: 'cancelling', cancel: { reason, requestedAt: now } }, now)
  }

  function pushEvent(job: StoredJob, body: JobEventBody, at: number): void {
    job.log.push(Object.freeze({ seq: job.log.lastSeq + 1, at, ...body }))
  }

  function settleJob(job: StoredJob, end: JobEnd): void {
    const first = job.record.cancel?.reason
    job.updatedAt = clock.now()
    pushEvent(job, terminalEvent(end.status === 'cancelled' && first ? { ...end, reason: first } : end), job.updatedAt)
    job.record = settledRecord(job, end)
    job.settledAtMono = clock.monotonic()
    table.noteSettled(job)
    if (job.log.bytes > 0) retainedLogs.add(job)
    retainedBytes += job.log.bytes
    for (const oldest of retainedLogs) {
      if (retainedBytes <= maxRetainedBytes) break
      retainedLogs.delete(oldest)
      retainedBytes -= oldest.log.bytes
      oldest.log.drop()
    }
    job.wake()
  }

  /** How a live job ends that nobody takes care of any more, or nothing if somebody does. */
  function endOfAbandoned(job: StoredJob, now: number): JobEnd | undefined {
    const { status, deadlineMs } = job
    if (isSettled(status)) return undefined
    const spans = job.spans(now)
    if (job.nodeId !== undefined) {
      return job.leaseUntil > now ? undefined : endOfLostOwner({ status, cancel: job.record.cancel, ...spans })
    }
    if (deadlineMs === undefined || spans.queuedMs < deadlineMs) return undefined
    return { ...CANCELLED_UNSTARTED, reason: { kind: 'deadline', at: clock.now() }, ...spans }
  }

  function hintCancel(job: StoredJob): void {
    const { cancel, fencingToken } = job.record
    hintOwner(job, cancel && { fencingToken, reason: cancel.reason })
  }

  /** As between real nodes, the hint comes later and on its own. */
  function hintOwner({ nodeId, record }: StoredJob, cancel?: CancelHint): void {
    if (nodeId === undefined) return
    void Promise.resolve().then(() => nodes.get(nodeId)?.(record.jobId, cancel))
  }
}
