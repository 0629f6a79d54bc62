import type { GenerationJobManager, JobEvent, JobHandle, JobOutcome, JobSnapshot } from 'generation-jobs'
import { expect } from 'vitest'
import { eventLog } from './event-log.js'
import type { Fixture } from './fixture.js'
import { within } from './within.js'

export interface OneEnd {
  readonly outcome: JobOutcome<unknown>
  readonly events: readonly JobEvent[]
  readonly record: JobSnapshot
}

/**
 * The end of a job that is over now, as seen from every side: outcome, log of events, record and log lines name the same end, and
 * each of them only once.
 */
export async function oneEnd(
  { clock, logs, ...fixture }: Pick<Fixture, 'clock' | 'logs' | 'manager'>,
  handle: JobHandle<unknown>,
  manager: GenerationJobManager = fixture.manager,
): Promise<OneEnd> {
  const { jobId } = handle
  const outcome = await within(clock, 0, handle.settled)
  const { status, commit, cleanup, forced } = outcome
  expect(handle.snapshot().status).toBe(status)
  const record = await manager.get(jobId)
  if (!record) throw new Error('the job has no record')
  expect(record).toMatchObject({ status, commit, cleanup, forced })

  const events = await eventLog(manager, jobId)
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  const ends = events.filter(({ type }) => type in STATUS_OF)
  expect(ends.map(({ type }) => STATUS_OF[type])).toEqual([status])
  expect(events.at(-1)).toBe(ends[0])

  const summaries = logs.lines.filter(({ fields }) => fields.job_id === jobId && SUMMARY.test(String(fields.event)))
  expect(summaries.map(({ fields }) => fields.event)).toEqual([`job.${status}`])
  return { outcome, events, record }
}

/** By the type of the terminal event. */
const STATUS_OF: Partial<Record<JobEvent['type'], string>> = {
  complete: 'completed',
  cancelled: 'cancelled',
  error: 'failed',
}
const SUMMARY = /^job\.(completed|cancelled|failed)$/
