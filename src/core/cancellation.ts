import { type CancelKind, type CancelReason, isSameReason } from '../protocol/cancel-reason.js'
import type { CleanupStatus } from '../protocol/job-snapshot.js'
import type { JobStatus } from '../protocol/job-status.js'
import { isThenable } from './awaitable.js'
import { boundedWait, TIMED_OUT } from './bounded-wait.js'
import type { Completion, WaitResult } from './completion.js'
import { defined } from './defined.js'
import { StoreError } from './errors.js'
import type { CancelAnswer, CancelRequest, JobRecord, JobStore } from './job-store.js'
import type { CancelOptions, ResolvedOptions } from './options.js'
import { type JobOutcome, recordedOutcome } from './outcome.js'
import { repeatCancel } from './repeat-cancel.js'
import type { OwnCancelAnswer, Run } from './run.js'
import type { TimeLimits } from './time-limits.js'

/** What a cancel did. No answer claims more than what happened. */
export type CancelResult =
  /** The job is settled and released, or `forced` / `cleanup` say what was not. `joined`: another cancel came first. */
  | {
      readonly outcome: 'cancelled'
      readonly jobId: string
      readonly reason: CancelReason
      readonly step?: string
      readonly forced: boolean
      readonly cleanup: CleanupStatus
      readonly joined: boolean
      /** From the start of the producer to the settle, milliseconds. */
      readonly runMs: number
      /** From the cancel request to the settle, milliseconds. */
      readonly cancelMs: number
      readonly recorded: boolean
    }
  /** The commit had begun; its end was waited for, or the time limit. */
  | { readonly outcome: 'too-late'; readonly jobId: string; readonly status: JobStatus }
  | { readonly outcome: 'already-settled'; readonly jobId: string; readonly status: JobStatus }
  /** The reason is recorded, but the job was not settled within the limit. */
  | { readonly outcome: 'requested'; readonly jobId: string; readonly status: JobStatus }
  | { readonly outcome: 'not-found'; readonly jobId: string }

interface CancellationParts {
  readonly nodeId: string
  readonly store: JobStore
  readonly limits: TimeLimits
  readonly completion: Completion
  readonly options: ResolvedOptions
  readonly runs: ReadonlyMap<string, Run<unknown>>
  readonly now: () => number
  readonly pendingCancelled: Iterable<(record: JobRecord) => void>
}

/** Cancels jobs of this process and of others, and tells what came of it. */
export class Cancellation {
  readonly #parts: CancellationParts
  #count = 0

  constructor(parts: CancellationParts) {
    this.#parts = parts
  }

  /** Records the reason in the calling tick where the store answers at once, then waits for the settle. */
  cancel(jobId: string, options: CancelOptions): Promise<CancelResult> {
    const { runs, limits, options: defaults } = this.#parts
    const { kind = 'user', by, message, timeoutMs = defaults.cancelTimeoutMs } = options
    const now = limits.now()
    const until = now + Math.min(timeoutMs, defaults.cancelTimeoutMs)
    const reason = this.#reason(kind, by, message)
    const run = runs.get(jobId)
    return run
      ? this.#cancelOwn(run, reason, { recorded: now + defaults.cancelTimeoutMs, settled: until })
      : this.#cancelForeign(jobId, reason, until)
  }

  #reason(kind: CancelKind, by: string | undefined, message: string | undefined): CancelReason {
    return Object.freeze(defined({ kind, by, message, at: this.#parts.now() }))
  }

  #cancelOwn(
    run: Run<unknown>,
    reason: CancelReason,
    until: { readonly recorded: number; readonly settled: number },
  ): Promise<CancelResult> {
    const { limits, completion } = this.#parts
    const settle = (answer: OwnCancelAnswer | typeof TIMED_OUT): Promise<CancelResult> => {
      const waiting = completion.wait(run.jobId, { until: until.settled }, run)
      return waiting.then((waited) => ownResult(run, reason, answer, waited))
    }
    const asked = run.requestCancel(reason)
    return isThenable(asked) ? boundedWait(asked, until.recorded - limits.now(), limits).then(settle) : settle(asked)
  }

  async #cancelForeign(jobId: string, reason: CancelReason, until: number): Promise<CancelResult> {
    const request = { jobId, cancelId: `${this.#parts.nodeId}.cancel.${++this.#count}`, reason }
    const answer = await this.#parts.store.requestCancel(request)
    switch (answer.answer) {
      case 'not-found':
        return { outcome: 'not-found', jobId }
      case 'already-settled':
        return { outcome: 'already-settled', jobId, status: answer.record.status }
      case 'cancelled':
        for (const tell of this.#parts.pendingCancelled) tell(answer.record)
        return fromRecord(answer.record, false) ?? { outcome: 'requested', jobId, status: answer.record.status }
      case 'too-late':
      case 'accepted':
      case 'joined':
        return this.#awaitForeign(request, answer, until)
    }
  }

  /** Under the fencing token of now: after a sweep the id may belong to another job. */
  #repeat(request: CancelRequest, { fencingToken }: JobRecord): () => void {
    const { store, limits } = this.#parts
    return repeatCancel(() => store.requestCancel({ ...request, fencingToken }), limits)
  }

