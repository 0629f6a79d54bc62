import type { JobEvent } from '../protocol/job-event.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import type { JobStatus } from '../protocol/job-status.js'
import { isThenable } from './awaitable.js'
import type { CancelResult } from './cancellation.js'
import {
  checkCancelOptions,
  checkDrainOptions,
  checkEventsOptions,
  checkFilter,
  checkJobId,
  checkRegisterOptions,
  checkWaitOptions,
  resolveManagerOptions,
} from './check-options.js'
import type { WaitResult } from './completion.js'
import type { DrainReport } from './drain.js'
import { InvalidOptionsError, ManagerClosedError } from './errors.js'
import { closedReader } from './event-reader.js'
import { type JobHandle, ManagedJob } from './job-handle.js'
import { JobNode } from './job-node.js'
import { snapshotOf } from './job-store.js'
import type { ManagerEvents } from './manager-events.js'
import { NODE } from './manager-node.js'
import type { ManagerStats } from './manager-stats.js'
import type { CancelOptions, GenerationJobManagerOptions, RegisterOptions } from './options.js'
import type { Producer } from './producer.js'

const LIVE: readonly JobStatus[] = ['pending', 'running', 'committing', 'cancelling']

/** Which jobs: all that match every given field. */
export interface JobListFilter {
  owner?: string | undefined
  group?: string | undefined
  status?: JobStatus | JobStatus[] | undefined
}

/**
 * Registers generations and ends them properly: each settles exactly once, within a known time, with everything released and
 * nothing partial committed. Managers that share a store are the nodes of one cluster.
 */
export class GenerationJobManager {
  readonly #node: JobNode
  #closing: Promise<void> | undefined
  #isClosed = false

