import type { Json } from '../../protocol/json.js'
import { check, checkFields, checkSame } from './check.js'
import { COMPLETED, OWNER, type Scenario } from './contract-world.js'
import { STATUSES } from './statuses.js'

/** Values that a store must give back as they are: scripts and serialisers like to change them. */
export const DELICATE_JSON: { readonly [key: string]: Json } = {
  emptyList: [],
  emptyObject: {},
  lists: [[], [1, [2.5, -0.125]], [{}]],
  large: 9_007_199_254_740_991,
  small: 1e-7,
  nothing: null,
  flags: [true, false],
  empty: '',
  text: 'é ü 日本 🙂 " \\ \n \t \u2028',
  '': 'a key of no length',
  'a key with spaces, "quotes" and 🙂': 0,
}

/** CREATE: ids, what is recorded, and repeats after a lost reply. */
export const creating: readonly Scenario[] = [
  {
    name: 'create: records a job that is wanted running, with everything it was given',
    async play(world) {
      const job = world.newJob({ owner: 'o', group: 'g', metadata: { a: 1 }, requestFingerprint: 'f' })
      const record = await world.created(job)
      const { jobId } = job
      const given = { jobId, status: 'running', owner: 'o', group: 'g', metadata: { a: 1 }, requestFingerprint: 'f' }
      checkFields(record, { ...given, lastSeq: 0 }, 'the record')
      check(
        Number.isSafeInteger(record.fencingToken) && record.fencingToken > 0,
        'the fencing token is no integer above 0',
      )
      for (const instant of [record.createdAt, record.startedAt, record.updatedAt])
        check(typeof instant === 'number' && instant > 0, `not all instants are there: ${JSON.stringify(record)}`)
      const absent = { settledAt: undefined, cancel: undefined, error: undefined, result: undefined, commit: undefined }
      checkFields(record, { ...absent, step: undefined, forced: undefined, cleanup: undefined }, 'the record')
      checkSame(await world.store.read(jobId), record, 'read after create')
      checkSame(await world.events(jobId), [], 'the log of a new job')
    },
  },
  {
    name: 'create: a job that is wanted pending has not started',
    async play(world) {
      const record = await world.created(world.newJob({ want: 'pending' }))
      checkFields(record, { status: 'pending', startedAt: undefined, owner: undefined, group: undefined }, 'the record')
      checkSame(await world.store.read(record.jobId), record, 'read after create')
    },
  },
  {
    name: 'create: gives metadata back as it came',
    async play(world) {
      const { jobId } = await world.created(world.newJob({ metadata: DELICATE_JSON }))
      checkSame((await world.read(jobId)).metadata, DELICATE_JSON, 'metadata')
    },
  },
  {
    name: 'create: a record that was read does not change afterwards',
    async play(world) {
      const record = await world.created(world.newJob())
      const before = JSON.stringify(record)
      await world.append(record, [{ seq: 1, at: 1, type: 'step', step: 'later' }])
      await world.settle(record, COMPLETED)
      checkSame(JSON.stringify(record), before, 'the record that create answered')
    },
  },
  {
    name: 'create: the same operation again answers the same job and makes no second one',
    async play(world) {
      const job = world.newJob({ owner: 'o', idempotencyKey: 'k', group: 'g', exclusiveInGroup: true })
      const record = await world.created(job)
      const again = await world.created(job)
      checkSame(again, record, 'the repeat')
      checkSame((await world.store.list({})).length, 1, 'jobs in the store')
    },
  },
  {
    name: 'create: the same operation again changes nothing on a job that went on meanwhile',
    async play(world) {
      const job = world.newJob()
      const record = await world.created(job)
      await world.claim(record)
      const before = await world.seen(job.jobId)
      checkFields(await world.create(job), { answer: 'created' }, 'the repeat')
      checkSame(await world.seen(job.jobId), before, 'the job')
    },
  },
  ...STATUSES.map(
    (status): Scenario => ({
      name: `create: an id that is taken by a ${status} job is refused, and that job is untouched`,
      async play(world) {
        const { jobId } = await world.job(status)
        const before = await world.seen(jobId)
        const answer = await world.create(world.newJob({ jobId, owner: 'somebody else', want: 'pending' }))
        checkSame(answer, { answer: 'exists', status }, 'create')
        checkSame(await world.seen(jobId), before, 'the job that has the id')
      },
    }),
  ),
  {
    name: 'create: of many at once with one id, one is created',
    async play(world) {
      const jobId = world.id('job')
      const answers = await Promise.all(Array.from({ length: 8 }, () => world.create(world.newJob({ jobId }))))
      const created = answers.filter(({ answer }) => answer === 'created')
      const exists = answers.filter(({ answer }) => answer === 'exists')
      checkSame([created.length, exists.length], [1, 7], 'created and refused')
    },
  },
  {
    name: 'create: an id that is used again after its sweep starts fresh, under a higher fencing token',
    async play(world) {
      const first = await world.job('completed', { idempotencyKey: 'k' })
      await world.sweepSettled()
      const second = await world.created(world.newJob({ jobId: first.jobId }))
      check(second.fencingToken > first.fencingToken, `token ${second.fencingToken} after ${first.fencingToken}`)
      checkFields(second, { status: 'running', lastSeq: 0, settledAt: undefined, result: undefined }, 'the new job')
      checkSame(await world.events(first.jobId), [], 'the new log')
      checkSame(
        await world.append(first, [{ seq: 1, at: 1, type: 'chunk', content: 'old' }]),
        { answer: 'fenced' },
        'old owner',
      )
    },
  },
  {
    name: 'an id that nobody has: every operation says so, and creates nothing',
    async play(world) {
      const jobId = world.id('nobody')
      const owned = { jobId, fencingToken: 1, operationId: world.id() }
      const { store } = world
      const gone = { answer: 'gone' }
      checkSame(await store.start({ ...owned, nodeId: OWNER }), gone, 'start')
      checkSame(await store.append(jobId, 1, [{ seq: 1, at: 1, type: 'chunk', content: 'a' }], 1), gone, 'append')
      checkSame(await store.claimCommit(owned), gone, 'claimCommit')
      checkSame(await store.settle({ ...owned, end: COMPLETED }), gone, 'settle')
      checkSame(await store.renewLeases([{ jobId, fencingToken: 1 }]), [gone], 'renewLeases')
      checkSame(await world.cancel(jobId), { answer: 'not-found' }, 'requestCancel')
      await world.touch(jobId, 'viewer', world.unit)
      checkSame(await store.read(jobId), undefined, 'read')
      checkSame(await store.readEvents(jobId, 0, 10), { answer: 'not-found' }, 'readEvents')
      checkSame(await store.list({}), [], 'list')
      checkFields(
        await world.created(world.newJob({ jobId })),
        { status: 'running', cancel: undefined },
        'a job of this id',
      )
    },
  },
]
