import type { Awaitable } from '../../core/awaitable.js'
import type { JobEnd } from '../../core/job-end.js'
import type { CancelAnswer, CreateAnswer, JobRecord, JobStore, NewJob, RenewAnswer } from '../../core/job-store.js'
import type { CancelReason } from '../../protocol/cancel-reason.js'
import type { JobEvent, JobEventBody } from '../../protocol/job-event.js'
import type { JobStatus } from '../../protocol/job-status.js'
import { ContractError, check } from './check.js'

/** A store for one case of the contract: empty, and of no use to anybody else. */
export interface StoreUnderTest {
  readonly store: JobStore
  /** Moves the store's time forward by `ms`; a store on a clock of its own waits as long. */
  advance(ms: number): Awaitable<void>
  /** Watchers of this store are woken within {@link advance}`(0)`, so the wake-ups are part of its contract. */
  readonly hints?: boolean | undefined
  /** Bytes of settled logs that this store keeps, if it drops the oldest above that; a few thousand make a quick test. */
  readonly maxRetainedBytes?: number | undefined
  close?(): Awaitable<void>
}

/** One rule of the port: what it says, and how it shows. */
export interface Scenario {
  readonly name: string
  play(world: ContractWorld): Promise<void>
}

/** The node that owns the jobs of a case, and one that does not. */
export const OWNER = 'node-a'
export const OTHER = 'node-b'

export const REASON: CancelReason = {
  kind: 'user',
  by: 'somebody',
  message: 'not needed any more',
  at: 1_767_225_600_000,
}
export const SECOND_REASON: CancelReason = { kind: 'deadline', at: 1_767_225_600_007 }

type EndOf<S extends JobEnd['status']> = Extract<JobEnd, { status: S }>

const SPANS = { queuedMs: 3, runMs: 40 }
export const COMPLETED: EndOf<'completed'> = {
  status: 'completed',
  result: { text: 'whole' },
  commit: 'done',
  cleanup: 'clean',
  forced: false,
  usage: { inputTokens: 7, outputTokens: 9, quality: 'reported' },
  ...SPANS,
}
export const FAILED: EndOf<'failed'> = {
  status: 'failed',
  error: { code: 'producer.failed', message: 'The producer failed.' },
  commit: 'none',
  cleanup: 'failed',
  forced: false,
  ...SPANS,
}
export const CANCELLED: EndOf<'cancelled'> = {
  status: 'cancelled',
  reason: REASON,
  commit: 'none',
  cleanup: 'timed-out',
  forced: true,
  cancelMs: 5,
  ...SPANS,
}

/** A store with ways to bring jobs where a case needs them. */
export class ContractWorld {
  readonly store: JobStore
  readonly under: StoreUnderTest
  /** The measure of all spans: a sixth of the lease, a second with the default lease. */
  readonly unit: number
  #count = 0

  constructor(under: StoreUnderTest) {
    this.under = under
    this.store = under.store
    this.unit = under.store.leaseMs / 6
  }

  get retentionMs(): number {
    return 4 * this.unit
  }

  async advance(ms: number): Promise<void> {
    await this.under.advance(ms)
  }

  /** An operation id, a cancel id, a job id: never the same twice. */
  id(what = 'id'): string {
    return `${what}-${++this.#count}`
  }

  newJob(changes: Partial<NewJob> = {}): NewJob {
    const owned: Pick<NewJob, 'nodeId'> = { nodeId: OWNER }
    return {
      jobId: this.id('job'),
      operationId: this.id('create'),
      ...owned,
      want: 'running',
      exclusiveInGroup: false,
      maxLogEvents: 100,
      maxLogBytes: 10_000,
      retentionMs: this.retentionMs,
      ...changes,
    }
  }

  /** A job that waits for a queue to bring it to a node. */
  newQueuedJob(changes: Partial<NewJob> = {}): NewJob {
    const { nodeId, ...job } = this.newJob({ want: 'pending', ...changes })
    return job
  }

  async create(job: NewJob): Promise<CreateAnswer> {
    return this.store.create(job)
  }

