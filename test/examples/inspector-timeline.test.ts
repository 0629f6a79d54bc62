import fc from 'fast-check'
import type { JobSnapshot } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { type LogDigest, type Sighting, type Span, toLane } from '../../examples/inspector/timeline.ts'

const T0 = 1_700_000_000_000
const NO_LOG: LogDigest = { steps: [], text: { chunks: 0, length: 0 } }

function snapshot(fields: Partial<JobSnapshot>): JobSnapshot {
  return { jobId: 'job', status: 'running', lastSeq: 0, createdAt: T0, startedAt: T0, updatedAt: T0, ...fields }
}

function cancelled(requestedAfterMs: number, cancelMs: number, fields: Partial<JobSnapshot> = {}): JobSnapshot {
  const requestedAt = T0 + requestedAfterMs
  return snapshot({
    status: 'cancelled',
    settledAt: Math.round(requestedAt + cancelMs),
    cancel: { requestedAt, reason: { kind: 'user', at: requestedAt } },
    forced: false,
    cleanup: 'clean',
    commit: 'none',
    ...fields,
  })
}

function sighting(fields: Partial<Sighting>): Sighting {
  return { registeredAt: T0, startedAt: T0, cleanups: [], ...fields }
}

const words = (spans: readonly Span[]) =>
  spans.map(({ label, startMs, endMs, isForced }) => `${label} ${startMs}..${endMs ?? ''}${isForced ? ' forced' : ''}`)

