import type { Clock } from '../protocol/clock.js'
import type { Ticket } from './admission.js'
import type { Epoch } from './epoch.js'
import type { FairYield } from './fair-yield.js'
import type { JobRecord, JobStore } from './job-store.js'
import type { Journal } from './journal.js'
import type { ResolvedOptions } from './options.js'
import type { Producer } from './producer.js'
import type { RunLimitOptions } from './run-limits.js'
import type { TimeLimits } from './time-limits.js'
import type { WriteRetries } from './write-retries.js'

/** What all runs of a node share. */
export interface RunEnvironment {
  readonly nodeId: string
  readonly store: JobStore
  readonly clock: Clock
  readonly limits: TimeLimits
  readonly fair: FairYield
  readonly epoch: Epoch
  readonly journal: Journal
  readonly options: ResolvedOptions
  /** The run is settled: take it out of the registry. Called before anybody hears of the end. */
  onSettled(jobId: string): void
  /** Ask the store about this job's lease and viewers at once. */
  renewSoon(jobId: string): void
  /** For ends that the store could not take. */
  readonly retries: WriteRetries
}

/** What makes one run. */
export interface RunSpec<T> {
  readonly producer: Producer<T>
  readonly record: JobRecord
  /** Marks the writes of this run, so that they can be repeated. */
  readonly operationId: string
  readonly limits: RunLimitOptions
  /** When the create was sent that gave us the job, by the monotonic clock. */
  readonly leaseProvedAt: number
  /** The run's place in this process. */
  readonly ticket: Ticket
}
