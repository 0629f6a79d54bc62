import { check, checkFields, checkSame } from './check.js'
import {
  CANCELLED,
  COMPLETED,
  chunks,
  FAILED,
  REASON,
  type Scenario,
  SECOND_REASON,
  withoutTime,
} from './contract-world.js'
import { DELICATE_JSON } from './creating.js'

/** CLAIM COMMIT and SETTLE: the point of no return, the one end, and its event. */
export const ending: readonly Scenario[] = [
  {
    name: 'claimCommit: the same operation again is claimed, also after events that came meanwhile',
    async play(world) {
      const record = await world.job('running')
      const operationId = world.id('claim')
      checkSame(await world.claim(record, operationId), { answer: 'claimed' }, 'claimCommit')
      await world.append(record, chunks(1, 1))
      const before = await world.seen(record.jobId)
      checkSame(await world.claim(record, operationId), { answer: 'claimed' }, 'the repeat')
      checkSame(await world.seen(record.jobId), before, 'the job')
    },
  },
  {
    name: 'claimCommit: of two claims one is claimed',
    async play(world) {
      const record = await world.job('running')
      const answers = await Promise.all([world.claim(record), world.claim(record)])
      checkSame(answers.map(({ answer }) => answer).sort(), ['claimed', 'lost'], 'the answers')
    },
  },
  {
    name: 'claimCommit: is lost to a cancel that was recorded first, and says its reason',
    async play(world) {
      const record = await world.job('running')
      await world.cancel(record.jobId)
      const answer = await world.claim(record)
      checkFields(answer, { answer: 'lost' }, 'claimCommit')
      checkSame('record' in answer ? answer.record.cancel?.reason : undefined, REASON, 'the reason')
    },
  },
  ...[true, false].map(
    (cancelsFirst): Scenario => ({
      name: `claim and cancel at once, the ${cancelsFirst ? 'cancel' : 'claim'} sent first: exactly one of them wins`,
      async play(world) {
        const record = await world.job('running')
        const ask = { claim: () => world.claim(record), cancel: () => world.cancel(record.jobId) }
        const order = cancelsFirst ? (['cancel', 'claim'] as const) : (['claim', 'cancel'] as const)
        const answers = await Promise.all(order.map((name) => ask[name]()))
        const told = answers.map(({ answer }) => answer).sort()
        const { status } = await world.read(record.jobId)
        const expected = status === 'committing' ? ['claimed', 'too-late'] : ['accepted', 'lost']
        check(status === 'committing' || status === 'cancelling', `the job is ${status}`)
        checkSame(told, expected, `the answers for a job that is ${status}`)
      },
    }),
  ),
  {
    name: 'settle: writes the end of a completed job into its record, and its event',
    async play(world) {
      const record = await world.job('committing')
      await world.append(record, chunks(1, 2))
      const answer = await world.settle(record, COMPLETED)
      checkFields(answer, { answer: 'settled' }, 'settle')
      const settled = await world.read(record.jobId)
      checkSame('record' in answer ? answer.record : undefined, settled, 'the record that settle answers')
      checkFields(settled, { ...COMPLETED, lastSeq: 3, error: undefined, cancel: undefined }, 'the record')
      check((settled.settledAt ?? 0) >= settled.createdAt, 'settledAt is missing')
      const [last] = (await world.events(record.jobId)).slice(2).map(withoutTime)
      checkSame(last, { seq: 3, type: 'complete', result: { text: 'whole' } }, 'the last event')
    },
  },
  ...([COMPLETED, FAILED, CANCELLED] as const).map(
    (end): Scenario => ({
      name: `settle: answers the whole record, also to an owner who says what it knows of it (${end.status})`,
      async play(world) {
        const status = end.status === 'cancelled' ? 'cancelling' : 'running'
        for (const knows of ['nothing', 'all', 'all but the start'] as const) {
          const marks = { owner: 'o', group: 'g', requestFingerprint: 'f', metadata: { a: [] } }
          const want = knows === 'all but the start' ? 'pending' : 'running'
          const own = await world.created(world.newJob({ ...marks, want }))
          if (want === 'pending') await world.start(own)
          const current = await world.read(own.jobId)
          await world.append(current, [{ seq: 1, at: own.createdAt, type: 'step', step: 'later' }])
          if (status === 'cancelling') await world.cancel(own.jobId)
          const { jobId, fencingToken } = current
          const operation = { jobId, fencingToken, operationId: world.id('settle') }
          const answer = await world.store.settle({ ...operation, end, ...(knows !== 'nothing' && { own }) })
          checkFields(answer, { answer: 'settled' }, 'settle')
          const record = await world.read(jobId)
          checkFields(record, { ...marks, step: 'later', status: end.status }, 'the record')
          checkSame('record' in answer ? answer.record : undefined, record, 'the record that settle answers')
        }
      },
    }),
  ),
  {
    name: 'settle: writes the end of a failed job, and of its words only those that are meant for readers',
    async play(world) {
      const quiet = await world.job('running')
      await world.settle(quiet, FAILED)
      checkFields(await world.read(quiet.jobId), { ...FAILED, result: undefined, cancel: undefined }, 'the record')
      const told = (await world.events(quiet.jobId)).map(withoutTime)
      checkSame(told, [{ seq: 1, type: 'error', code: 'producer.failed' }], 'the log')

      const open = await world.job('committing')
      const end = {
        ...FAILED,
        error: { code: 'own.code', message: 'm' },
        publicMessage: 'for all',
        commit: 'unknown' as const,
      }
      await world.settle(open, end)
      checkFields(await world.read(open.jobId), { error: end.error, commit: 'unknown' }, 'the record')
      const [last] = (await world.events(open.jobId)).map(withoutTime)
      checkSame(last, { seq: 1, type: 'error', code: 'own.code', message: 'for all' }, 'the event')
    },
  },
  {
    name: 'settle: writes the end of a cancelled job, and nobody and no sentence into its events',
    async play(world) {
      const record = await world.job('cancelling')
      await world.settle(record, CANCELLED)
      const settled = await world.read(record.jobId)
      const { reason, ...end } = CANCELLED
      checkFields(settled, { ...end, status: 'cancelled', error: undefined, result: undefined }, 'the record')
      checkSame(settled.cancel?.reason, REASON, 'the reason in the record')
      const log = (await world.events(record.jobId)).map(withoutTime)
      const cancelling = { seq: 1, type: 'cancelling', kind: 'user' }
      checkSame(log, [cancelling, { seq: 2, type: 'cancelled', kind: 'user', forced: true }], 'the log')
    },
  },
  {
    name: 'settle: an owner may end a running job as cancelled, with a reason of its own',
    async play(world) {
      const record = await world.job('running')
      const end = { ...CANCELLED, reason: SECOND_REASON, forced: false }
      checkFields(await world.settle(record, end), { answer: 'settled' }, 'settle')
      const settled = await world.read(record.jobId)
      checkFields(settled, { status: 'cancelled', forced: false, commit: 'none' }, 'the record')
      checkSame(settled.cancel?.reason, SECOND_REASON, 'the reason')
      const last = (await world.events(record.jobId)).map(withoutTime).at(-1)
      checkFields(last, { type: 'cancelled', kind: 'deadline', forced: false }, 'the last event')
    },
  },
  {
    name: 'settle: the first reason stays, in the record and in the event, if the owner comes with another',
    async play(world) {
      const record = await world.job('running')
      await world.cancel(record.jobId, REASON)
      checkFields(await world.settle(record, { ...CANCELLED, reason: SECOND_REASON }), { answer: 'settled' }, 'settle')
      checkSame((await world.read(record.jobId)).cancel?.reason, REASON, 'the reason in the record')
      const last = (await world.events(record.jobId)).map(withoutTime).at(-1)
      checkFields(last, { type: 'cancelled', kind: 'user' }, 'the last event')
    },
  },
  {
    name: 'settle: is refused when a cancel came first, and says its reason',
    async play(world) {
      const record = await world.job('running')
      await world.cancel(record.jobId)
      const answer = await world.settle(record, COMPLETED)
      checkFields(answer, { answer: 'refused' }, 'settle')
      checkSame('record' in answer ? answer.record.cancel?.reason : undefined, REASON, 'the reason')
    },
  },
  ...[COMPLETED, FAILED, CANCELLED].map(
    (end): Scenario => ({
      name: `settle: the same operation again answers the same end, once written (${end.status})`,
      async play(world) {
        const record = await world.job('running')
        const operationId = world.id('settle')
        const first = await world.settle(record, end, operationId)
        const before = await world.seen(record.jobId)
        await world.advance(world.unit)
        checkSame(await world.settle(record, end, operationId), first, 'the repeat')
        checkSame(await world.seen(record.jobId), before, 'the job')
      },
    }),
  ),
  {
    name: 'settle: of two ends at once the first is written, and the other is told it',
    async play(world) {
      const record = await world.job('running')
      const answers = await Promise.all([world.settle(record, COMPLETED), world.settle(record, FAILED)])
      checkSame(answers.map(({ answer }) => answer).sort(), ['already-settled', 'settled'], 'the answers')
      const settled = await world.read(record.jobId)
      for (const answer of answers)
        checkSame('record' in answer ? answer.record : undefined, settled, `the record of '${answer.answer}'`)
      checkSame((await world.events(record.jobId)).length, 1, 'events in the log')
    },
  },
  {
    name: 'settle: gives a result back as it came, and says why one is left out',
    async play(world) {
      const record = await world.job('running')
      await world.settle(record, { ...COMPLETED, result: DELICATE_JSON })
      checkSame((await world.read(record.jobId)).result, DELICATE_JSON, 'the result in the record')
      const last = (await world.events(record.jobId)).at(-1)
      checkSame(last?.type === 'complete' ? last.result : undefined, DELICATE_JSON, 'the result in the event')

      for (const resultOmitted of ['not-json', 'too-large'] as const) {
        const omitted = await world.job('running')
        const { result, ...end } = COMPLETED
        await world.settle(omitted, { ...end, resultOmitted })
        checkFields(await world.read(omitted.jobId), { resultOmitted, result: undefined }, 'the record')
        checkSame((await world.events(omitted.jobId)).map(withoutTime), [{ seq: 1, type: 'complete' }], 'the log')
      }
    },
  },
  {
    name: 'settle: an empty result is a result',
    async play(world) {
      for (const result of ['', 0, false, null, []]) {
        const record = await world.job('running')
        await world.settle(record, { ...COMPLETED, result })
        checkSame((await world.read(record.jobId)).result, result, 'the result')
      }
    },
  },
]