  /** A new job, which nothing stands against. */
  async created(job: NewJob): Promise<JobRecord> {
    const answer = await this.store.create(job)
    if (answer.answer !== 'created') throw new ContractError(`create: expected 'created', got '${answer.answer}'`)
    return answer.record
  }

  /** A job that has come as far as this status. */
  async job(status: JobStatus, changes: Partial<NewJob> = {}): Promise<JobRecord> {
    const { jobId } = await this.created(
      this.newJob({ want: status === 'pending' ? 'pending' : 'running', ...changes }),
    )
    if (status === 'committing') await this.claim(await this.read(jobId))
    if (status === 'cancelling') await this.cancel(jobId)
    if (status === 'completed') await this.settle(await this.read(jobId), COMPLETED)
    if (status === 'failed') await this.settle(await this.read(jobId), FAILED)
    if (status === 'cancelled') {
      await this.cancel(jobId)
      await this.settle(await this.read(jobId), CANCELLED)
    }
    const record = await this.read(jobId)
    check(record.status === status, `a job on its way to '${status}' is '${record.status}'`)
    return record
  }

  async start({ jobId, fencingToken }: JobRecord, changes: { operationId?: string; nodeId?: string } = {}) {
    return this.store.start({ jobId, fencingToken, operationId: this.id('start'), nodeId: OWNER, ...changes })
  }

  async append({ jobId, fencingToken }: JobRecord, events: readonly JobEvent[], bytes = 10) {
    return this.store.append(jobId, fencingToken, events, bytes)
  }

  async claim({ jobId, fencingToken }: JobRecord, operationId = this.id('claim')) {
    return this.store.claimCommit({ jobId, fencingToken, operationId })
  }

  async settle({ jobId, fencingToken }: JobRecord, end: JobEnd, operationId = this.id('settle')) {
    return this.store.settle({ jobId, fencingToken, operationId, end })
  }

  async cancel(jobId: string, reason: CancelReason = REASON, cancelId = this.id('cancel')): Promise<CancelAnswer> {
    return this.store.requestCancel({ jobId, cancelId, reason })
  }

  async renew({ jobId, fencingToken }: JobRecord): Promise<RenewAnswer> {
    const answers = await this.store.renewLeases([{ jobId, fencingToken }])
    const [answer] = answers
    check(answers.length === 1 && answer !== undefined, `renewLeases: expected 1 answer, got ${answers.length}`)
    return answer
  }

  async touch(jobId: string, viewerId: string, ttlMs: number): Promise<void> {
    await this.store.touchViewers([{ jobId, viewerId, ttlMs }])
  }

  /** The record, which must be there. */
  async read(jobId: string): Promise<JobRecord> {
    const record = await this.store.read(jobId)
    check(record !== undefined, `read: expected the record of ${jobId}, got nothing`)
    return record
  }

  /** All events of a job, which must be there. */
  async events(jobId: string): Promise<readonly JobEvent[]> {
    const answer = await this.store.readEvents(jobId, 0, 1_000)
    if (answer.answer !== 'events') throw new ContractError(`readEvents: expected 'events', got '${answer.answer}'`)
    return answer.events
  }

  /** Everything that can be seen of a job, to show that something did not change it. */
  async seen(jobId: string): Promise<object> {
    return { record: await this.store.read(jobId), log: await this.store.readEvents(jobId, 0, 1_000) }
  }

  /** Lets the owners' leases end, and reaps. */
  async reapLost(): Promise<readonly JobRecord[]> {
    await this.advance(this.store.leaseMs + this.unit / 4)
    return this.store.reap()
  }

  /** Lets the retention of what is settled pass, and sweeps. */
  async sweepSettled(): Promise<void> {
    await this.advance(this.retentionMs + this.unit / 4)
    await this.store.sweep()
  }
}

/** An event as its owner writes it. */
export function event(seq: number, body: JobEventBody = { type: 'chunk', content: `chunk ${seq}` }): JobEvent {
  return { seq, at: REASON.at + seq, ...body }
}

/** The events `first` to `last`. */
export function chunks(first: number, last: number): JobEvent[] {
  return Array.from({ length: last - first + 1 }, (_, index) => event(first + index))
}

/** An event as readers get it, without the time that the store gave it. */
export function withoutTime({ at, ...body }: JobEvent): object {
  return body
}
