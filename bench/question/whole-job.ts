import { fullStream, uiMessageStream } from '../contender/ai-sdk.ts'
import { bareLoop } from '../contender/bare.ts'
import { effectLoop } from '../contender/effects.ts'
import { streamedJobs } from '../contender/ours.ts'
import { readySource, SOURCES } from '../contender/sources.ts'
import { alternate } from '../measure/alternate.ts'
import { type Question, type Row, ratioRow } from '../measure/row.ts'

/** As many as the log of a job holds by default. */
const CHUNKS = 100_000
const UNITS = { bare: 3 * CHUNKS, unread: CHUNKS, read: CHUNKS, effect: 50_000, full: 2_000, ui: 2_000 } as const

/** A whole job in memory, with its log, read by nobody and by one subscriber. */
export const wholeJob: Question = {
  title: 'Whole job in memory with its log, per chunk, against `for await` + `signal.aborted`',
  async ask({ rounds }) {
    const rows: Row[] = []
    for (const [name, sourceOf] of Object.entries(SOURCES)) {
      const { bare, unread, read } = await alternate(
        {
          bare: () => () => bareLoop(sourceOf(UNITS.bare), new AbortController().signal),
          unread: () => () => streamedJobs({ jobs: 1, chunks: CHUNKS, sourceOf, hasReader: false }),
          read: () => () => streamedJobs({ jobs: 1, chunks: CHUNKS, sourceOf, hasReader: true }),
        },
        { rounds, units: UNITS },
      )
      rows.push(
        ratioRow(`bare, ${name}`, bare, bare),
        ratioRow(`job without reader, ${name}`, unread, bare),
        ratioRow(`job with one subscriber, ${name}`, read, bare, { goal: 4, finalGoal: 2.5 }),
      )
    }
    return [...rows, ...(await besidePeers(rounds))]
  },
}

/** In rounds of their own: what the SDK leaves to the collector would fall on whoever comes next. */
async function besidePeers(rounds: number): Promise<Row[]> {
  const { bare, read, effect, full, ui } = await alternate(
    {
      bare: () => () => bareLoop(readySource(UNITS.bare), new AbortController().signal),
      read: () => () => streamedJobs({ jobs: 1, chunks: CHUNKS, sourceOf: readySource, hasReader: true }),
      effect: () => () => effectLoop(readySource(UNITS.effect)),
      full: () => () => fullStream(UNITS.full),
      ui: () => () => uiMessageStream(UNITS.ui),
    },
    { rounds, units: UNITS },
  )
  return [
    ratioRow('Effect Stream, ready source', effect, bare, { by: 'peer', note: 'no log, no subscriber' }),
    ratioRow('AI SDK streamText().fullStream', full, bare, { by: 'peer', note: 'mock model, nothing of it stored' }),
    ratioRow('AI SDK streamText().toUIMessageStream()', ui, bare, { by: 'peer' }),
    ratioRow('job with one subscriber, against fullStream', read, full, { finalGoal: 1 / 80 }),
  ]
}
