import { check, checkFields, checkSame } from './check.js'
import { chunks, OTHER, OWNER, type Scenario } from './contract-world.js'

/** START: `pending` → `running`, once, by the owner or by the node that a queue brought the job to. */
export const starting: readonly Scenario[] = [
  {
    name: 'start: its owner runs a pending job under the fencing token it has',
    async play(world) {
      const pending = await world.job('pending', { owner: 'o' })
      await world.advance(world.unit)
      const answer = await world.start(pending)
      checkFields(answer, { answer: 'started' }, 'start')
      const record = await world.read(pending.jobId)
      checkSame('record' in answer ? answer.record : undefined, record, 'the answer and the record')
      checkFields(
        record,
        { status: 'running', owner: 'o', fencingToken: pending.fencingToken, lastSeq: 0 },
        'the record',
      )
      const { createdAt, startedAt = 0 } = record
      check(startedAt > createdAt, `started at ${startedAt}, created at ${createdAt}`)
    },
  },
  {
    name: 'start: the same operation again answers the same and changes nothing',
    async play(world) {
      const pending = await world.job('pending')
      const operationId = world.id('start')
      const first = await world.start(pending, { operationId })
      await world.advance(world.unit)
      checkSame(await world.start(pending, { operationId }), first, 'the repeat')
    },
  },
  {
    name: 'start: a pending job is not taken from its owner',
    async play(world) {
      const pending = await world.job('pending')
      checkSame(await world.start(pending, { nodeId: OTHER }), { answer: 'fenced' }, 'start by another node')
      checkFields(await world.start(pending), { answer: 'started' }, 'start by its owner')
    },
  },
  {
    name: 'start: of two starters of a queued job one wins, under a new fencing token, and is its owner',
    async play(world) {
      const queued = await world.created(world.newQueuedJob())
      const answers = await Promise.all([world.start(queued), world.start(queued, { nodeId: OTHER })])
      checkSame(answers.filter(({ answer }) => answer === 'started').length, 1, 'started')
      const started = answers.find(({ answer }) => answer === 'started')
      const record = await world.read(queued.jobId)
      checkSame(started && 'record' in started ? started.record : undefined, record, 'the answer and the record')
      check(record.fencingToken > queued.fencingToken, 'the fencing token did not rise with the new owner')
      checkSame(await world.append(queued, chunks(1, 1)), { answer: 'fenced' }, 'append with the token of the queue')
      checkSame(await world.append(record, chunks(1, 1)), { answer: 'accepted' }, 'append of the new owner')
    },
  },
  {
    name: 'start: the start of a queued job again, after a lost reply, answers the same token',
    async play(world) {
      const queued = await world.created(world.newQueuedJob())
      const operationId = world.id('start')
      const first = await world.start(queued, { operationId, nodeId: OTHER })
      checkSame(await world.start(queued, { operationId, nodeId: OTHER }), first, 'the repeat')
    },
  },
  {
    name: 'start: a queued job that was cancelled is not started',
    async play(world) {
      const queued = await world.created(world.newQueuedJob())
      await world.cancel(queued.jobId)
      const before = await world.seen(queued.jobId)
      const answer = await world.start(queued, { nodeId: OTHER })
      checkFields(answer, { answer: 'not-pending' }, 'start')
      checkFields(
        'record' in answer ? answer.record : undefined,
        { status: 'cancelled' },
        'the record that start answers',
      )
      checkSame(await world.seen(queued.jobId), before, 'the job')
    },
  },
  {
    name: 'start: a delivery of an earlier queued job with the same id is fenced',
    async play(world) {
      const first = await world.created(world.newQueuedJob())
      await world.cancel(first.jobId)
      await world.sweepSettled()
      const second = await world.created(world.newQueuedJob({ jobId: first.jobId }))
      checkSame(await world.start(first, { nodeId: OTHER }), { answer: 'fenced' }, 'start of the earlier one')
      checkFields(await world.start(second, { nodeId: OWNER }), { answer: 'started' }, 'start of the new one')
    },
  },
]
