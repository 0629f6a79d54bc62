import type { CancelKind, GenerationJobManager, JobHandle, JobOutcome } from 'generation-jobs'
import { expect } from 'vitest'
import { chunksOf } from './event-log.js'
import type { Fixture } from './fixture.js'
import { oneEnd } from './one-end.js'
import { CHUNK } from './producer-behaviours.js'

export interface ExpectedCancel {
  readonly kind: CancelKind
  readonly forced: boolean
  /** How many chunks were delivered before the cancel. */
  readonly chunks: number
  /** Where the job is, if not in the fixture's own manager. */
  readonly manager?: GenerationJobManager
}

type Cancelled = Extract<JobOutcome<unknown>, { status: 'cancelled' }>

/** Texts of models, prompts and foreign errors in these tests. */
const SECRETS = [CHUNK, 'a prompt', 'socket hang up', 'Request was aborted']

/**
 * A job that is over now was cancelled: nothing was committed, nothing was delivered after the reason, the reason is the same on
 * outcome, event, record and log line, and nobody logged what was generated or prompted.
 */
export async function expectCancelled(
  fixture: Fixture,
  handle: JobHandle<unknown>,
  expected: ExpectedCancel,
): Promise<Cancelled> {
  const { kind, forced, chunks, manager = fixture.manager } = expected
  const { logs } = fixture
  const { outcome, events, record } = await oneEnd(fixture, handle, manager)
  if (outcome.status !== 'cancelled') throw new Error(`the job is ${outcome.status}, not cancelled`)
  expect(outcome).toMatchObject({ reason: { kind }, commit: 'none', forced, recorded: true })
  expect(record).toMatchObject({ cancel: { reason: outcome.reason } })
  expect(record).not.toHaveProperty('result')
  expect(record).not.toHaveProperty('error')

  expect(chunksOf(events)).toHaveLength(chunks)
  expect(events.at(-1)).toMatchObject({ type: 'cancelled', kind, forced })
  const cancellingAt = events.findIndex(({ type }) => type === 'cancelling')
  if (cancellingAt >= 0) expect(cancellingAt).toBe(events.length - 2)

  const [summary] = logs.of('job.cancelled', handle.jobId)
  expect(summary?.fields).toMatchObject({ reason: kind, forced, chunks })
  const written = JSON.stringify(logs.lines)
  for (const secret of SECRETS) expect(written).not.toContain(secret)
  return outcome
}
