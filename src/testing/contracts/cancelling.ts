import { check, checkFields, checkSame } from './check.js'
import { CANCELLED, REASON, type Scenario, SECOND_REASON, withoutTime } from './contract-world.js'
import { SETTLED } from './statuses.js'

/** CANCEL: the first reason, once, and only where it still counts. */
export const cancelling: readonly Scenario[] = [
  {
    name: 'requestCancel: a running job is cancelling from then on, with the whole reason in its record only',
    async play(world) {
      const { jobId, fencingToken } = await world.job('running')
      await world.advance(world.unit / 4)
      const answer = await world.cancel(jobId)
      const record = await world.read(jobId)
      checkSame(answer, { answer: 'accepted', record }, 'requestCancel')
      checkFields(record, { status: 'cancelling', fencingToken, lastSeq: 1, settledAt: undefined }, 'the record')
      checkSame(record.cancel?.reason, REASON, 'the reason')
      check((record.cancel?.requestedAt ?? 0) > record.createdAt, 'requestedAt is not the time of the cancel')
      checkSame(record.updatedAt, record.cancel?.requestedAt, 'updatedAt')
      const log = (await world.events(jobId)).map(withoutTime)
      checkSame(log, [{ seq: 1, type: 'cancelling', kind: 'user' }], 'the log')
    },
  },
  {
    name: 'requestCancel: a pending job is cancelled at once',
    async play(world) {
      const { jobId } = await world.job('pending')
      const answer = await world.cancel(jobId)
      const record = await world.read(jobId)
      checkSame(answer, { answer: 'cancelled', record }, 'requestCancel')
      const end = {
        status: 'cancelled',
        commit: 'none',
        cleanup: 'clean',
        forced: false,
        runMs: 0,
        startedAt: undefined,
      }
      checkFields(record, end, 'the record')
      checkSame(record.cancel?.reason, REASON, 'the reason')
      check(typeof record.settledAt === 'number' && typeof record.queuedMs === 'number', 'the record lacks times')
      const last = { seq: 1, type: 'cancelled', kind: 'user', forced: false }
      checkSame((await world.events(jobId)).map(withoutTime), [last], 'the log')
    },
  },
  {
    name: 'requestCancel: a pending job that only a queue has is cancelled the same way',
    async play(world) {
      const { jobId } = await world.created(world.newQueuedJob())
      checkFields(await world.cancel(jobId), { answer: 'cancelled' }, 'requestCancel')
      checkFields(await world.read(jobId), { status: 'cancelled', commit: 'none' }, 'the record')
    },
  },
  {
    name: 'requestCancel: a second cancel joins the first, whose reason stays',
    async play(world) {
      const { jobId } = await world.job('running')
      await world.cancel(jobId)
      const before = await world.seen(jobId)
      const answer = await world.cancel(jobId, SECOND_REASON)
      checkSame(answer, { answer: 'joined', record: await world.read(jobId) }, 'requestCancel')
      checkSame(await world.seen(jobId), before, 'the job')
    },
  },
  {
    name: 'requestCancel: of many at once one is accepted, and there is one event',
    async play(world) {
      const { jobId } = await world.job('running')
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, index) => world.cancel(jobId, { ...REASON, by: `person ${index}` })),
      )
      checkSame(answers.filter(({ answer }) => answer === 'accepted').length, 1, 'accepted')
      checkSame(answers.filter(({ answer }) => answer === 'joined').length, 9, 'joined')
      const reasons = new Set(
        answers.map((answer) => ('record' in answer ? answer.record.cancel?.reason.by : undefined)),
      )
      checkSame(reasons.size, 1, 'reasons that were told')
      checkSame((await world.events(jobId)).length, 1, 'events in the log')
    },
  },
  {
    name: 'requestCancel: the same cancel again, after a lost reply, is accepted again and changes nothing',
    async play(world) {
      const { jobId } = await world.job('running')
      const cancelId = world.id('cancel')
      const first = await world.cancel(jobId, REASON, cancelId)
      const before = await world.seen(jobId)
      checkSame(await world.cancel(jobId, REASON, cancelId), first, 'the repeat')
      checkSame(await world.seen(jobId), before, 'the job')
    },
  },
  {
    name: 'requestCancel: under the fencing token of another job, which had the id before, is not found and changes nothing',
    async play(world) {
      const { jobId, fencingToken } = await world.job('running')
      const cancel = (token: number) =>
        world.store.requestCancel({ jobId, cancelId: world.id('cancel'), reason: REASON, fencingToken: token })
      const before = await world.seen(jobId)
      checkSame(await cancel(fencingToken - 1), { answer: 'not-found' }, 'with the token of another')
      checkSame(await world.seen(jobId), before, 'the job')
      checkFields(await cancel(fencingToken), { answer: 'accepted' }, 'with its own token')
    },
  },
  {
    name: 'requestCancel: the cancel of a pending job again, after a lost reply, answers that it cancelled it',
    async play(world) {
      const { jobId } = await world.job('pending')
      const cancelId = world.id('cancel')
      const first = await world.cancel(jobId, REASON, cancelId)
      const before = await world.seen(jobId)
      checkSame(await world.cancel(jobId, REASON, cancelId), first, 'the repeat')
      checkSame(await world.seen(jobId), before, 'the job')
      checkFields(await world.cancel(jobId), { answer: 'already-settled' }, 'another cancel')
    },
  },
  {
    name: 'requestCancel: a cancel again, after a lost reply, is accepted again also when its job was settled meanwhile',
    async play(world) {
      const job = await world.job('running')
      const cancelId = world.id('cancel')
      await world.cancel(job.jobId, REASON, cancelId)
      await world.settle(job, CANCELLED)
      const record = await world.read(job.jobId)
      checkSame(await world.cancel(job.jobId, REASON, cancelId), { answer: 'accepted', record }, 'the repeat')
      checkFields(await world.cancel(job.jobId), { answer: 'already-settled' }, 'another cancel')
    },
  },
  {
    name: 'requestCancel: a committing job is not touched',
    async play(world) {
      const { jobId } = await world.job('committing')
      const before = await world.seen(jobId)
      checkSame(await world.cancel(jobId), { answer: 'too-late', status: 'committing' }, 'requestCancel')
      checkSame(await world.seen(jobId), before, 'the job')
    },
  },
  ...SETTLED.map(
    (status): Scenario => ({
      name: `requestCancel: a ${status} job is not touched`,
      async play(world) {
        const record = await world.job(status)
        const before = await world.seen(record.jobId)
        checkSame(await world.cancel(record.jobId), { answer: 'already-settled', record }, 'requestCancel')
        checkSame(await world.seen(record.jobId), before, 'the job')
      },
    }),
  ),
  {
    name: 'requestCancel: does not need the fencing token, and does not change it',
    async play(world) {
      const record = await world.job('running')
      await world.cancel(record.jobId)
      checkFields(await world.settle(record, CANCELLED), { answer: 'settled' }, 'settle by the owner')
      checkSame((await world.read(record.jobId)).fencingToken, record.fencingToken, 'the fencing token')
    },
  },
  {
    name: 'requestCancel: a reason without words and without a name is kept as it is',
    async play(world) {
      const { jobId } = await world.job('running')
      await world.cancel(jobId, SECOND_REASON)
      checkSame((await world.read(jobId)).cancel?.reason, SECOND_REASON, 'the reason')
      const log = (await world.events(jobId)).map(withoutTime)
      checkSame(log, [{ seq: 1, type: 'cancelling', kind: 'deadline' }], 'the log')
    },
  },
]