  /** @throws {InvalidOptionsError} when an option is wrong or options contradict each other */
  constructor(options: GenerationJobManagerOptions = {}) {
    this.#node = new JobNode(resolveManagerOptions(options))
    Object.defineProperty(this, NODE, { value: this.#node })
  }

  /**
   * Records a job and calls its producer as soon as it has a slot, after this promise has resolved.
   *
   * @throws {InvalidOptionsError} when an argument is wrong
   * @throws {JobAlreadyExistsError} when the id is recorded already
   * @throws {JobConflictError} when the group has a live job, or the idempotency key belongs to another request
   * @throws {CapacityError} when a limit on jobs is reached
   * @throws {ManagerClosedError} when the manager drains or is closed
   * @throws {StoreError} when the store cannot be reached
   */
  async register<T>(producer: Producer<T>, options?: RegisterOptions): Promise<JobHandle<T>> {
    const asked = this.#node.register(producer, checkRegisterOptions(options))
    const job = isThenable(asked) ? await asked : asked
    this.#node.start(job)
    return new ManagedJob(this, job, this.#node.completion)
  }

  /**
   * Records a cancel reason and waits until the job is settled, at most `cancelTimeoutMs`. The first reason wins.
   *
   * @throws {InvalidOptionsError} when an argument is wrong
   * @throws {StoreError} when the store did not answer in time, so that nobody can say what stands in the record. A job of this
   * process is cancelled here all the same; one of another process may or may not be, so ask again.
   */
  async cancel(jobId: string, options?: CancelOptions): Promise<CancelResult> {
    this.#assertOpen()
    return this.#node.cancellation.cancel(checkJobId(jobId), checkCancelOptions(options))
  }

  /** Cancels all live jobs that match, each with a result of its own; jobs of other processes too. */
  async cancelMany(
    filter: { owner?: string | undefined; group?: string | undefined; status?: JobStatus[] | undefined },
    options?: CancelOptions,
  ): Promise<CancelResult[]> {
    this.#assertOpen()
    const { owner, group, status } = checkFilter(filter)
    if (owner === undefined && group === undefined && status === undefined) {
      throw new InvalidOptionsError(
        'cancelMany filter: expected owner, group or status; to end all jobs of this process use drain().',
      )
    }
    const checked = checkCancelOptions(options)
    const live = (status ?? LIVE).filter((one) => LIVE.includes(one))
    if (live.length === 0) return []
    const asked = this.#node.store.list({ owner, group, status: live })
    const records = isThenable(asked) ? await asked : asked // in memory all reasons are recorded in this tick
    return Promise.all(records.map(({ jobId }) => this.#node.cancellation.cancel(jobId, checked)))
  }

  /**
   * Waits for the end of a job, at most `timeoutMs` (10_000), and answers it as a value. The wait does not change the job.
   *
   * @throws {StoreError} when the store is still away at the limit
   */
  async waitForCompletion<T = unknown>(
    jobId: string,
    options?: { timeoutMs?: number | undefined; signal?: AbortSignal | undefined },
  ): Promise<WaitResult<T>> {
    this.#assertOpen()
    const { timeoutMs = 10_000, signal } = checkWaitOptions(options)
    const until = this.#node.limits.now() + timeoutMs
    return this.#node.completion.wait<T>(checkJobId(jobId), { until, signal })
  }

  /** The job's record, `undefined` if there is none. @throws {StoreError} when the store cannot be reached */
  async get(jobId: string): Promise<JobSnapshot | undefined> {
    this.#assertOpen()
    const record = await this.#node.store.read(checkJobId(jobId))
    return record && snapshotOf(record)
  }

  /** Records of all nodes, oldest first. @throws {StoreError} when the store cannot be reached */
  async list(filter?: JobListFilter): Promise<JobSnapshot[]> {
    this.#assertOpen()
    const records = await this.#node.store.list(checkFilter(filter))
    return records.map(snapshotOf)
  }

  /**
   * A job's events after `after` (0), then live, to the terminal event, from any node. Events are shared: do not change them.
   *
   * The first `next()` rejects with {@link JobNotFoundError} for an unknown id, with {@link CursorExpiredError} for events that
   * are no longer kept, and with {@link StoreError} when the store cannot be reached.
   *
   * @throws {InvalidOptionsError} when an argument is wrong
   */
  events(
    jobId: string,
    options?: { after?: number | undefined; signal?: AbortSignal | undefined; viewer?: boolean | undefined },
  ): AsyncIterable<JobEvent> {
    const { after = 0, signal, viewer = false } = checkEventsOptions(options)
    checkJobId(jobId)
    return this.#isClosed ? closedReader() : this.#node.read(jobId, { after, signal, viewer })
  }

  stats(): ManagerStats {
    return this.#node.stats()
  }

  on<E extends keyof ManagerEvents>(event: E, listener: (payload: ManagerEvents[E]) => unknown): this {
    this.#node.journal.emitter.on(event, listener)
    return this
  }

  once<E extends keyof ManagerEvents>(event: E, listener: (payload: ManagerEvents[E]) => unknown): this {
    this.#node.journal.emitter.once(event, listener)
    return this
  }

  off<E extends keyof ManagerEvents>(event: E, listener: (payload: ManagerEvents[E]) => unknown): this {
    this.#node.journal.emitter.off(event, listener)
    return this
  }

  /**
   * Admits no new job, cancels pending ones at once, waits `timeoutMs` (15_000: fits Kubernetes' 30 s) for running ones, then
   * cancels the rest with kind `shutdown` and waits for their end. Cancel, get, events and wait work until `close()`.
   */
  async drain(options?: { timeoutMs?: number | undefined }): Promise<DrainReport> {
    const { timeoutMs = 15_000 } = checkDrainOptions(options)
    return this.#node.drain(timeoutMs)
  }

  /** Ends all jobs of this process (`drain({ timeoutMs: 0 })`) and lets go of timers, readers and the store. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#node.drain(0).then(() => {
      this.#isClosed = true
      return this.#node.release()
    })
    return this.#closing
  }

  /** `await using` closes the manager. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new ManagerClosedError()
  }
}