describe('toLane, for every kind of end', () => {
  it('a pending job is one open span', () => {
    const pending: JobSnapshot = { jobId: 'job', status: 'pending', lastSeq: 0, createdAt: T0, updatedAt: T0 }
    const lane = toLane(pending, NO_LOG, { registeredAt: T0, cleanups: [] })
    expect(words(lane.spans)).toEqual(['waits for a slot 0..'])
    expect(lane.durationMs).toBeUndefined()
  })

  it('a running job shows its queue and steps, and the last one is open', () => {
    const steps = [
      { step: 'Prompting', at: T0 + 400 },
      { step: 'Generating', at: T0 + 450 },
    ]
    const lane = toLane(snapshot({ startedAt: T0 + 400 }), { ...NO_LOG, steps }, sighting({ startedAt: T0 + 400.2 }))
    expect(words(lane.spans)).toEqual(['waits for a slot 0..400.2', 'Prompting 400.2..450', 'Generating 450..'])
  })

  it('a job that had a slot at once has no queue, and names no step until its first', () => {
    const lane = toLane(snapshot({}), { ...NO_LOG, steps: [{ step: 'Generating', at: T0 + 30 }] }, sighting({}))
    expect(words(lane.spans)).toEqual(['starting 0..30', 'Generating 30..'])
  })

  it('a cooperative cancel: the producer lets go, and that is all of it', () => {
    const seen = sighting({ cancelRequestedAt: T0 + 100.25, producerEndedAt: T0 + 100.75, cancelMs: 0.6 })
    const { cancel } = toLane(cancelled(100, 0.6), NO_LOG, seen)
    expect(cancel).toMatchObject({ kind: 'user', requestedMs: 100.25, ms: 0.6 })
    expect(words(cancel?.phases ?? [])).toEqual(['producer lets go 100.25..100.85'])
  })

  it('slow cleanups: each has a span with its name, in the order they ran', () => {
    const seen = sighting({
      cancelRequestedAt: T0 + 100,
      producerEndedAt: T0 + 102,
      cleanups: [
        { label: 'close connection', startedAt: T0 + 102.1, endedAt: T0 + 402 },
        { label: undefined, startedAt: T0 + 402, endedAt: T0 + 450 },
      ],
      cancelMs: 350.5,
    })
    expect(words(toLane(cancelled(100, 350.5), NO_LOG, seen).cancel?.phases ?? [])).toEqual([
      'producer lets go 100..102.1',
      'close connection 102.1..402',
      'cleanup 2 402..450',
      'settle 450..450.5',
    ])
  })

  it('a deaf producer: it is not waited for, and the cleanups begin without it', () => {
    const cleanups = [{ label: 'unlock', startedAt: T0 + 1_100, endedAt: T0 + 1_110 }]
    const seen = sighting({ cancelRequestedAt: T0 + 100, producerEndedAt: T0 + 5_000, cleanups, cancelMs: 1_010 })
    expect(words(toLane(cancelled(100, 1_010, { forced: true }), NO_LOG, seen).cancel?.phases ?? [])).toEqual([
      'producer lets go 100..1100 forced',
      'unlock 1100..1110',
    ])
  })

  it('a deaf source below a producer that heard: the source is what was not waited for', () => {
    const seen = sighting({ cancelRequestedAt: T0 + 100, producerEndedAt: T0 + 100.5, cancelMs: 1_000 })
    expect(words(toLane(cancelled(100, 1_000, { forced: true }), NO_LOG, seen).cancel?.phases ?? [])).toEqual([
      'producer lets go 100..100.5',
      'source lets go 100.5..1100 forced',
    ])
  })

  it('a hung cleanup: it and those behind it are not waited for', () => {
    const cleanups = [
      { label: 'first', startedAt: T0 + 101, endedAt: T0 + 110 },
      { label: 'hung', startedAt: T0 + 110 },
      { label: 'late', startedAt: T0 + 2_100, endedAt: T0 + 2_200 },
    ]
    const seen = sighting({ cancelRequestedAt: T0 + 100, producerEndedAt: T0 + 101, cleanups, cancelMs: 2_000 })
    const { cancel } = toLane(cancelled(100, 2_000, { cleanup: 'timed-out' }), NO_LOG, seen)
    expect(words(cancel?.phases ?? []).slice(1)).toEqual([
      'first 101..110',
      'hung 110..2100 forced',
      'late 2100..2100 forced',
    ])
  })

  it('a cancel under way: its phase is open and has no sum yet', () => {
    const job = snapshot({
      status: 'cancelling',
      cancel: { requestedAt: T0 + 100, reason: { kind: 'deadline', at: T0 + 100 } },
    })
    const { cancel } = toLane(job, NO_LOG, sighting({ cancelRequestedAt: T0 + 100 }))
    expect(cancel).toMatchObject({ kind: 'deadline', requestedMs: 100 })
    expect(cancel?.ms).toBeUndefined()
    expect(words(cancel?.phases ?? [])).toEqual(['producer lets go 100..'])
  })

  it('a cancel in the queue costs nothing and has no phases', () => {
    const { startedAt: _, ...pending } = cancelled(100, 0)
    const lane = toLane(pending, NO_LOG, { registeredAt: T0, cleanups: [], cancelRequestedAt: T0 + 100, cancelMs: 0 })
    expect(words(lane.spans)).toEqual(['waits for a slot 0..100'])
    expect(lane.cancel).toMatchObject({ ms: 0, phases: [] })
    expect(lane.isSeenHere).toBe(true)
  })

  it('a commit, and the release after it', () => {
    const seen = sighting({
      committingAt: T0 + 200,
      producerEndedAt: T0 + 500,
      cleanups: [{ label: 'unlock', startedAt: T0 + 500, endedAt: T0 + 540 }],
      settledAt: T0 + 541,
    })
    const job = snapshot({ status: 'completed', settledAt: T0 + 541, commit: 'done', cleanup: 'clean', forced: false })
    const lane = toLane(job, { ...NO_LOG, steps: [{ step: 'Generating', at: T0 }] }, seen)
    expect(words(lane.spans)).toEqual(['Generating 0..200', 'commit 200..500', 'unlock 500..540', 'settle 540..541'])
    expect(lane).toMatchObject({ commit: 'done', durationMs: 541 })
    expect(lane.cancel).toBeUndefined()
  })

  it('a failure tells its code, never its message', () => {
    const error = { code: 'provider.failed', message: 'the prompt was: secret' }
    const job = snapshot({ status: 'failed', settledAt: T0 + 50, error })
    const lane = toLane(job, NO_LOG, sighting({ producerEndedAt: T0 + 50, settledAt: T0 + 50 }))
    expect(lane.errorCode).toBe('provider.failed')
    expect(JSON.stringify(lane)).not.toContain('secret')
  })

  it('a job of another process: its release is one span, by the record', () => {
    const lane = toLane(cancelled(100, 40), { ...NO_LOG, steps: [{ step: 'Generating', at: T0 + 10 }] }, undefined)
    expect(words(lane.spans)).toEqual(['starting 0..10', 'Generating 10..100', 'release 100..140'])
    expect(lane.isSeenHere).toBe(false)
    expect(lane.cancel?.ms).toBe(40)
  })

  it('metadata, results and identities are not in it', () => {
    const secret = { owner: 'secret', group: 'secret', metadata: { prompt: 'secret' }, result: 'secret' }
    expect(JSON.stringify(toLane(snapshot(secret), NO_LOG, sighting({})))).not.toContain('secret')
  })
})

