import type { JobEvent } from '../protocol/job-event.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import type { CancelResult } from './cancellation.js'
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

/** What a handle hands on to. */
export interface HandleSource<T> {
  readonly created: boolean
  readonly jobId: string
  readonly settled: () => Promise<JobOutcome<T>>
  readonly snapshot: () => JobSnapshot
  readonly manager: {
    events(
      jobId: string,
      options?: { after?: number | undefined; signal?: AbortSignal | undefined },
    ): AsyncIterable<JobEvent>
    cancel(jobId: string, options?: CancelOptions): Promise<CancelResult>
  }
}

export class ManagedJobHandle<T> implements JobHandle<T> {
  readonly #source: HandleSource<T>
  #settled: Promise<JobOutcome<T>> | undefined

  constructor(source: HandleSource<T>) {
    this.#source = source
  }

  get jobId(): string {
    return this.#source.jobId
  }

  get created(): boolean {
    return this.#source.created
  }

  get settled(): Promise<JobOutcome<T>> {
    this.#settled ??= this.#source.settled()
    return this.#settled
  }

  snapshot(): JobSnapshot {
    return this.#source.snapshot()
  }

  events(options?: { after?: number | undefined; signal?: AbortSignal | undefined }): AsyncIterable<JobEvent> {
    return this.#source.manager.events(this.jobId, options)
  }

  cancel(options?: CancelOptions): Promise<CancelResult> {
    return this.#source.manager.cancel(this.jobId, options)
  }
}
