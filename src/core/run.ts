import { type CancelReason, isSameReason } from '../protocol/cancel-reason.js'
import type { ContentEvent } from '../protocol/job-event.js'
import type { CleanupStatus, JobSnapshot, Usage } from '../protocol/job-snapshot.js'
import type { JobStatus } from '../protocol/job-status.js'
import type { Ticket } from './admission.js'
import type { Awaitable } from './awaitable.js'
import { isThenable, whenAnswered } from './awaitable.js'
import { RunToken } from './cancel-token.js'
import { CleanupStack, type FixedEnd } from './cleanup-stack.js'
import { CommitGate } from './commit-gate.js'
import { EndWriter } from './end-writer.js'
import { safeErrorFields } from './error-description.js'
import { InvalidOptionsError, LogLimitError } from './errors.js'
import type { FairYield } from './fair-yield.js'
import type { JobEnd } from './job-end.js'
import {
  type AppendAnswer,
  type CancelAnswer,
  type JobRecord,
  type RenewAnswer,
  type StartAnswer,
  snapshotOf,
} from './job-store.js'
import { summaryOf } from './journal.js'
import { Listeners } from './listeners.js'
import type { JobSummary } from './log-lines.js'
import type { Logger } from './logger.js'
import { type JobOutcome, localOutcome, recordedOutcome } from './outcome.js'
import type { Producer } from './producer.js'
import { callProducer, type ProducerEnd } from './producer-call.js'
import { decideEnd, jobEnd } from './run-end.js'
import type { RunEnvironment, RunSpec } from './run-environment.js'
import { RunLimits } from './run-limits.js'
import { type OutputItem, RunOutput } from './run-output.js'
import { isSameLife, type Settlement } from './settlement.js'
import { type ItemTaker, SourcePump } from './source-pump.js'
import type { TextBuffer } from './text-buffer.js'

/**
 * What a cancel of an own job met. `ended`: the producer had ended before, so the end is fixed though not yet recorded.
 * `unanswered`: it ended while the store was asked, and nobody knows whether the request arrived.
 */
export type OwnCancelAnswer = 'accepted' | 'joined' | 'too-late' | 'ended' | 'unanswered'

/** Where a run is: `waiting` for a slot, producer not yet called, producing, releasing (cleanups), settling, settled. */
type Phase = 'waiting' | 'starting' | 'producing' | 'releasing' | 'settling' | 'settled'

/**
 * One job in the process that owns it, from its admission to its end. It is the only writer of its state.
 *
 * The first of these fixes the end: a cancel is recorded, the producer ends, a commit ends, the log is full. From then on the
 * producer and its sources have half of the grace period, and the cleanups the rest of it; then the end is written.
 */
export class Run<T> {
  readonly jobId: string
  readonly fencingToken: number
  /** When the job was recorded, by the monotonic clock: before it came to this process, if a queue brought it. */
  readonly registeredAt: number
  #leaseProvedAt: number
  readonly #env: RunEnvironment
  readonly #operationId: string
  readonly #producer: Producer<T>
  readonly #limits: RunLimits
  readonly #ticket: Ticket
  #startedAt: number | undefined
  #phase: Phase
  #record: JobRecord
  #status: JobStatus

  // Made when first needed: a pending job is little more than its record.
  #token: RunToken | undefined
  #output: RunOutput | undefined
  #pumps: { stop(error: unknown): void }[] | undefined
  #gate: CommitGate | undefined
  #cleanups: CleanupStack | undefined

  #producerEnd: ProducerEnd<T> | undefined
  #failure: { readonly error: unknown } | undefined
  #isCommitted = false
  #isCancelRecorded = true
  #isFenced = false
  #isForced = false
  #cancels = 0
  #endingSince: number | undefined
  #cancelRequestedAt: number | undefined

  #outcome: JobOutcome<T> | undefined
  #settledListeners: Listeners<(outcome: JobOutcome<T>) => void> | undefined
  #unlinkSignal: (() => void) | undefined

