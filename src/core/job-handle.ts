import type { JobEvent } from '../protocol/job-event.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import type { CancelResult } from './cancellation.js'
import type { Completion } from './completion.js'
import type { RegisteredJob } from './job-node.js'
import { snapshotOf } from './job-store.js'
import type { CancelOptions } from './options.js'
import type { JobOutcome } from './outcome.js'

/** A registered job in the hands of the one who registered it. */
export interface JobHandle<T> {
  readonly jobId: string
  /** `false`: the idempotency key was known, this is the job that it belongs to. */
  readonly created: boolean
  /** The outcome, after everything is released. Never rejects. */
  readonly settled: Promise<JobOutcome<T>>
  /** The job as this process knows it. */
  snapshot(): JobSnapshot
  /** The job's events after a cursor, then live, to the terminal one. */
  events(options?: { after?: number | undefined; signal?: AbortSignal | undefined }): AsyncIterable<JobEvent>
  cancel(options?: CancelOptions): Promise<CancelResult>
}

/** A job of this manager, or one of another process that an idempotency key led to. */
export class ManagedJob<T> implements JobHandle<T> {
  readonly #manager: JobHandles
  readonly #job: RegisteredJob<T>
  readonly #completion: Completion
  #settled: Promise<JobOutcome<T>> | undefined

  constructor(manager: JobHandles, job: RegisteredJob<T>, completion: Completion) {
    this.#manager = manager
    this.#job = job
    this.#completion = completion
  }

  get jobId(): string {
    return this.#job.record.jobId
  }

  get created(): boolean {
    return this.#job.created
  }

  get settled(): Promise<JobOutcome<T>> {
    this.#settled ??= this.#job.run?.settled ?? this.#completion.outcomeOf<T>(this.jobId)
    return this.#settled
  }

  snapshot(): JobSnapshot {
    return this.#job.run?.snapshot() ?? snapshotOf(this.#job.record)
  }

  events(options?: { after?: number | undefined; signal?: AbortSignal | undefined }): AsyncIterable<JobEvent> {
    return this.#manager.events(this.jobId, options)
  }

  cancel(options?: CancelOptions): Promise<CancelResult> {
    return this.#manager.cancel(this.jobId, options)
  }
}

/** The verbs of a manager that a handle shortens. */
interface JobHandles {
  events(jobId: string, options?: Parameters<JobHandle<unknown>['events']>[0]): AsyncIterable<JobEvent>
  cancel(jobId: string, options?: CancelOptions): Promise<CancelResult>
}
