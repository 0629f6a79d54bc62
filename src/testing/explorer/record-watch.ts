import type { JobRecord, JobStore } from '../../core/job-store.js'
import type { CancelReason } from '../../protocol/cancel-reason.js'
import type { JobEvent } from '../../protocol/job-event.js'
import type { JobStatus } from '../../protocol/job-status.js'
import type { StoreOperation } from '../store-operations.js'
import type { History } from './facts.js'

interface Known {
  readonly job: string
  status: JobStatus
  reason: CancelReason | undefined
  lastSeq: number
}

/** Looks at the record and the log of a job after each call that may have changed them, as a process that crashed would find them. */
export class RecordWatch {
  readonly #store: JobStore
  readonly #history: History
  readonly #known = new Map<string, Known>()
  readonly #lives = new Map<string, number>()
  readonly #jobByToken = new Map<string, string>()

  /** `store` answers values. */
  constructor(store: JobStore, history: History) {
    this.#store = store
    this.#history = history
  }

  /** The name of a job in the history: its id, with a number if the id was used before. */
  jobOf(jobId: string, fencingToken?: number): string {
    return this.#jobByToken.get(`${jobId} ${fencingToken}`) ?? this.#known.get(jobId)?.job ?? jobId
  }

  /** The record as it stands. */
  record(jobId: string): JobRecord | undefined {
    return this.#store.read(jobId) as JobRecord | undefined
  }

  arrived(operation: StoreOperation, args: readonly unknown[], answer: unknown): void {
    switch (operation) {
      case 'append':
        return this.#look(args[0] as string, args[1] as number)
      case 'create':
        if (answer && (answer as { answer: string }).answer === 'created')
          this.#begin((answer as { record: JobRecord }).record)
        return
      case 'claimCommit':
      case 'settle':
      case 'start':
        return this.#lookOwned(args[0] as { jobId: string; fencingToken: number })
      case 'requestCancel':
        return this.#look((args[0] as { jobId: string }).jobId, undefined)
      case 'reap':
        for (const { jobId } of answer as readonly JobRecord[]) this.#look(jobId, undefined)
        return
      case 'sweep':
        return this.forget()
      case 'touchViewers':
        for (const { jobId, viewerId, ttlMs } of args[0] as readonly {
          jobId: string
          viewerId: string
          ttlMs: number
        }[]) {
          this.#history.note({ type: 'viewer', job: this.jobOf(jobId), viewer: viewerId, ttlMs })
        }
        return
      default:
        return
    }
  }

  /** Notes the jobs whose records are gone. */
  forget(): void {
    for (const [jobId, { job }] of this.#known) {
      if (this.record(jobId)) continue
      this.#known.delete(jobId)
      this.#history.note({ type: 'forgotten', job })
    }
  }

  #begin(record: JobRecord): void {
    const { jobId, fencingToken, status } = record
    if (this.#jobByToken.has(`${jobId} ${fencingToken}`)) return // the answer to a repeat
    const life = (this.#lives.get(jobId) ?? 0) + 1
    this.#lives.set(jobId, life)
    const job = life === 1 ? jobId : `${jobId}#${life}`
    this.#jobByToken.set(`${jobId} ${fencingToken}`, job)
    this.#known.set(jobId, { job, status, reason: undefined, lastSeq: 0 })
    this.#history.note({ type: 'created', job, fencingToken, status })
  }

  #lookOwned({ jobId, fencingToken }: { jobId: string; fencingToken: number }): void {
    this.#look(jobId, fencingToken)
  }

  #look(jobId: string, fencingToken: number | undefined): void {
    const known = this.#known.get(jobId)
    const record = this.record(jobId)
    if (!known || !record) return
    const { job } = known
    const reason = record.cancel?.reason
    if (record.status !== known.status || reason !== known.reason) {
      const from = known.status
      known.status = record.status
      known.reason = reason
      this.#history.note({
        type: 'status',
        job,
        from,
        to: record.status,
        reason,
        fencingToken: record.fencingToken,
        commit: record.commit,
      })
    }
    if (record.lastSeq > known.lastSeq) {
      const { events } = this.#store.readEvents(jobId, known.lastSeq, MAX_EVENTS) as { events: readonly JobEvent[] }
      known.lastSeq = record.lastSeq
      for (const event of events) this.#history.note({ type: 'logged', job, event, fencingToken })
    }
  }
}

const MAX_EVENTS = 10_000
