import { isSettled, type SettledStatus } from '../../protocol/job-status.js'
import type { JobFilter, NewJob, StoreFootprint } from '../job-store.js'
import type { StoredJob } from './stored-job.js'

/** All jobs of a memory store with the ways to find them: by id, by idempotency key, by group, live ones, settled ones by age. */
export class JobTable {
  readonly #jobs = new Map<string, StoredJob>()
  readonly #byKey = new Map<string, StoredJob>()
  readonly #liveByGroup = new Map<string, Set<StoredJob>>()
  readonly #live = new Set<StoredJob>()
  /** Settled jobs by retention time, each set in order of settling, so a sweep looks only at what it deletes. */
  readonly #settled = new Map<number, Set<StoredJob>>()
  readonly #counts: Record<SettledStatus, number> = { completed: 0, failed: 0, cancelled: 0 }

  get live(): Iterable<StoredJob> {
    return this.#live
  }

  get(jobId: string): StoredJob | undefined {
    return this.#jobs.get(jobId)
  }

  findByKey(request: NewJob): StoredJob | undefined {
    const key = keyOf(request.owner, request.idempotencyKey)
    return key === undefined ? undefined : this.#byKey.get(key)
  }

  findLiveInGroup(request: NewJob): StoredJob | undefined {
    const group = groupOf(request)
    return group === undefined ? undefined : this.#liveByGroup.get(group)?.values().next().value
  }

  add(job: StoredJob): void {
    this.#jobs.set(job.record.jobId, job)
    this.#live.add(job)
    const key = keyOf(job.record.owner, job.idempotencyKey)
    if (key !== undefined) this.#byKey.set(key, job)
    const group = groupOf(job.record)
    if (group === undefined) return
    const members = this.#liveByGroup.get(group)
    if (members) members.add(job)
    else this.#liveByGroup.set(group, new Set([job]))
  }

  /** Moves a job from the live ones to the settled ones; its record says so already. */
  noteSettled(job: StoredJob): void {
    const { status } = job.record
    if (!isSettled(status)) return
    this.#live.delete(job)
    this.#counts[status]++
    const group = groupOf(job.record)
    const members = group === undefined ? undefined : this.#liveByGroup.get(group)
    if (group !== undefined && members?.delete(job) && members.size === 0) this.#liveByGroup.delete(group)
    const { retentionMs } = job
    const peers = this.#settled.get(retentionMs)
    if (peers) peers.add(job)
    else this.#settled.set(retentionMs, new Set([job]))
  }

  /** Settled jobs whose retention passed. */
  *expired(now: number): Iterable<StoredJob> {
    for (const [retentionMs, jobs] of this.#settled) {
      for (const job of jobs) {
        if (job.settledAtMono + retentionMs > now) break
        yield job
      }
    }
  }

  delete(job: StoredJob): void {
    const { jobId, status } = job.record
    if (!isSettled(status) || this.#jobs.get(jobId) !== job) return
    this.#jobs.delete(jobId)
    this.#counts[status]--
    const key = keyOf(job.record.owner, job.idempotencyKey)
    if (key !== undefined && this.#byKey.get(key) === job) this.#byKey.delete(key)
    const { retentionMs } = job
    const peers = this.#settled.get(retentionMs)
    if (peers?.delete(job) && peers.size === 0) this.#settled.delete(retentionMs)
  }

  list(filter: JobFilter): StoredJob[] {
    const { owner, group, status } = filter
    const matches: StoredJob[] = []
    for (const job of this.#jobs.values()) {
      if (owner !== undefined && job.record.owner !== owner) continue
      if (group !== undefined && job.record.group !== group) continue
      if (status !== undefined && !status.includes(job.status)) continue
      matches.push(job)
    }
    return matches
  }

  footprint(): StoreFootprint {
    let logEvents = 0
    let logBytes = 0
    for (const { log } of this.#jobs.values()) {
      logEvents += log.count
      logBytes += log.bytes
    }
    return { settledJobs: { ...this.#counts }, logEvents, logBytes }
  }
}

/** Keys and groups belong to their owner; NUL cannot stand in either. */
function keyOf(owner = '', idempotencyKey: string | undefined): string | undefined {
  return idempotencyKey === undefined ? undefined : `${owner}\0${idempotencyKey}`
}

function groupOf({ owner = '', group }: Pick<NewJob, 'owner' | 'group'>): string | undefined {
  return group === undefined ? undefined : `${owner}\0${group}`
}
