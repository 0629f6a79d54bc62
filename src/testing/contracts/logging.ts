import type { JobEventBody } from '../../protocol/job-event.js'
import { check, checkFields, checkSame } from './check.js'
import { CANCELLED, chunks, event, FAILED, REASON, type Scenario, withoutTime } from './contract-world.js'
import { DELICATE_JSON } from './creating.js'

const ACCEPTED = { answer: 'accepted' }

/** APPEND: sequence numbers, repeats, and the bounds of a log. */
export const logging: readonly Scenario[] = [
  {
    name: 'append: adds events in order, and the record follows',
    async play(world) {
      const record = await world.job('running')
      const written = [chunks(1, 1), [event(2, { type: 'step', step: 'Generating' }), ...chunks(3, 5)]]
      const batches = written.map((batch) => batch.map((one) => ({ ...one, at: REASON.at }))) // all in one millisecond
      for (const batch of batches) {
        checkSame(await world.append(record, batch), ACCEPTED, 'append')
        checkFields(await world.read(record.jobId), { lastSeq: batch.at(-1)?.seq }, 'the record, read in between')
      }
      checkSame(await world.events(record.jobId), batches.flat(), 'the log')
      checkFields(await world.read(record.jobId), { lastSeq: 5, step: 'Generating', status: 'running' }, 'the record')
    },
  },
  {
    name: 'append: is open while committing',
    async play(world) {
      const record = await world.job('committing')
      checkSame(await world.append(record, chunks(1, 2)), ACCEPTED, 'append')
      checkFields(await world.read(record.jobId), { lastSeq: 2, status: 'committing' }, 'the record')
    },
  },
  {
    name: 'append: the newest step stays in the record after the end',
    async play(world) {
      const record = await world.job('running')
      const steps = ['Prompting', 'Generating'].map((step, index) => event(index + 1, { type: 'step', step }))
      await world.append(record, steps)
      await world.append(record, chunks(3, 3))
      await world.settle(record, FAILED)
      checkFields(await world.read(record.jobId), { step: 'Generating', lastSeq: 4 }, 'the record')
    },
  },
  {
    name: 'append: gives events back as they came',
    async play(world) {
      const record = await world.job('running')
      const bodies: JobEventBody[] = [
        { type: 'chunk', content: 'é 日本 🙂 \u0000 \r\n \u2028 "quoted" \\' },
        { type: 'chunk', content: '' },
        { type: 'metadata', data: DELICATE_JSON },
        { type: 'data', name: 'sources', data: [[], {}, 0.1, null, ''] },
        { type: 'data', name: 'none', data: null },
        { type: 'step', step: 'Générer' },
      ]
      const events = bodies.map((body, index) => event(index + 1, body))
      checkSame(await world.append(record, events, 400), ACCEPTED, 'append')
      checkSame(await world.events(record.jobId), events, 'the log')
    },
  },
  {
    name: 'append: the same batch again is accepted and changes nothing',
    async play(world) {
      const record = await world.job('running')
      await world.append(record, chunks(1, 2))
      await world.append(record, chunks(3, 4))
      const before = await world.seen(record.jobId)
      checkSame(await world.append(record, chunks(3, 4)), ACCEPTED, 'the newest batch again')
      checkSame(await world.append(record, chunks(1, 2)), ACCEPTED, 'an older batch again')
      checkSame(await world.seen(record.jobId), before, 'the job')
      checkSame(await world.append(record, chunks(5, 5)), ACCEPTED, 'the next batch')
    },
  },
  {
    name: 'append: a repeat does not count against the limits again',
    async play(world) {
      const record = await world.job('running', { maxLogEvents: 4, maxLogBytes: 20 })
      for (let round = 0; round < 3; round++)
        checkSame(await world.append(record, chunks(1, 2), 10), ACCEPTED, 'append')
      checkSame(await world.append(record, chunks(3, 4), 10), ACCEPTED, 'the second half')
    },
  },
  {
    name: 'append: a number that is skipped, or a batch that is partly there, is a gap',
    async play(world) {
      const record = await world.job('running')
      checkSame(await world.append(record, chunks(2, 2)), { answer: 'gap', lastSeq: 0 }, 'a log that begins at 2')
      await world.append(record, chunks(1, 3))
      const before = await world.seen(record.jobId)
      checkSame(await world.append(record, chunks(5, 6)), { answer: 'gap', lastSeq: 3 }, 'number 4 left out')
      checkSame(await world.append(record, chunks(3, 4)), { answer: 'gap', lastSeq: 3 }, 'number 3 once more')
      checkSame(await world.seen(record.jobId), before, 'the job')
    },
  },
  {
    name: 'append: a batch above the limit of events is refused whole',
    async play(world) {
      const record = await world.job('running', { maxLogEvents: 3 })
      await world.append(record, chunks(1, 2))
      const before = await world.seen(record.jobId)
      checkSame(await world.append(record, chunks(3, 4)), { answer: 'log-full' }, 'two events where one has room')
      checkSame(await world.seen(record.jobId), before, 'the job')
      checkSame(await world.append(record, chunks(3, 3)), ACCEPTED, 'the last one that has room')
    },
  },
  {
    name: 'append: a batch above the limit of bytes is refused whole',
    async play(world) {
      const record = await world.job('running', { maxLogBytes: 100 })
      checkSame(await world.append(record, chunks(1, 1), 60), ACCEPTED, '60 of 100 bytes')
      checkSame(await world.append(record, chunks(2, 2), 41), { answer: 'log-full' }, '41 more')
      checkSame(await world.append(record, chunks(2, 2), 40), ACCEPTED, '40 more')
      checkSame((await world.events(record.jobId)).length, 2, 'events in the log')
    },
  },
  {
    name: 'append: the events of the store itself find room in a full log',
    async play(world) {
      const record = await world.job('running', { maxLogEvents: 1, maxLogBytes: 10 })
      await world.append(record, chunks(1, 1), 10)
      await world.cancel(record.jobId)
      checkFields(await world.settle(record, CANCELLED), { answer: 'settled' }, 'settle')
      const types = (await world.events(record.jobId)).map(({ type }) => type)
      checkSame(types, ['chunk', 'cancelling', 'cancelled'], 'the log')
    },
  },
  {
    name: 'append: no event stands after a recorded cancel but those of the store, and numbers have no gap',
    async play(world) {
      const record = await world.job('running')
      await world.append(record, chunks(1, 3))
      await world.cancel(record.jobId)
      const answer = await world.append(record, chunks(4, 4))
      checkFields(answer, { answer: 'not-running' }, 'append after the cancel')
      checkSame('record' in answer ? answer.record.cancel?.reason : undefined, REASON, 'the reason that append answers')
      await world.settle(record, CANCELLED)
      const log = await world.events(record.jobId)
      checkSame(
        log.slice(3).map(withoutTime),
        [
          { seq: 4, type: 'cancelling', kind: 'user' },
          { seq: 5, type: 'cancelled', kind: 'user', forced: true },
        ],
        'the end of the log',
      )
      check((await world.read(record.jobId)).lastSeq === 5, 'lastSeq does not count the events of the store')
    },
  },
]
