import type { JobStatus } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { cancelledInstead, endOfLostOwner, type JobEnd } from '../../src/core/job-end.js'
import type { JobRecord } from '../../src/core/job-store.js'
import { recordedOutcome } from '../../src/core/outcome.js'

// Decisions without a world around them, at the edges that no scenario reaches; `npm run stryker` changes each operator of these files.

const REASON = { kind: 'user', at: 5 } as const
const SPANS = { queuedMs: 1, runMs: 2 }

function record(fields: Partial<JobRecord> & { status: JobStatus }): JobRecord {
  return { jobId: 'a', lastSeq: 0, createdAt: 0, updatedAt: 0, fencingToken: 1, ...fields }
}

describe('the outcome that a record tells', () => {
  it('WAIT-08: of a record that leaves out what it could, is whole all the same', () => {
    expect(recordedOutcome(record({ status: 'failed' }))).toEqual({
      jobId: 'a',
      status: 'failed',
      error: { code: 'producer.failed', message: 'The producer failed.' },
      commit: 'none',
      cleanup: 'unknown',
      forced: false,
      recorded: true,
      queuedMs: 0,
      runMs: 0,
    })
  })

  it('G13: is the status, whatever cancel was recorded besides', () => {
    const cancel = { reason: REASON, requestedAt: 5 }
    expect(recordedOutcome(record({ status: 'failed', cancel }))?.status).toBe('failed')
    expect(recordedOutcome(record({ status: 'cancelled', cancel }))).toMatchObject({
      status: 'cancelled',
      reason: REASON,
    })
  })

  it('WAIT-08: has usage only where somebody reported it', () => {
    const usage = { inputTokens: 1, quality: 'reported' } as const
    expect(Object.hasOwn(recordedOutcome(record({ status: 'completed' })) ?? {}, 'usage')).toBe(false)
    expect(recordedOutcome(record({ status: 'completed', usage }))?.usage).toEqual(usage)
  })
})

describe('the end of a job whose owner died', () => {
  it.each([
    ['pending', 'failed', 'owner.lost', 'none'],
    ['running', 'failed', 'owner.lost', 'none'],
    ['committing', 'failed', 'commit.unknown', 'unknown'],
  ] as const)('G12: %s becomes %s, %s, commit %s, whatever was asked meanwhile', (status, ended, code, commit) => {
    const end = endOfLostOwner({ status, cancel: { reason: REASON }, ...SPANS })
    expect(end).toMatchObject({ status: ended, error: { code }, commit, forced: true, cleanup: 'unknown', ...SPANS })
    expect(end.status === 'failed' && end.error.message).toMatch(/^The process that ran the job died .+\.$/)
  })

  it('G12: cancelling becomes cancelled with its reason', () => {
    const end = endOfLostOwner({ status: 'cancelling', cancel: { reason: REASON }, ...SPANS })
    expect(end).toEqual({
      status: 'cancelled',
      reason: REASON,
      commit: 'none',
      forced: true,
      cleanup: 'unknown',
      ...SPANS,
    })
  })
})

it('G8: an end behind a recorded cancel keeps its numbers, and is nothing but cancelled', () => {
  const completed: JobEnd = {
    status: 'completed',
    result: 'text',
    commit: 'done',
    cleanup: 'failed',
    forced: true,
    cancelMs: 3,
    usage: { quality: 'unknown' },
    ...SPANS,
  }
  expect(cancelledInstead(completed, REASON)).toEqual({
    status: 'cancelled',
    reason: REASON,
    commit: 'none',
    cleanup: 'failed',
    forced: true,
    cancelMs: 3,
    usage: { quality: 'unknown' },
    ...SPANS,
  })
})
