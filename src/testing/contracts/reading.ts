import { check, checkFields, checkSame } from './check.js'
import { COMPLETED, type ContractWorld, chunks, FAILED, type Scenario } from './contract-world.js'
import { STATUSES } from './statuses.js'

/** READ EVENTS: cursors, pages, and logs that are no longer kept. */
export const reading: readonly Scenario[] = [
  {
    name: 'readEvents: from every cursor, everything after it and nothing else',
    async play(world) {
      const record = await world.job('running')
      for (const [first, last] of [
        [1, 3],
        [4, 4],
        [5, 9],
      ] as const)
        await world.append(record, chunks(first, last))
      for (let after = 0; after <= 9; after++) {
        const answer = await world.store.readEvents(record.jobId, after, 100)
        checkFields(answer, { answer: 'events', events: chunks(after + 1, 9), status: 'running' }, `after ${after}`)
        if (answer.answer === 'events' && answer.log) checkSame(answer.log.lastSeq, 9, 'the length of the log')
      }
    },
  },
  {
    name: 'readEvents: at most as many as asked, from within a batch too',
    async play(world) {
      const record = await world.job('running')
      await world.append(record, chunks(1, 10))
      for (const [after, limit] of [
        [0, 1],
        [0, 4],
        [3, 4],
        [7, 4],
        [9, 1],
      ] as const) {
        const answer = await world.store.readEvents(record.jobId, after, limit)
        const events = chunks(after + 1, Math.min(10, after + limit))
        checkFields(answer, { answer: 'events', events, status: 'running' }, `${limit} after ${after}`)
      }
    },
  },
  ...STATUSES.map(
    (status): Scenario => ({
      name: `readEvents: at and beyond the end of a ${status} job there is nothing, and the status says so`,
      async play(world) {
        const { jobId, lastSeq } = await world.job(status)
        for (const after of [lastSeq, lastSeq + 1, lastSeq + 1_000]) {
          const answer = await world.store.readEvents(jobId, after, 10)
          checkFields(answer, { answer: 'events', events: [], status }, `after ${after}`)
        }
      },
    }),
  ),
  {
    name: 'readEvents: what was read does not change afterwards',
    async play(world) {
      const record = await world.job('running')
      await world.append(record, chunks(1, 2))
      const read = await world.events(record.jobId)
      await world.append(record, chunks(3, 4))
      await world.settle(record, COMPLETED)
      checkSame(read, chunks(1, 2), 'the page that was read')
    },
  },
  {
    name: 'retained logs: the oldest settled log is dropped first, its record stays, and its readers are told',
    async play(world) {
      const { maxRetainedBytes } = world.under
      if (maxRetainedBytes === undefined) return
      const bytes = Math.ceil(maxRetainedBytes / 3)
      const live = await jobWithLog(world, bytes)
      const settled: string[] = []
      for (let count = 0; count < 4; count++) {
        const record = await jobWithLog(world, bytes)
        await world.settle(record, count % 2 === 0 ? COMPLETED : FAILED)
        settled.push(record.jobId)
        await world.advance(2)
      }
      const [oldest = '', , newer = '', newest = ''] = settled
      const { store } = world
      checkSame(await store.readEvents(oldest, 0, 10), { answer: 'expired' }, 'the oldest log')
      checkSame(await store.readEvents(oldest, 1, 10), { answer: 'expired' }, 'the oldest log, from its middle')
      checkFields(
        await store.readEvents(oldest, 3, 10),
        { answer: 'events', events: [] },
        'a reader that has seen its end',
      )
      checkFields(
        await world.read(oldest),
        { status: 'completed', result: { text: 'whole' }, lastSeq: 3 },
        'its record',
      )
      for (const jobId of [newer, newest, live.jobId])
        check((await world.events(jobId)).length >= 2, 'a newer log, or a live one, was dropped')
      const { logBytes } = await store.footprint()
      check(logBytes <= maxRetainedBytes + bytes, `${logBytes} bytes of logs are held`)
    },
  },
]

async function jobWithLog(world: ContractWorld, bytes: number) {
  const record = await world.job('running', { maxLogBytes: bytes })
  await world.append(record, chunks(1, 2), bytes)
  return record
}
