import { type Awaitable, isThenable } from './awaitable.js'
import { boundedWait, TIMED_OUT } from './bounded-wait.js'
import { cancelledInstead, type JobEnd } from './job-end.js'
import type { JobRecord, OwnedOperation } from './job-store.js'
import type { RunEnvironment } from './run-environment.js'
import type { RunOutput } from './run-output.js'
import { readEnd, recordCancel, recordEnd, type Settlement } from './settlement.js'

/** What the writer asks its run. */
export interface EndWriterHost {
  readonly owned: OwnedOperation
  /** The record as the run knows it. */
  readonly record: JobRecord
  readonly output: RunOutput | undefined
  /** Somebody else owns the job: its end is read, not written. */
  readonly isFenced: boolean
  /** `false`: the store was away when the cancel should have been recorded. */
  readonly isCancelRecorded: boolean
}

/** Brings the end of one run into the store, behind everything that it emitted; what the store cannot take now is tried again. */
export class EndWriter {
  readonly #env: RunEnvironment
  readonly #run: EndWriterHost

  constructor(env: RunEnvironment, run: EndWriterHost) {
    this.#env = env
    this.#run = run
  }

  /** Calls `written` once, in this tick if the store answers at once. Never throws. */
  write(end: JobEnd, written: (settlement: Settlement) => void): void {
    const finish = (settlement: Settlement): void => {
      written(settlement)
      if (settlement.kind === 'unrecorded' && settlement.retry) this.#tryAgainLater(end)
      else this.#letGo()
    }
    const settlement = this.#firstAttempt(end)
    if (isThenable(settlement)) void settlement.then(finish)
    else finish(settlement)
  }

  #firstAttempt(end: JobEnd): Awaitable<Settlement> {
    if (this.#run.isFenced) return readEnd(this.#env.store, this.#run.record)
    // A store that was away a moment ago is not waited for a second time.
    if (end.status === 'cancelled' && !this.#run.isCancelRecorded) return { kind: 'unrecorded', retry: true }
    return this.#attempt(end)
  }

  #tryAgainLater(end: JobEnd): void {
    this.#env.retries.add({ write: () => this.#lateAttempt(end), abandon: () => this.#letGo() })
  }

  /** The end was told as not recorded. If a cancel stands in the record meanwhile, that is how the record ends. */
  #lateAttempt(end: JobEnd): Awaitable<Settlement> {
    const orCancelled = (settlement: Settlement): Awaitable<Settlement> =>
      settlement.kind === 'cancelled-first' ? this.#attempt(cancelledInstead(end, settlement.reason)) : settlement
    const settlement = this.#attempt(end)
    return isThenable(settlement) ? settlement.then(orCancelled) : orCancelled(settlement)
  }

  /** A pending job is settled by the cancel itself; only if it was started after all, its end must be written too. */
  #attempt(end: JobEnd): Awaitable<Settlement> {
    const { record, owned } = this.#run
    if (record.status !== 'pending' || end.status !== 'cancelled') return this.#recordEnd(end)
    const cancelId = `${owned.operationId}.cancel.unstarted`
    const request = { jobId: owned.jobId, cancelId, reason: end.reason, nodeId: this.#env.nodeId }
    return recordCancel(this.#env.store, request, record, () => this.#recordEnd(end))
  }

  /** What a cancelled run emitted last need not be taken, but counted. */
  #recordEnd(end: JobEnd): Awaitable<Settlement> {
    const { store, limits, options } = this.#env
    const { output, owned, record } = this.#run
    const flushed = output?.flush()
    if (flushed === undefined) return recordEnd(store, owned, end, record)
    return boundedWait(flushed, options.storeTimeoutMs, limits).then((result) =>
      result === TIMED_OUT && end.status !== 'cancelled'
        ? { kind: 'unrecorded', retry: true }
        : recordEnd(store, owned, end, record),
    )
  }

  #letGo(): void {
    this.#run.output?.close()
  }
}
