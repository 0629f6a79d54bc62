import { checkFields, checkSame } from './check.js'
import type { Scenario } from './contract-world.js'
import { LIVE, SETTLED, STATUSES } from './statuses.js'

const KEY = { owner: 'o', idempotencyKey: 'k' }
const GROUP = { owner: 'o', group: 'g' }

/** CREATE: idempotency keys and groups, decided in the same step. Both belong to their owner. */
export const keysAndGroups: readonly Scenario[] = [
  ...STATUSES.map(
    (status): Scenario => ({
      name: `key: a known key answers its ${status} job, and records no other`,
      async play(world) {
        const { jobId } = await world.job(status, { ...KEY, requestFingerprint: 'f' })
        const before = await world.seen(jobId)
        const answer = await world.create(world.newJob({ ...KEY, requestFingerprint: 'another' }))
        checkFields(answer, { answer: 'same-key' }, 'create')
        checkFields(
          'record' in answer ? answer.record : undefined,
          { jobId, status, requestFingerprint: 'f' },
          'its job',
        )
        checkSame(await world.seen(jobId), before, 'its job')
        checkSame((await world.store.list({})).length, 1, 'jobs in the store')
      },
    }),
  ),
  {
    name: 'key: is known until its job is swept, and then free',
    async play(world) {
      const { jobId } = await world.job('failed', KEY)
      await world.advance(world.retentionMs / 2)
      await world.store.sweep()
      checkFields(await world.create(world.newJob(KEY)), { answer: 'same-key' }, 'within the retention')
      await world.sweepSettled()
      const record = await world.created(world.newJob(KEY))
      checkSame(record.jobId === jobId, false, 'the new job is the old one')
    },
  },
  {
    name: 'key: the same key of another owner, and of nobody, is another key',
    async play(world) {
      await world.created(world.newJob(KEY))
      await world.created(world.newJob({ ...KEY, owner: 'p' }))
      await world.created(world.newJob({ idempotencyKey: 'k' }))
      checkFields(
        await world.create(world.newJob({ idempotencyKey: 'k' })),
        { answer: 'same-key' },
        "nobody's key again",
      )
    },
  },
  {
    name: 'key: owner and key do not run into each other',
    async play(world) {
      for (const separator of [':', '/', '|', '-', '.', ' ', '{', '}']) {
        await world.created(world.newJob({ owner: `a${separator}b`, idempotencyKey: 'c' }))
        await world.created(world.newJob({ owner: 'a', idempotencyKey: `b${separator}c` }))
      }
    },
  },
  {
    name: 'key: counts before the id and before the group, so a request that is sent again finds its job',
    async play(world) {
      const job = world.newJob({ ...KEY, group: 'g', exclusiveInGroup: true })
      await world.created(job)
      const again = { ...job, operationId: world.id('create') }
      checkFields(await world.create(again), { answer: 'same-key' }, 'the request again, under the same id')
      checkFields(await world.create({ ...again, jobId: world.id('job') }), { answer: 'same-key' }, 'under another id')
    },
  },
  {
    name: 'key: of many at once with one key, one is created',
    async play(world) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => world.create(world.newJob(KEY))))
      checkSame(answers.filter(({ answer }) => answer === 'created').length, 1, 'created')
      checkSame(answers.filter(({ answer }) => answer === 'same-key').length, 19, 'answered with the same job')
      checkSame((await world.store.list({})).length, 1, 'jobs in the store')
    },
  },
  {
    name: 'lookup: answers the job of a known key',
    async play(world) {
      const { jobId } = await world.job('running', KEY)
      const answer = await world.create(world.newJob({ ...KEY, want: 'lookup' }))
      checkFields('record' in answer ? answer.record : undefined, { jobId, status: 'running' }, 'the job of the key')
      checkSame(answer.answer, 'same-key', 'create')
    },
  },
  {
    name: 'lookup: of an unknown key, or of none, records nothing',
    async play(world) {
      const job = world.newJob({ ...KEY, want: 'lookup' })
      checkSame(await world.create(job), { answer: 'not-found' }, 'an unknown key')
      checkSame(await world.create(world.newJob({ want: 'lookup' })), { answer: 'not-found' }, 'no key')
      checkSame(await world.store.list({}), [], 'list')
      await world.created({ ...job, want: 'running' })
    },
  },
  ...LIVE.map(
    (status): Scenario => ({
      name: `group: a ${status} job stands against another that wants the group for itself`,
      async play(world) {
        const { jobId } = await world.job(status, GROUP)
        const answer = await world.create(world.newJob({ ...GROUP, exclusiveInGroup: true }))
        checkSame(answer, { answer: 'group-busy', jobId }, 'create')
        checkSame((await world.store.list({})).length, 1, 'jobs in the store')
      },
    }),
  ),
  ...SETTLED.map(
    (status): Scenario => ({
      name: `group: a ${status} job does not stand against another, also within its retention`,
      async play(world) {
        await world.job(status, { ...GROUP, exclusiveInGroup: true })
        await world.created(world.newJob({ ...GROUP, exclusiveInGroup: true }))
      },
    }),
  ),
  {
    name: 'group: one that does not want the group for itself is created beside live ones, and then stands in the way',
    async play(world) {
      const first = await world.created(world.newJob({ ...GROUP, exclusiveInGroup: true }))
      const second = await world.created(world.newJob(GROUP))
      await world.store.settle({
        jobId: first.jobId,
        fencingToken: first.fencingToken,
        operationId: world.id(),
        end: { status: 'completed', commit: 'none', cleanup: 'clean', forced: false, queuedMs: 0, runMs: 0 },
      })
      const answer = await world.create(world.newJob({ ...GROUP, exclusiveInGroup: true }))
      checkSame(answer, { answer: 'group-busy', jobId: second.jobId }, 'create')
    },
  },
  {
    name: 'group: is free again when its pending job is cancelled, and when its job is reaped',
    async play(world) {
      const { jobId } = await world.job('pending', GROUP)
      await world.cancel(jobId)
      await world.created(world.newJob({ ...GROUP, exclusiveInGroup: true }))
      await world.reapLost()
      await world.created(world.newJob({ ...GROUP, exclusiveInGroup: true }))
    },
  },
  {
    name: 'group: the same name of another owner, and of nobody, is another group',
    async play(world) {
      const exclusive = { group: 'g', exclusiveInGroup: true }
      await world.created(world.newJob({ ...exclusive, owner: 'o' }))
      await world.created(world.newJob({ ...exclusive, owner: 'p' }))
      await world.created(world.newJob(exclusive))
      await world.created(world.newJob({ owner: 'o', group: 'another', exclusiveInGroup: true }))
      await world.created(world.newJob({ owner: 'o', exclusiveInGroup: true }))
      checkFields(await world.create(world.newJob(exclusive)), { answer: 'group-busy' }, "nobody's group again")
    },
  },
  {
    name: 'group: of many at once that want it for themselves, one is created',
    async play(world) {
      const wanted = { ...GROUP, exclusiveInGroup: true }
      const answers = await Promise.all(Array.from({ length: 20 }, () => world.create(world.newJob(wanted))))
      checkSame(answers.filter(({ answer }) => answer === 'created').length, 1, 'created')
      checkSame(answers.filter(({ answer }) => answer === 'group-busy').length, 19, 'refused')
    },
  },
]
