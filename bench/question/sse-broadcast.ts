import { pacedSource } from '../contender/sources.ts'
import { type Question, type Row, ratioRow } from '../measure/row.ts'
import { viewed } from '../sse/ask.ts'
import { broadcasts } from '../sse/broadcast.ts'

const SIZES = [
  { clients: 100, chunks: 100 },
  { clients: 1_000, chunks: 30 },
] as const

/** One generation that many watch. */
export const sseBroadcast: Question = {
  title: 'SSE, one generation to K watchers, per chunk and watcher, against a loop of raw `res.write` for each',
  async ask({ rounds }) {
    const rows: Row[] = []
    for (const { clients, chunks } of SIZES) {
      const routes = broadcasts(clients, () => pacedSource(chunks))
      const { raw, once, betterSse, ours } = await viewed(routes, { clients, chunks, rounds })
      const name = (what: string): string => `${what}, K = ${clients}`
      rows.push(
        ratioRow(name('raw, a loop for each'), raw.taken, raw.taken),
        ratioRow(name('raw, serialised once'), once.taken, raw.taken, { by: 'bare' }),
        ratioRow(name('better-sse channel'), betterSse.taken, raw.taken, { by: 'peer' }),
        ratioRow(name('one job, K viewers'), ours.taken, raw.taken, { goal: 0.9, finalGoal: 0.8 }),
      )
    }
    return rows
  },
}
