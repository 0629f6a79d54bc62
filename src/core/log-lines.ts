import type { Messages } from '../protocol/messages.js'
import { defined } from './defined.js'
import type { JobOutcome } from './outcome.js'

/** A finished line for a structured logger. */
export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly fields: { readonly event: string; readonly job_id: string; readonly [field: string]: unknown }
  readonly message: string
}

/** All numbers and names that the summary of a job shows; spans in milliseconds, instants in epoch milliseconds. */
export interface JobSummary {
  readonly outcome: JobOutcome<unknown>
  readonly step: string | undefined
  readonly wasPending: boolean
  readonly settledAt: number
  readonly cancelRequestedAt?: number | undefined
  readonly cancelMs?: number | undefined
  /** Chunks delivered, and chunks that came after the cancel; unknown for a job of a dead owner. */
  readonly chunks?: number | undefined
  readonly droppedChunks?: number | undefined
  readonly firstChunkMs?: number | undefined
}

/** The one summary line of a job: what happened, in numbers, and nothing that was prompted or generated. */
export function summaryLine(summary: JobSummary, messages: Messages): LogLine {
  const { outcome, step, settledAt, cancelRequestedAt, cancelMs, chunks, droppedChunks } = summary
  const { jobId, status, forced, cleanup, queuedMs, runMs, commit, recorded } = outcome
  const duration = seconds(queuedMs + runMs)
  const shownStep = step ?? (summary.wasPending ? messages.log.waiting : messages.log.starting)
  const reason = outcome.status === 'cancelled' ? outcome.reason : undefined
  const error = outcome.status === 'failed' ? outcome.error : undefined
  const fields = defined({
    event: `job.${status}`,
    job_id: jobId,
    status,
    reason: reason?.kind,
    by: reason?.by,
    cancel_message: reason?.message,
    requested_at: reason && iso(cancelRequestedAt ?? reason.at),
    cancel_ms: reason && Math.round((cancelMs ?? 0) * 100) / 100,
    error_code: error?.code,
    error_message: error?.message,
    step: shownStep,
    duration_s: Number(duration),
    run_s: Number(seconds(runMs)),
    queued_s: Number(seconds(queuedMs)),
    commit,
    forced,
    cleanup,
    recorded,
    chunks,
    dropped_chunks: droppedChunks,
    settled_at: iso(settledAt),
    timestamp: iso(settledAt),
  })
  const place = `job_id: ${jobId}, ${messages.log.duration}: ${duration}s`
  switch (outcome.status) {
    case 'cancelled':
      return {
        level: 'info',
        fields,
        message: `${messages.cancelled[outcome.reason.kind]} - ${place}, ${messages.log.step}: ${shownStep}`,
      }
    case 'completed':
      return { level: 'info', fields, message: `${messages.log.completed} - ${place}` }
    case 'failed':
      return {
        level: 'error',
        fields,
        message: `${messages.log.failed} (${outcome.error.code}) - ${place}, ${messages.log.step}: ${shownStep}`,
      }
  }
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(2)
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