  constructor(env: RunEnvironment, spec: RunSpec<T>) {
    const { record } = spec
    this.#env = env
    this.#operationId = spec.operationId
    this.#producer = spec.producer
    this.#ticket = spec.ticket
    this.#record = record
    this.#status = record.status
    this.#phase = record.status === 'pending' ? 'waiting' : 'starting'
    this.jobId = record.jobId
    this.fencingToken = record.fencingToken
    this.#leaseProvedAt = spec.leaseProvedAt
    this.registeredAt = env.limits.now() - ((record.startedAt ?? record.createdAt) - record.createdAt)
    this.#limits = new RunLimits(env.limits, spec.limits, this)
  }

  // ── How it stands ────────────────────────────────────────────────────────────────────────────────────────────────

  get status(): JobStatus {
    return this.#status
  }

  get step(): string | undefined {
    return this.#output?.step
  }

  /** When the newest proof of ownership was asked for, by the monotonic clock. */
  get leaseProvedAt(): number {
    return this.#leaseProvedAt
  }

  /** `false`: the job is cancelled here, and the store was away when that should have been recorded. */
  get isCancelRecorded(): boolean {
    return this.#isCancelRecorded
  }

  get isSettled(): boolean {
    return this.#phase === 'settled'
  }

  /** The outcome, after everything is released. Never rejects. */
  get settled(): Promise<JobOutcome<T>> {
    return new Promise((resolve) => this.onSettled(resolve))
  }

