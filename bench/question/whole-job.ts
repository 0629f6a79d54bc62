import { bareLoop } from '../contender/bare.ts'
import { expectEnd, newManager, streamJob } from '../contender/ours.ts'
import { SOURCES } from '../contender/sources.ts'
import { alternate } from '../measure/alternate.ts'
import { type Question, type Row, ratioRow } from '../measure/row.ts'

/** As many as the log of a job holds by default. */
const CHUNKS = 100_000
const JOBS = 3

/** A whole job in memory, with its log, read by nobody and by one subscriber. */
export const wholeJob: Question = {
  title: 'Whole job in memory with its log, per chunk, against `for await` + `signal.aborted`',
  async ask({ rounds }) {
    const rows: Row[] = []
    for (const [name, sourceOf] of Object.entries(SOURCES)) {
      const run = (hasReader: boolean) => () => async (): Promise<void> => {
        const manager = newManager()
        for (let job = 0; job < JOBS; job++) {
          const handle = await streamJob(manager, sourceOf(CHUNKS))
          const seen = hasReader ? await count(handle.events()) : CHUNKS + 1
          await expectEnd(handle, 'completed')
          if (seen !== CHUNKS + 1) throw new Error(`the subscriber got ${seen} events`)
        }
        await manager.close()
      }
      const bare = () => async (): Promise<void> => {
        for (let job = 0; job < JOBS; job++) await bareLoop(sourceOf(CHUNKS), new AbortController().signal)
      }
      const taken = await alternate({ bare, unread: run(false), read: run(true) }, { rounds })
      const chunks = CHUNKS * JOBS
      rows.push(
        ratioRow(`bare, ${name}`, taken.bare, taken.bare, chunks),
        ratioRow(`job without reader, ${name}`, taken.unread, taken.bare, chunks),
        ratioRow(`job with one subscriber, ${name}`, taken.read, taken.bare, chunks, { goal: 4, finalGoal: 2.5 }),
      )
    }
    return rows
  },
}

async function count(events: AsyncIterable<unknown>): Promise<number> {
  let seen = 0
  for await (const _ of events) seen++
  return seen
}
