import { pacedSource } from '../contender/sources.ts'
import type { Question, Row } from '../measure/row.ts'
import { ownStreamRows, type Size } from '../sse/own-stream-rows.ts'

const SIZES: readonly Size[] = [
  { clients: 1, chunks: 3_000, goal: 1.15, finalGoal: 1.1 },
  { clients: 100, chunks: 100, goal: 1.15, finalGoal: 1.1 },
  { clients: 1_000, chunks: 30, goal: 1.15, finalGoal: 1.1 },
]

/** Chunks that come one by one, as a model writes: whole jobs against a loop that writes. */
export const ssePaced: Question = {
  title: 'SSE, one chunk per turn of the event loop, per chunk and client, against raw `res.write`',
  async ask({ rounds }) {
    const rows: Row[] = []
    for (const size of SIZES) rows.push(...(await ownStreamRows(pacedSource, size, rounds)))
    return rows
  },
}
