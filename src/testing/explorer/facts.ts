import type { CancelResult } from '../../core/cancellation.js'
import type { WaitResult } from '../../core/completion.js'
import type { JobOutcome } from '../../core/outcome.js'
import type { CancelReason } from '../../protocol/cancel-reason.js'
import type { JobEvent } from '../../protocol/job-event.js'
import type { CommitStatus } from '../../protocol/job-snapshot.js'
import type { JobStatus } from '../../protocol/job-status.js'

/** What was seen of one job. `job` is its id; a later job with the same id is `id#2`. */
export type JobFact = { readonly job: string } & ( // the record
  | { readonly type: 'created'; readonly fencingToken: number; readonly status: JobStatus }
  | {
      readonly type: 'status'
      readonly from: JobStatus
      readonly to: JobStatus
      readonly reason?: CancelReason | undefined
      readonly fencingToken: number
      /** What the record says about the commit. */
      readonly commit?: CommitStatus | undefined
    }
  /** A cancel was asked of the store under this token, or none. */
  | { readonly type: 'logged'; readonly event: JobEvent; readonly fencingToken: number | undefined }
  | { readonly type: 'viewer'; readonly viewer: string; readonly ttlMs: number }
  | { readonly type: 'forgotten' }
  // the run
  | { readonly type: 'started'; readonly fencingToken: number }
  | { readonly type: 'emitted'; readonly what: string; readonly taken: boolean; readonly isCancelled: boolean }
  | { readonly type: 'streaming' }
  | { readonly type: 'streamed'; readonly text?: string | undefined; readonly error?: unknown }
  | { readonly type: 'deferred'; readonly cleanup: string }
  | {
      readonly type: 'cleaning'
      readonly cleanup: string
      readonly status: string
      readonly reason?: CancelReason | undefined
      readonly isCancelled: boolean
    }
  | { readonly type: 'cleaned'; readonly cleanup: string; readonly error?: unknown }
  | { readonly type: 'committing' }
  | {
      readonly type: 'saving'
      readonly status: JobStatus | undefined
      readonly isCancelled: boolean
      /** Whether the record still belonged to this run. */
      readonly isOwner: boolean
    }
  | { readonly type: 'saved'; readonly error?: unknown }
  | { readonly type: 'committed'; readonly error?: unknown }
  | { readonly type: 'produced'; readonly error?: unknown }
  // the answers
  | {
      readonly type: 'asked'
      readonly call: number
      readonly by?: string | undefined
      readonly timeoutMs?: number | undefined
    }
  | { readonly type: 'answered'; readonly call: number; readonly result: CancelResult }
  | { readonly type: 'refused'; readonly call: number; readonly error: unknown }
  | { readonly type: 'waited'; readonly result: WaitResult<unknown> }
  | {
      readonly type: 'settled'
      readonly outcome: JobOutcome<unknown>
      /** What the record said in that tick; nothing if there was none. */
      readonly status: JobStatus | undefined
      readonly tokenReason: CancelReason | undefined
      /** The reason that the run's signal carries, if the producer looked at the signal. */
      readonly signalReason: CancelReason | undefined
      readonly sawSignal: boolean
      readonly isSignalAborted: boolean
      /** Live jobs that the manager counts, and how many it should. */
      readonly live: number
      readonly expectedLive: number
    }
)

/** What was seen of the world around the jobs. */
export type WorldFact =
  | { readonly type: 'time'; readonly waiting: readonly string[] }
  | {
      readonly type: 'source'
      readonly source: string
      readonly what: 'opened' | 'pulled' | 'overlapped' | 'gave' | 'ended' | 'failed' | 'closing' | 'closed'
      readonly text?: string | undefined
    }
  | { readonly type: 'store'; readonly operation: string; readonly answer: string; readonly node: string }
  | { readonly type: 'node'; readonly node: string; readonly what: 'paused' | 'resumed' | 'crashed' }
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'left'; readonly what: string }

/** What was seen, without when. */
export type FactBody = JobFact | WorldFact
/** One thing that was seen: in which step, at which virtual time, and after how many others. */
export type Fact = FactBody & { readonly step: number; readonly at: number; readonly order: number }
type FactType = Fact['type']
type FactOf<T extends FactType> = Extract<Fact, { type: T }>

/** Limits of the manager that runs a job, milliseconds. */
export interface JobLimits {
  readonly gracePeriodMs: number
  readonly cancelTimeoutMs: number
  readonly commitTimeoutMs: number
  readonly storeTimeoutMs: number
}

export const DEFAULT_LIMITS: JobLimits = {
  gracePeriodMs: 7_000,
  cancelTimeoutMs: 9_000,
  commitTimeoutMs: 30_000,
  storeTimeoutMs: 1_500,
}

const NONE: readonly never[] = []

/** Facts in the order in which they were seen, and by type. */
class Facts {
  readonly all: Fact[] = []
  readonly #byType = new Map<FactType, Fact[]>()

  add(fact: Fact): void {
    this.all.push(fact)
    const same = this.#byType.get(fact.type)
    if (same) same.push(fact)
    else this.#byType.set(fact.type, [fact])
  }

  of<T extends FactType>(type: T): readonly FactOf<T>[] {
    return (this.#byType.get(type) as FactOf<T>[] | undefined) ?? NONE
  }

  first<T extends FactType>(type: T): FactOf<T> | undefined {
    return this.of(type)[0]
  }
}

/** What was seen of one job. */
export class JobFacts extends Facts {
  readonly job: string
  limits: JobLimits = DEFAULT_LIMITS
  /** How many of its facts the invariants have seen. */
  checked = -1
  /** As the job was registered. */
  onDisconnect: 'keep' | 'cancel' = 'keep'
  disconnectGraceMs = 10_000
  deadlineMs: number | false = false

  constructor(job: string) {
    super()
    this.job = job
  }

  /** The first fact that ended the job from the outside or the inside: a recorded cancel, or its producer's end. */
  get cancelledAt(): FactOf<'status'> | undefined {
    return this.of('status').find(
      ({ to, reason }) => reason !== undefined && (to === 'cancelling' || to === 'cancelled'),
    )
  }
}

/** Everything that was seen in one execution of a scenario. */
export class History extends Facts {
  readonly jobs = new Map<string, JobFacts>()
  readonly #time: { readonly now: number }
  step = 0

  constructor(time: { readonly now: number }) {
    super()
    this.#time = time
  }

  get now(): number {
    return this.#time.now
  }

  note(body: FactBody): void {
    // The caller made the object for this call; a copy would cost as much as the rest of the note.
    const fact = Object.assign(body, { step: this.step, at: this.#time.now, order: this.all.length }) as Fact
    this.add(fact)
    if ('job' in fact) this.job(fact.job).add(fact)
  }

  job(job: string): JobFacts {
    let facts = this.jobs.get(job)
    if (!facts) {
      facts = new JobFacts(job)
      this.jobs.set(job, facts)
    }
    return facts
  }
}