/** Any job that this process saw, with instants that may contradict each other a little, as two clocks do. */
const anyJob = fc
  .record({
    queueMs: fc.constantFrom(0, 0.3, 250),
    steps: fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { maxLength: 4 }),
    committingMs: fc.option(fc.double({ min: 0, max: 500, noNaN: true })),
    runMs: fc.double({ min: 0, max: 600, noNaN: true }),
    isCancelled: fc.boolean(),
    forced: fc.boolean(),
    lettingGoMs: fc.option(fc.double({ min: 0, max: 3_000, noNaN: true })),
    cleanups: fc.array(fc.option(fc.double({ min: 0, max: 900, noNaN: true })), { maxLength: 4 }),
    settleMs: fc.double({ min: 0, max: 5, noNaN: true }),
    skewMs: fc.double({ min: -1, max: 1, noNaN: true }),
    isSettled: fc.boolean(),
    isSeen: fc.boolean(),
  })
  .map((given) => {
    const startedAt = T0 + given.queueMs
    const endingAt = startedAt + given.runMs
    let at = endingAt + (given.lettingGoMs ?? 1_000)
    const cleanups = given.cleanups.map((ms, index) => {
      const startedAt = at
      at += ms ?? 0
      return { label: `cleanup-${index}`, startedAt, ...(ms !== null && { endedAt: at }) }
    })
    const settledAt = at + given.settleMs
    const cancelMs = settledAt - endingAt
    const requestedAt = Math.round(endingAt + given.skewMs)
    const job = snapshot({
      startedAt: Math.round(startedAt),
      status: given.isSettled
        ? given.isCancelled
          ? 'cancelled'
          : 'completed'
        : given.isCancelled
          ? 'cancelling'
          : 'running',
      ...(given.isSettled && {
        settledAt: Math.max(requestedAt, Math.round(settledAt)),
        forced: given.forced,
        cleanup: cleanups.some(({ endedAt }) => endedAt === undefined) ? 'timed-out' : 'clean',
      }),
      ...(given.isCancelled && { cancel: { requestedAt, reason: { kind: 'user', at: requestedAt } } }),
    })
    const seen = sighting({
      startedAt,
      cleanups,
      ...(given.lettingGoMs !== null && { producerEndedAt: endingAt + given.lettingGoMs }),
      ...(given.isCancelled && { cancelRequestedAt: endingAt }),
      ...(given.isSettled && { settledAt, ...(given.isCancelled && { cancelMs }) }),
      ...(!given.isCancelled && given.committingMs !== null && { committingAt: startedAt + given.committingMs }),
    })
    const steps = given.steps.map((ms, index) => ({
      step: `step-${index}`,
      at: Math.round(startedAt + ms + given.skewMs),
    }))
    return { job, log: { ...NO_LOG, steps }, seen: given.isSeen ? seen : undefined, cancelMs, given }
  })

describe('toLane, for any job', () => {
  it('spans follow each other without gap or overlap, from the registration to the end', () => {
    fc.assert(
      fc.property(anyJob, ({ job, log, seen }) => {
        const lane = toLane(job, log, seen)
        if (lane.durationMs === 0) return
        expect(lane.spans[0]?.startMs).toBe(0)
        for (const [index, span] of lane.spans.entries()) {
          const next = lane.spans[index + 1]
          if (next) expect(next.startMs).toBe(span.endMs)
          expect(span.endMs ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(span.startMs)
        }
        expect(lane.spans.at(-1)?.endMs).toBe(lane.durationMs)
      }),
      { numRuns: 2_000 },
    )
  })

  it('the phases of a settled cancel add up to its cancel_ms', () => {
    fc.assert(
      fc.property(anyJob, ({ job, log, seen, cancelMs, given }) => {
        const { cancel } = toLane(job, log, seen)
        expect(cancel !== undefined).toBe(given.isCancelled)
        if (!cancel || !given.isSettled) return
        const sum = cancel.phases.reduce((total, { startMs, endMs = Number.NaN }) => total + endMs - startMs, 0)
        expect(sum).toBeCloseTo(cancel.ms ?? Number.NaN, 2)
        expect(cancel.ms).toBeGreaterThanOrEqual(0)
        if (seen) expect(cancel.ms).toBeCloseTo(cancelMs, 2)
      }),
      { numRuns: 2_000 },
    )
  })
})
