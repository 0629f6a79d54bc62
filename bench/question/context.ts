import { AsyncLocalStorage } from 'node:async_hooks'
import { bareLoop } from '../contender/bare.ts'
import { effectLoop } from '../contender/effects.ts'
import { streamedJobs } from '../contender/ours.ts'
import { readySource } from '../contender/sources.ts'
import { alternate } from '../measure/alternate.ts'
import { type Question, ratioRow } from '../measure/row.ts'

const CHUNKS = 100_000
const UNITS = { bare: CHUNKS, unread: CHUNKS, read: CHUNKS, effect: CHUNKS / 5 } as const

/** Servers with tracing have an AsyncLocalStorage, and then every promise costs more: what makes none per chunk gains. */
export const context: Question = {
  title: 'Whole job with an AsyncLocalStorage on, per chunk, against `for await` + `signal.aborted` with it on',
  ask: ({ rounds }) =>
    new AsyncLocalStorage().run({ request: 1 }, async () => {
      const job = { jobs: 1, chunks: CHUNKS, sourceOf: readySource } as const
      const { bare, unread, read, effect } = await alternate(
        {
          bare: () => () => bareLoop(readySource(CHUNKS), new AbortController().signal),
          unread: () => () => streamedJobs({ ...job, hasReader: false }),
          read: () => () => streamedJobs({ ...job, hasReader: true }),
          effect: () => () => effectLoop(readySource(UNITS.effect)),
        },
        { rounds, units: UNITS },
      )
      return [
        ratioRow('bare', bare, bare),
        ratioRow('job without reader', unread, bare),
        ratioRow('job with one subscriber', read, bare, { goal: 4, finalGoal: 2.5 }),
        ratioRow('Effect Stream', effect, bare, { by: 'peer' }),
      ]
    }),
}
