import type { CancelReason } from '../protocol/cancel-reason.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import { type Messages, messagesOf } from '../protocol/messages.js'
import { createDefaultLogger } from './default-logger.js'
import { isObserved, publish } from './diagnostics.js'
import { safeErrorFields } from './error-description.js'
import { type JobRecord, snapshotOf } from './job-store.js'
import { type JobSummary, summaryLine } from './log-lines.js'
import { guardLogger, type Logger, silentLogger } from './logger.js'
import { ManagerEmitter, type ManagerEvents } from './manager-events.js'
import type { ResolvedOptions } from './options.js'
import { recordedOutcome } from './outcome.js'

/** Whoever the journal writes about. */
interface Subject {
  readonly jobId: string
  snapshot(): JobSnapshot
}

/**
 * Tells what happens to jobs: one log line and one manager event per transition, one summary at the end. What a listener or a
 * logger throws stays here.
 */
export class Journal {
  readonly emitter: ManagerEmitter
  readonly #logger: Logger
  readonly #isSilent: boolean
  readonly #messages: Messages
  #listenerFailures = 0

  constructor(options: Pick<ResolvedOptions, 'logger' | 'locale'>) {
    this.emitter = new ManagerEmitter((error) => this.listenerFailed(error))
    this.#isSilent = options.logger === false
    this.#messages = messagesOf(options.locale)
    const logger = options.logger === false ? silentLogger : (options.logger ?? createDefaultLogger())
    this.#logger = guardLogger(logger, {}, (error) => this.listenerFailed(error))
  }

  /** A logger for the producer of a job. */
  loggerFor(jobId: string): Logger {
    return this.#isSilent
      ? silentLogger
      : guardLogger(this.#logger, { job_id: jobId }, (error) => this.listenerFailed(error))
  }

  registered(job: Subject): void {
    if (this.#isHeard('registered')) this.#tell('registered', { job: job.snapshot() })
    this.#line('info', 'job.registered', job.jobId, 'Job registered', undefined)
  }

  started(job: Subject): void {
    if (this.#isHeard('started')) this.#tell('started', { job: job.snapshot() })
    this.#line('info', 'job.started', job.jobId, 'Job started', undefined)
  }

  step(job: Subject, step: string): void {
    if (this.#isHeard('step')) this.#tell('step', { job: job.snapshot(), step })
  }

  cancelRequested(job: Subject, reason: CancelReason): void {
    if (this.#isHeard('cancelRequested')) this.#tell('cancelRequested', { job: job.snapshot(), reason })
    if (this.#isSilent) return
    const by = reason.by === undefined ? undefined : { by: reason.by }
    this.#line('info', 'job.cancel_requested', job.jobId, 'Cancel requested', { reason: reason.kind, ...by })
  }

  committing(job: Subject): void {
    if (this.#isHeard('committing')) this.#tell('committing', { job: job.snapshot() })
  }

  /** `isLogged: false` for an end that another node recorded and has logged. */
  settled(job: Subject, summarize: () => JobSummary, isLogged = true): void {
    const isWritten = isLogged && !this.#isSilent
    const isHeard = this.#isHeard('settled')
    if (!isWritten && !isHeard) return
    const summary = summarize()
    if (isWritten) {
      const { level, fields, message } = summaryLine(summary, this.#messages)
      this.#logger[level](fields, message)
    }
    if (isHeard) this.#tell('settled', settledPayload(job, summary))
  }

  cleanupFailed(job: Subject, error: unknown, label: string | undefined): void {
    const name = label === undefined ? undefined : { label }
    this.#line('warn', 'job.cleanup_failed', job.jobId, 'A cleanup failed', { ...name, ...safeErrorFields(error) })
    if (this.#isHeard('cleanupFailed')) this.#tell('cleanupFailed', { job: job.snapshot(), ...name, error })
  }

  forced(job: Subject): void {
    this.#line('warn', 'job.forced', job.jobId, 'The producer or a source did not end in time', undefined)
  }

  fenced(job: Subject): void {
    this.#line('warn', 'job.fenced', job.jobId, 'This process no longer owns the job', undefined)
  }

  commitLate(job: Subject, result: 'resolved' | 'rejected'): void {
    this.#line('warn', 'job.commit_late', job.jobId, 'save answered after its limit', { result })
  }

  postCommitFailed(job: Subject, fields: object): void {
    this.#line('warn', 'job.post_commit_failed', job.jobId, 'The producer failed after its commit', fields)
  }

  /** This node settled a job of a dead owner, or one that no owner came for. */
  reaped(record: JobRecord): void {
    const { jobId, status } = record
    if (status !== 'cancelled' || record.startedAt !== undefined)
      this.#line('warn', 'job.reaped', jobId, 'The owner of the job is gone', { status })
    this.ended(record)
  }

  /** The end of a job that has no run in this process. */
  ended(record: JobRecord): void {
    const outcome = recordedOutcome(record)
    if (outcome) this.settled(subjectOf(record), () => summaryOf(record, outcome))
  }

  /** Logged once per manager, so that a listener that always throws does not flood the log. */
  listenerFailed(error: unknown): void {
    if (this.#listenerFailures++ > 0) return
    this.#logger.error(
      { event: 'listener.failed', ...safeErrorFields(error) },
      'A listener failed; further failures are not logged',
    )
  }

  #isHeard(event: keyof ManagerEvents): boolean {
    return this.emitter.has(event) || isObserved(event)
  }

  #tell<E extends keyof ManagerEvents>(event: E, payload: ManagerEvents[E]): void {
    this.emitter.emit(event, payload)
    publish(event, payload)
  }

  #line(level: 'info' | 'warn', event: string, jobId: string, message: string, fields: object | undefined): void {
    if (!this.#isSilent) this.#logger[level]({ event, job_id: jobId, ...fields }, message)
  }
}

function settledPayload(job: Subject, summary: JobSummary): ManagerEvents['settled'] {
  const { outcome, chunks = 0, droppedChunks = 0, firstChunkMs, cancelMs } = summary
  const isCancelled = outcome.status === 'cancelled'
  return {
    job: job.snapshot(),
    outcome,
    chunks,
    droppedChunks,
    ...(firstChunkMs !== undefined && { firstChunkMs }),
    ...(isCancelled && { cancelMs: cancelMs ?? 0 }),
  }
}

/** A job of which only the record is here. */
export function subjectOf(record: JobRecord): Subject {
  return { jobId: record.jobId, snapshot: () => snapshotOf(record) }
}

/** The summary of a job that another hand settled. */
export function summaryOf(record: JobRecord, outcome: JobSummary['outcome']): JobSummary {
  return {
    outcome,
    step: record.step,
    wasPending: record.startedAt === undefined,
    settledAt: record.settledAt ?? record.updatedAt,
    cancelRequestedAt: record.cancel?.requestedAt,
    cancelMs: record.cancelMs,
  }
}