  /** Calls `listener` with the outcome, at once if it is there. A wait that ends before takes it off again. */
  onSettled(listener: (outcome: JobOutcome<T>) => void): void {
    if (this.#outcome) return listener(this.#outcome)
    this.#settledListeners ??= new Listeners()
    this.#settledListeners.add(listener)
  }

  offSettled(listener: (outcome: JobOutcome<T>) => void): void {
    this.#settledListeners?.delete(listener)
  }

  get token(): RunToken {
    this.#token ??= new RunToken(this.jobId, (error) => this.#env.journal.listenerFailed(error))
    return this.#token
  }

  get logger(): Logger {
    return this.#env.journal.loggerFor(this.jobId)
  }

  get cleanupCount(): number {
    return this.#cleanups?.size ?? 0
  }

  get listenerCount(): number {
    return this.#token?.listenerCount ?? 0
  }

  /** From the cancel request until now or the settle, milliseconds; 0 without a cancel. */
  get cancelMs(): number {
    if (this.#record.cancelMs !== undefined) return this.#record.cancelMs
    return this.#cancelRequestedAt === undefined ? 0 : this.#env.limits.now() - this.#cancelRequestedAt
  }

  snapshot(): JobSnapshot {
    const { step, lastSeq = 0 } = this.#output ?? {}
    return snapshotOf({
      ...this.#record,
      status: this.#status,
      lastSeq: Math.max(this.#record.lastSeq, lastSeq),
      ...(step === undefined ? undefined : { step }),
    })
  }

  // ── From admission to the producer ───────────────────────────────────────────────────────────────────────────────

  /** Calls `unlink` when the run is settled. */
  linkSignal(unlink: () => void): void {
    if (this.#phase === 'settled') unlink()
    else this.#unlinkSignal = unlink
  }

  /** A slot is free. Two microtasks let the one who awaited `register()` go on before the producer is called. */
  start(): void {
    if (this.#phase === 'waiting') return this.#leaveQueue()
    void Promise.resolve()
      .then(() => undefined)
      .then(() => this.#produce())
  }

  #leaveQueue(): void {
    const { store, nodeId } = this.#env
    void whenAnswered<StartAnswer, void>(
      () => store.start({ ...this.#owned, nodeId }),
      (answer) => {
        if (this.#phase !== 'waiting') return
        if (answer.answer === 'not-pending') return this.settledElsewhere(answer.record)
        if (answer.answer !== 'started') return this.loseLease()
        this.#record = answer.record
        this.#status = 'running'
        this.#phase = 'starting'
        this.#produce()
      },
      () => {
        if (this.#phase === 'waiting') this.#leaveQueue() // until the lease is lost
      },
    )
  }

  #produce(): void {
    if (this.#phase !== 'starting' || this.#cancels > 0) return // the answer to a cancel is on its way, and ends it
    this.#env.journal.started(this)
    if (this.#phase !== 'starting') return // a listener cancelled
    this.#phase = 'producing'
    this.#startedAt = this.#env.limits.now()
    this.#limits.startRunning()
    callProducer(this, this.#producer)
  }

  onProducerEnd(end: ProducerEnd<T>): void {
    this.#producerEnd = end
    this.#proceed()
  }

  // ── What the producer does ───────────────────────────────────────────────────────────────────────────────────────

  get acceptsEvents(): boolean {
    return this.#phase === 'producing' && !this.#producerEnd && !this.#failure && !this.#token?.isCancelled
  }

  /** Writes an event. @throws what stands against it; see {@link RunContext.emit} */
  emit(event: ContentEvent): void {
    if (event.type === 'chunk') return this.emitText(event.content)
    this.#write(event)
    if (event.type === 'step') this.#env.journal.step(this, event.step)
  }

  /** Writes a chunk: the way of every token. @throws likewise */
  emitText(content: string): void {
    this.#write(content)
  }

  #write(item: OutputItem): void {
    if (!this.acceptsEvents) {
      if (typeof item === 'string') this.noteDropped()
      throw this.#refusal()
    }
    let isTaken: boolean
    try {
      isTaken = (this.#output ?? this.#openOutput()).write(item)
    } catch (error) {
      this.#fail(error)
      throw error
    }
    if (!isTaken) throw this.#refusal()
  }

  noteDropped(): void {
    this.#openOutput().dropped++
  }

  #openOutput(): RunOutput {
    this.#output ??= new RunOutput(this.#env, this, this.#startedAt ?? this.#env.limits.now())
    return this.#output
  }

  /** Wait for this before emitting on: the store is slow. */
  get congestion(): Promise<void> | undefined {
    return this.#output?.congestion
  }

  /** What was emitted so far. */
  get text(): TextBuffer {
    return this.#openOutput().text
  }

  noteUsage(usage: Usage): void {
    this.#openOutput().usage = usage
  }

  /** Reads a source until its end; a run that ends first stops it, and one that is over closes it unread. */
  pump<Item>(source: object, taker: ItemTaker<Item>): Promise<unknown> {
    const pump = new SourcePump<Item>(source, this, taker)
    this.#pumps = this.#pumps ? [...this.#pumps, pump] : [pump]
    if (this.acceptsEvents) pump.start()
    else pump.stop(this.#refusal())
    return pump.ended
  }

  #stopPumps(): void {
    for (const pump of this.#pumps ?? []) pump.stop(this.#refusal())
  }

  get fair(): FairYield {
    return this.#env.fair
  }

  onPumpClosed(pump: object): void {
    this.#pumps = this.#pumps?.filter((other) => other !== pump)
    if (this.#endingSince !== undefined) this.#proceed()
  }

  get cleanups(): CleanupStack {
    if (!this.#cleanups) {
      const { limits, journal } = this.#env
      this.#cleanups = new CleanupStack(limits, (error, label) => journal.cleanupFailed(this, error, label))
      if (this.#phase !== 'producing') void this.#cleanups.run(this.#fixedEnd, 0) // deferred ones start at once
    }
    return this.#cleanups
  }

  get gate(): CommitGate {
    this.#gate ??= this.#openGate()
    return this.#gate
  }

  #openGate(): CommitGate {
    const { store, limits, journal, options } = this.#env
    return new CommitGate({
      jobId: this.jobId,
      fencingToken: this.fencingToken,
      limits,
      commitTimeoutMs: options.commitTimeoutMs,
      storeTimeoutMs: options.storeTimeoutMs,
      assertOpen: () => {
        if (!this.acceptsEvents) throw this.#refusal()
      },
      assertNotCancelled: () => this.#token?.throwIfCancelled(),
      flush: () => this.#output?.flush(),
      claim: () => store.claimCommit(this.#owned),
      onClaimed: () => {
        this.#status = 'committing'
        this.#limits.stop()
        journal.committing(this)
      },
      onLost: (answer) => {
        if (answer.answer === 'lost' && answer.record.cancel) this.cancelRecorded(answer.record.cancel.reason)
        else this.loseLease()
        return this.#refusal()
      },
      onClosed: () => this.#proceed(),
      onSaved: () => {
        this.#isCommitted = true
        this.#proceed()
      },
      onFailed: (error) => {
        this.#failure ??= { error }
        this.#proceed()
      },
      onLate: (result) => journal.commitLate(this, result),
    })
  }

  // ── What ends it from outside ────────────────────────────────────────────────────────────────────────────────────

  get lastActivityAt(): number {
    return this.#output?.lastActivityAt ?? this.#startedAt ?? this.#env.limits.now()
  }

  onLimit(kind: 'deadline' | 'idle' | 'disconnect'): void {
    void this.requestCancel({ kind, at: this.#env.clock.now() })
  }

  onMaybeUnwatched(): void {
    this.#env.renewSoon(this.jobId)
  }

  /**
   * Records a cancel reason in the store and then here; with a store that answers at once, in this tick. The store decides between
   * a cancel and a claim. Never throws.
   */
  requestCancel(reason: CancelReason): Awaitable<OwnCancelAnswer> {
    this.#output?.sendHeld() // what was emitted before the cancel stands before it
    if (this.#token?.isCancelled) return 'joined'
    if (this.#gate?.isSaving || this.#isCommitted) return 'too-late'
    if (this.#isEndFixed) return 'ended'
    const { store, nodeId } = this.#env
    const wasClaiming = this.#gate?.isClaiming === true
    Object.freeze(reason)
    return whenAnswered<CancelAnswer, OwnCancelAnswer>(
      () =>
        store.requestCancel({
          jobId: this.jobId,
          cancelId: `${this.#operationId}.cancel.${++this.#cancels}`,
          reason,
          nodeId,
        }),
      (answer) => this.#cancelAnswered(answer),
      () => this.#cancelUnanswered(reason, wasClaiming),
    )
  }

  #cancelAnswered(answer: CancelAnswer): OwnCancelAnswer {
    switch (answer.answer) {
      case 'accepted':
      case 'joined':
        this.#record = answer.record
        if (answer.record.cancel) this.cancelRecorded(answer.record.cancel.reason)
        return answer.answer
      case 'cancelled':
        this.settledElsewhere(answer.record)
        return 'accepted'
      case 'too-late':
        return 'too-late'
      case 'already-settled':
        this.settledElsewhere(answer.record)
        return 'ended'
      case 'not-found':
        this.loseLease()
        return 'accepted'
    }
  }

  /** The store is away: the job is cancelled here all the same, unless a claim is under way that may have been won. */
  #cancelUnanswered(reason: CancelReason, wasClaiming: boolean): Awaitable<OwnCancelAnswer> {
    const learned = (): OwnCancelAnswer => (isSameReason(this.#token?.reason, reason) ? 'accepted' : 'joined')
    if (this.#token?.isCancelled) return learned()
    if (this.#gate?.isClaiming) {
      return this.#gate.decided().then(() => (this.#token?.isCancelled ? learned() : 'too-late'))
    }
    if (this.#gate?.isSaving || this.#isCommitted || (wasClaiming && this.#isEndFixed)) return 'too-late'
    if (this.#isEndFixed) return 'unanswered'
    this.#isCancelRecorded = false
    this.cancelRecorded(reason)
    return 'accepted'
  }

  /** The reason stands: first it is true, then everybody is told, then the run begins to end. */
  cancelRecorded(reason: CancelReason): void {
    // A claim that was won stands: only a store that has forgotten it, after a failover, can have taken a cancel.
    if (this.#token?.isCancelled || this.#isEndFixed || this.#gate?.isSaving) return
    this.#status = 'cancelling'
    this.#cancelRequestedAt = this.#env.limits.now()
    this.#limits.stop()
    this.#output?.close()
    this.token.cancel(reason)
    this.#stopPumps()
    this.#env.journal.cancelRequested(this, reason)
    this.#proceed()
  }

  onOutputRefused(answer: Exclude<AppendAnswer, { answer: 'accepted' }>): void {
    if (answer.answer === 'not-running' && answer.record.cancel) this.cancelRecorded(answer.record.cancel.reason)
    else if (answer.answer === 'log-full') this.#fail(new LogLimitError(this.jobId, 'its log may hold'))
    else this.loseLease()
  }

  /** What a renewal of the lease told. */
  onRenewed(answer: RenewAnswer, sentAt: number): void {
    if (this.#phase === 'settled') return
    if (answer.answer === 'already-settled') return this.settledElsewhere(answer.record)
    if (answer.answer !== 'renewed') return this.loseLease()
    this.#leaseProvedAt = sentAt
    if (answer.reason) this.cancelRecorded(answer.reason)
    else this.#limits.noteViewers(answer.viewers, answer.unwatchedMs)
  }

  /** Somebody else settled the job: that is the end of a pending one, and the loss of the lease for one that works. */
  settledElsewhere(record: JobRecord): void {
    if (this.#phase === 'waiting' && isSameLife(record, this.#record)) {
      this.#phase = 'settling' // true before anybody is told: a listener may cancel again
      if (record.cancel) this.#env.journal.cancelRequested(this, record.cancel.reason)
      this.#finish({ kind: 'elsewhere', record })
    } else if (this.#phase !== 'settling') this.loseLease()
  }

  /** This process no longer owns the job: it stops, and writes nothing any more. */
  loseLease(): void {
    if (this.#isFenced || this.#phase === 'settled') return
    this.#isFenced = true
    this.#env.journal.fenced(this)
    if (this.#phase === 'settling') this.#output?.close() // do not wait for what cannot be written any more
    if (this.#gate?.isSaving) this.#gate.loseLease()
    else if (!this.#token?.isCancelled) {
      this.#isCancelRecorded = false
      this.cancelRecorded({ kind: 'lease-lost', at: this.#env.clock.now() })
    }
  }

  /** The run cannot go on, and nobody cancelled it. */
  #fail(error: unknown): void {
    if (this.#isEndFixed || this.#token?.isCancelled || this.#gate?.isBusy) return
    this.#failure = { error }
    this.#limits.stop()
    this.#proceed()
  }

  // ── The end ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Nothing that happens from now on changes how the run ends. */
  get #isEndFixed(): boolean {
    const isOpen = this.#phase === 'waiting' || this.#phase === 'starting' || this.#phase === 'producing'
    return !isOpen || this.#producerEnd !== undefined || this.#failure !== undefined || this.#isCommitted
  }

  /** Goes on towards the end as far as producer, sources and commit allow. Called whenever one of them moved. */
  #proceed(): void {
    if (this.#phase === 'waiting' || this.#phase === 'starting') return this.#release() // the producer is never called
    if (this.#phase !== 'producing' || this.#gate?.isBusy) return
    this.#endingSince ??= this.#env.limits.now()
    if (this.#failure || this.#producerEnd) this.#stopPumps()
    if (this.#phase !== 'producing') return // the last source let go in this tick, and its run went on
    if (this.#producerEnd && !this.#pumps?.length) return this.#release()
    if (this.#limits.isEnding) return
    this.#limits.startEnding(this.#endingSince + this.#env.options.gracePeriodMs / 2)
  }

  onEndingOver(): void {
    this.#release()
  }

  /** Runs the cleanups in what is left of the grace period. */
  #release(): void {
    const { journal, options } = this.#env
    if (this.#phase === 'producing' && (!this.#producerEnd || this.#pumps?.length)) {
      this.#isForced = true
      journal.forced(this)
    }
    this.#phase = 'releasing'
    this.#limits.stop()
    const end = this.#fixedEnd
    if (end.status === 'failed') this.#token?.abortSignal(end.error)
    this.#stopPumps()
    const until = (this.#endingSince ?? this.#env.limits.now()) + options.gracePeriodMs
    const cleanup = this.#cleanups?.run(end, until) ?? 'clean'
    if (isThenable(cleanup)) void cleanup.then((status) => this.#settle(status))
    else this.#settle(cleanup)
  }

  #settle(cleanup: CleanupStatus): void {
    this.#phase = 'settling'
    this.#writeEnd(this.#jobEnd(cleanup))
  }

  #writeEnd(end: JobEnd): void {
    const writer = new EndWriter(this.#env, {
      owned: this.#owned,
      record: this.#record,
      output: this.#output,
      isFenced: this.#isFenced,
      isCancelRecorded: this.#isCancelRecorded,
    })
    writer.write(end, (settlement) => this.#finish(settlement, end))
  }

  #finish(settlement: Settlement, end: JobEnd = this.#jobEnd('clean')): void {
    if (this.#phase === 'settled') return
    if (settlement.kind === 'cancelled-first' && end.commit === 'none') {
      // Another node's cancel was recorded while the cleanups ran here: the reason came before the end.
      this.token.cancel(settlement.reason)
      return this.#writeEnd(this.#jobEnd(end.cleanup))
    }
    const isKnown = settlement.kind === 'recorded' || settlement.kind === 'elsewhere'
    if (isKnown) this.#record = settlement.record
    else if (end.cancelMs !== undefined) this.#record = { ...this.#record, cancelMs: end.cancelMs }
    const elsewhere = settlement.kind === 'elsewhere' ? recordedOutcome<T>(settlement.record) : undefined
    const truth =
      end.status === 'cancelled' && this.#record.cancel ? { ...end, reason: this.#record.cancel.reason } : end
    const outcome = elsewhere ?? localOutcome<T>(this.jobId, truth, this.#localEnd, settlement.kind === 'recorded')
    this.#phase = 'settled'
    this.#outcome = outcome
    this.#status = outcome.status
    this.#limits.stop()
    this.#token?.release()
    if (outcome.status === 'completed') this.#output?.text.clear() // all others have it as partial text
    this.#unlinkSignal?.()
    this.#env.onSettled(this.jobId)
    this.#ticket.release()
    this.#settledListeners?.forEach((listener) => {
      listener(outcome)
    })
    this.#settledListeners = undefined
    this.#report(outcome, elsewhere?.cleanup === 'unknown')
  }

  /** The node that reaped a job has written its summary. */
  #report(outcome: JobOutcome<T>, isReaped: boolean): void {
    const { journal } = this.#env
    if (this.#isCommitted && !(this.#producerEnd && 'value' in this.#producerEnd)) {
      const fields = this.#producerEnd ? safeErrorFields(this.#producerEnd.error) : { timed_out: true }
      journal.postCommitFailed(this, fields)
    }
    journal.settled(this, () => this.#summary(outcome), !isReaped)
  }

  #summary(outcome: JobOutcome<T>): JobSummary {
    const { epoch, limits } = this.#env
    const { chunks = 0, dropped = 0, firstChunkAt, step = this.#record.step } = this.#output ?? {}
    return {
      ...summaryOf(this.#record, outcome),
      step,
      settledAt: this.#record.settledAt ?? epoch.at(limits.now()),
      cancelMs: this.cancelMs,
      chunks,
      droppedChunks: dropped,
      firstChunkMs: firstChunkAt === undefined ? undefined : firstChunkAt - (this.#startedAt ?? firstChunkAt),
    }
  }

  get #owned() {
    const { jobId, fencingToken } = this
    return { jobId, fencingToken, operationId: this.#operationId }
  }

  get #fixedEnd(): FixedEnd {
    return decideEnd({
      reason: this.#token?.reason,
      failure: this.#failure,
      isCommitted: this.#isCommitted,
      producerEnd: this.#producerEnd,
    })
  }

  #jobEnd(cleanup: CleanupStatus): JobEnd {
    const now = this.#env.limits.now()
    const startedAt = this.#startedAt ?? now
    return jobEnd(
      this.#fixedEnd,
      {
        producerEnd: this.#producerEnd,
        isCommitted: this.#isCommitted,
        cleanup,
        forced: this.#isForced,
        queuedMs: startedAt - this.registeredAt,
        runMs: now - startedAt,
        cancelMs: now - (this.#cancelRequestedAt ?? now),
        usage: this.#output?.usage,
        hasRead: this.#pumps !== undefined,
      },
      this.#env.options,
    )
  }

  get #localEnd() {
    const fixed = this.#fixedEnd
    const value = this.#producerEnd && 'value' in this.#producerEnd ? this.#producerEnd : undefined
    return {
      value: value?.value,
      valueMissing: !value,
      cause: fixed.status === 'failed' ? fixed.error : undefined,
      partialText: () => this.#output?.deliveredText ?? '',
    }
  }

  /** Why the run takes nothing any more. */
  #refusal(): unknown {
    return (
      this.#token?.error ??
      this.#failure?.error ??
      new InvalidOptionsError('The run has ended and takes nothing more; await everything before the producer returns.')
    )
  }
}
