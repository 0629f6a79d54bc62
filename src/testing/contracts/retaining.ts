import { check, checkFields, checkSame } from './check.js'
import { CANCELLED, COMPLETED, type ContractWorld, chunks, FAILED, type Scenario } from './contract-world.js'
import { LIVE, SETTLED } from './statuses.js'

const NOTHING = { settledJobs: { completed: 0, failed: 0, cancelled: 0 }, logEvents: 0, logBytes: 0 }

/** Retention, SWEEP and what is held in this process. */
export const retaining: readonly Scenario[] = [
  ...SETTLED.map(
    (status): Scenario => ({
      name: `sweep: a ${status} job can be read until its retention ends, and then all of it is gone`,
      async play(world) {
        const marks = { owner: 'o', group: 'g', idempotencyKey: 'k', exclusiveInGroup: true }
        const job = await world.job(status, marks)
        await world.advance(world.retentionMs / 2)
        await world.store.sweep()
        checkSame(await world.store.read(job.jobId), job, 'the record within the retention')
        checkSame((await world.events(job.jobId)).length, job.lastSeq, 'events in the log')
        await world.sweepSettled()
        checkSame(await world.store.read(job.jobId), undefined, 'the record')
        checkSame(await world.store.readEvents(job.jobId, 0, 10), { answer: 'not-found' }, 'the log')
        for (const filter of [{}, { owner: 'o' }, { group: 'g' }, { status: [status] }])
          checkSame(await world.store.list(filter), [], `list ${JSON.stringify(filter)}`)
        checkSame(await world.cancel(job.jobId), { answer: 'not-found' }, 'requestCancel')
        checkSame(await world.renew(job), { answer: 'gone' }, 'renewLeases')
        checkFields(await world.create(world.newJob(marks)), { answer: 'created' }, 'create with its key and group')
      },
    }),
  ),
  {
    name: 'sweep: leaves live jobs alone, however old',
    async play(world) {
      const jobs = await Promise.all(LIVE.map((status) => world.job(status, { retentionMs: 1 })))
      for (let beat = 0; beat < 20; beat++) {
        await world.advance(world.store.leaseMs / 2)
        await world.store.renewLeases(jobs)
      }
      await world.store.sweep()
      const statuses = await Promise.all(jobs.map(async ({ jobId }) => (await world.read(jobId)).status))
      checkSame(statuses, LIVE, 'statuses')
    },
  },
  {
    name: 'sweep: each job has its own retention, counted from its end',
    async play(world) {
      const short = await world.job('running', { retentionMs: world.unit })
      const long = await world.job('completed', { retentionMs: 5 * world.unit })
      await world.advance(2 * world.unit)
      await world.settle(short, FAILED)
      await world.store.sweep()
      checkFields(await world.read(short.jobId), { status: 'failed' }, 'the one that has just ended')
      await world.advance(1.25 * world.unit)
      await world.store.sweep()
      checkSame(await world.store.read(short.jobId), undefined, 'the short one')
      checkFields(await world.read(long.jobId), { status: 'completed' }, 'the long one')
      await world.advance(2 * world.unit)
      await world.store.sweep()
      checkSame(await world.store.read(long.jobId), undefined, 'the long one at its end')
    },
  },
  {
    name: 'sweep: a reaped job, and one cancelled while pending, are kept and swept like all others',
    async play(world) {
      const reaped = await world.job('running')
      const queued = await world.created(world.newQueuedJob())
      await world.reapLost()
      await world.cancel(queued.jobId)
      await world.store.sweep()
      checkFields(await world.read(reaped.jobId), { status: 'failed' }, 'the reaped one')
      checkFields(await world.read(queued.jobId), { status: 'cancelled' }, 'the cancelled one')
      await world.sweepSettled()
      checkSame(await world.store.list({}), [], 'list')
    },
  },
  {
    name: 'sweep: does not touch a new job that has the id, the key and the group of a swept one',
    async play(world) {
      const marks = { owner: 'o', group: 'g', idempotencyKey: 'k', exclusiveInGroup: true }
      const { jobId } = await world.job('completed', marks)
      await world.advance(world.retentionMs + world.unit / 4)
      const swept = world.store.sweep()
      const early = await world.create(world.newJob({ ...marks, jobId }))
      await swept
      if (early.answer !== 'created') await world.created(world.newJob({ ...marks, jobId }))
      await world.store.sweep()
      checkFields(await world.read(jobId), { status: 'running', owner: 'o', group: 'g' }, 'the new job')
      checkFields(await world.create(world.newJob(marks)), { answer: 'same-key' }, 'its key')
      const rival = world.newJob({ owner: 'o', group: 'g', exclusiveInGroup: true })
      checkSame(await world.create(rival), { answer: 'group-busy', jobId }, 'its group')
    },
  },
  {
    name: 'footprint: is nothing after everything is settled and swept',
    async play(world) {
      checkSame(await world.store.footprint(), NOTHING, 'the footprint of a new store')
      for (const status of [...LIVE, ...SETTLED]) await world.job(status, { group: 'g', owner: 'o' })
      const full = await world.job('running', { idempotencyKey: 'k' })
      await world.append(full, chunks(1, 20), 500)
      await world.touch(full.jobId, 'viewer', world.unit)
      await world.settle(full, COMPLETED)
      await settleAll(world)
      await world.sweepSettled()
      checkSame(await world.store.list({}), [], 'list')
      checkSame(await world.store.footprint(), NOTHING, 'the footprint')
    },
  },
]

async function settleAll(world: ContractWorld): Promise<void> {
  for (const record of await world.store.list({ status: LIVE })) {
    if (record.status === 'pending') await world.cancel(record.jobId)
    else await world.settle(record, record.status === 'cancelling' ? CANCELLED : FAILED)
  }
  check((await world.store.list({ status: LIVE })).length === 0, 'live jobs are left')
}
