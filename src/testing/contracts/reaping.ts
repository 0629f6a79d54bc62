import type { LiveStatus } from '../../protocol/job-status.js'
import { check, checkFields, checkSame, checkSpan } from './check.js'
import { CANCELLED, COMPLETED, chunks, FAILED, OTHER, REASON, type Scenario, withoutTime } from './contract-world.js'
import { LIVE, SETTLED } from './statuses.js'

const LOST = { status: 'failed', commit: 'none', cleanup: 'unknown', forced: true }

/** What a dead owner's job ends as: what was on its way decides. */
const ENDS: Record<LiveStatus, { readonly record: object; readonly code?: string; readonly event: object }> = {
  pending: { record: LOST, code: 'owner.lost', event: { type: 'error', code: 'owner.lost' } },
  running: { record: LOST, code: 'owner.lost', event: { type: 'error', code: 'owner.lost' } },
  cancelling: {
    record: { status: 'cancelled', commit: 'none', cleanup: 'unknown', forced: true, cancelMs: undefined },
    event: { type: 'cancelled', kind: 'user', forced: true },
  },
  committing: {
    record: { ...LOST, commit: 'unknown' },
    code: 'commit.unknown',
    event: { type: 'error', code: 'commit.unknown' },
  },
}

/** REAP: the jobs of owners that are gone, and queued jobs that waited too long. */
export const reaping: readonly Scenario[] = [
  ...LIVE.map((status): Scenario => {
    const { record: end, code, event } = ENDS[status]
    return {
      name: `reap: a ${status} job whose owner is gone`,
      async play(world) {
        const job = await world.job(status)
        const log = await world.events(job.jobId)
        const reaped = await world.reapLost()
        const record = await world.read(job.jobId)
        checkSame(reaped, [record], 'the records that reap answers')
        checkFields(record, { ...end, lastSeq: log.length + 1, result: undefined }, 'the record')
        checkSame(record.error?.code, code, 'the error code')
        checkSame(record.cancel?.reason, status === 'cancelling' ? REASON : undefined, 'the reason')
        check(record.settledAt !== undefined, 'settledAt is missing')
        const events = await world.events(job.jobId)
        checkSame(events.slice(0, -1), log, 'the log before the end')
        checkSame(events.slice(-1).map(withoutTime), [{ seq: log.length + 1, ...event }], 'the last event')
      },
    }
  }),
  ...LIVE.map(
    (status): Scenario => ({
      name: `reap: raises the fencing token, so an owner of a ${status} job that wakes is refused`,
      async play(world) {
        const job = await world.job(status)
        await world.reapLost()
        const before = await world.seen(job.jobId)
        const { fencingToken } = await world.read(job.jobId)
        check(fencingToken > job.fencingToken, `the token is ${fencingToken} after ${job.fencingToken}`)
        const next = chunks(job.lastSeq + 1, job.lastSeq + 1)
        checkSame(await world.append(job, next), { answer: 'fenced' }, 'append')
        checkSame(await world.claim(job), { answer: 'fenced' }, 'claimCommit')
        checkFields(await world.renew(job), { answer: 'already-settled' }, 'renewLeases')
        for (const end of [COMPLETED, FAILED, CANCELLED])
          checkFields(await world.settle(job, end), { answer: 'already-settled' }, `settle ${end.status}`)
        checkSame(await world.seen(job.jobId), before, 'the job')
      },
    }),
  ),
  {
    name: 'reap: measures how long the job waited and ran',
    async play(world) {
      const pending = await world.job('pending')
      await world.advance(world.unit)
      await world.start(pending)
      await world.reapLost()
      const { queuedMs = -1, runMs = -1 } = await world.read(pending.jobId)
      checkSpan(queuedMs, world.unit, world.unit / 2, 'queuedMs')
      checkSpan(runMs, world.store.leaseMs, world.unit, 'runMs')
    },
  },
  {
    name: 'reap: leaves alone what is owned, and what is settled',
    async play(world) {
      const live = await Promise.all(LIVE.map((status) => world.job(status)))
      const settled = await Promise.all(SETTLED.map((status) => world.job(status, { retentionMs: 100 * world.unit })))
      const before = await Promise.all([...live, ...settled].map(({ jobId }) => world.seen(jobId)))
      await world.advance(world.store.leaseMs / 2)
      checkSame(await world.store.reap(), [], 'reap within the leases')
      await world.store.renewLeases(live)
      await world.advance((world.store.leaseMs * 3) / 4)
      checkSame(await world.store.reap(), [], 'reap when only the first leases are over')
      const after = await Promise.all([...live, ...settled].map(({ jobId }) => world.seen(jobId)))
      checkSame(after, before, 'the jobs')
    },
  },
  {
    name: 'reap: of two reapers at once, each job is settled by one',
    async play(world) {
      const jobs = await Promise.all([...LIVE, ...LIVE].map((status) => world.job(status)))
      await world.advance(world.store.leaseMs + world.unit / 4)
      const reaped = (await Promise.all([world.store.reap(), world.store.reap()])).flat()
      checkSame(reaped.map(({ jobId }) => jobId).sort(), jobs.map(({ jobId }) => jobId).sort(), 'reaped')
      checkSame(await world.store.reap(), [], 'reap once more')
      for (const { jobId, lastSeq } of jobs)
        checkSame((await world.events(jobId)).length, lastSeq + 1, 'events in the log')
    },
  },
  {
    name: 'reap: a queued job has no lease, and waits as long as it must',
    async play(world) {
      const queued = await world.created(world.newQueuedJob())
      await world.advance(10 * world.store.leaseMs)
      checkSame(await world.store.reap(), [], 'reap')
      checkFields(await world.read(queued.jobId), { status: 'pending' }, 'the record')
    },
  },
  {
    name: 'reap: cancels a queued job at its deadline, and not before',
    async play(world) {
      const deadlineMs = 8 * world.unit
      const { jobId } = await world.created(world.newQueuedJob({ deadlineMs }))
      await world.advance(7 * world.unit)
      checkSame(await world.store.reap(), [], 'reap before the deadline')
      await world.advance(1.25 * world.unit)
      const reaped = await world.store.reap()
      const record = await world.read(jobId)
      checkSame(reaped, [record], 'the records that reap answers')
      checkFields(record, { status: 'cancelled', commit: 'none', cleanup: 'clean', forced: false }, 'the record')
      checkFields(record.cancel?.reason, { kind: 'deadline' }, 'the reason')
      const last = { seq: 1, type: 'cancelled', kind: 'deadline', forced: false }
      checkSame((await world.events(jobId)).map(withoutTime), [last], 'the log')
    },
  },
  {
    name: 'reap: the deadline of a queued job ends with its start: then its owner keeps it',
    async play(world) {
      const queued = await world.created(world.newQueuedJob({ deadlineMs: 2 * world.unit }))
      const started = await world.start(queued, { nodeId: OTHER })
      check(started.answer === 'started', `start answered '${started.answer}'`)
      await world.advance(4 * world.unit)
      checkSame(await world.store.reap(), [], 'reap')
      checkFields(await world.renew(started.record), { answer: 'renewed', status: 'running' }, 'renewLeases')
    },
  },
]