  /** Never rejects: the request is recorded, also when its end cannot be read. */
  async #awaitForeign(
    request: CancelRequest,
    answer: Extract<CancelAnswer, { answer: 'too-late' | 'accepted' | 'joined' }>,
    until: number,
  ): Promise<CancelResult> {
    const { jobId } = request
    const stop = answer.answer === 'accepted' ? this.#repeat(request, answer.record) : undefined
    const status = answer.answer === 'too-late' ? answer.status : 'cancelling'
    const last = await this.#parts.completion.endOf(jobId, until)
    stop?.()
    const seen = 'record' in last ? last.record.status : 'status' in last ? last.status : status
    if (answer.answer === 'too-late') return { outcome: 'too-late', jobId, status: seen }
    if (!('record' in last)) return { outcome: 'requested', jobId, status: seen }
    return fromRecord(last.record, answer.answer === 'joined') ?? { outcome: 'already-settled', jobId, status: seen }
  }
}

/** What came of a cancel of an own job. @throws {StoreError} when nobody can say what stands in its record */
function ownResult(
  run: Run<unknown>,
  reason: CancelReason,
  answer: OwnCancelAnswer | typeof TIMED_OUT,
  waited: WaitResult<unknown>,
): CancelResult {
  const { jobId } = run
  const isUnknown = answer === TIMED_OUT || answer === 'unanswered'
  const unproved = () => new StoreError('requestCancel', 'gave no answer in time')
  if (!waited.settled) {
    // `ended`: the end was fixed before, and cannot be recorded yet.
    const isTooLate = answer === 'too-late' || answer === 'ended' || run.status === 'committing'
    if (isTooLate) return { outcome: 'too-late', jobId, status: run.status }
    if (isUnknown || !run.isCancelRecorded) throw unproved()
    return { outcome: 'requested', jobId, status: run.status }
  }
  const { outcome } = waited
  if (outcome.status !== 'cancelled') {
    if (isUnknown && !outcome.recorded) throw unproved() // the record may say cancelled, by this very request
    // The store took the request while the end was fixed here, so its record will say cancelled.
    const isRecordCancelling = !outcome.recorded && (answer === 'accepted' || answer === 'joined')
    if (isRecordCancelling) return { outcome: 'requested', jobId, status: 'cancelling' }
    return {
      outcome: answer === 'too-late' ? 'too-late' : 'already-settled',
      jobId,
      status: outcome.status,
    }
  }
  if (answer === 'ended') return { outcome: 'already-settled', jobId, status: 'cancelled' }
  return cancelled(
    outcome,
    isUnknown ? !isSameReason(outcome.reason, reason) : answer !== 'accepted',
    run.cancelMs,
    run.step,
  )
}

function cancelled(
  outcome: Extract<JobOutcome<unknown>, { status: 'cancelled' }>,
  joined: boolean,
  cancelMs: number,
  step: string | undefined,
): CancelResult {
  const { jobId, reason, forced, cleanup, runMs, recorded } = outcome
  const known = { outcome: 'cancelled', jobId, reason, forced, cleanup, joined, runMs, cancelMs, recorded } as const
  return step === undefined ? known : { ...known, step }
}

function fromRecord(record: JobRecord, joined: boolean): CancelResult | undefined {
  const outcome = recordedOutcome(record)
  return outcome?.status === 'cancelled' ? cancelled(outcome, joined, record.cancelMs ?? 0, record.step) : undefined
}
