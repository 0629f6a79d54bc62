import { readySource } from '../contender/sources.ts'
import type { Question, Row } from '../measure/row.ts'
import { ownStreamRows, type Size } from '../sse/own-stream-rows.ts'

const SIZES: readonly Size[] = [
  { clients: 1, chunks: 10_000, goal: 0.6, finalGoal: 0.5 },
  { clients: 100, chunks: 100, goal: 0.6, finalGoal: 0.5 },
  { clients: 1_000, chunks: 30, goal: 0.9, finalGoal: 0.85 },
]

/** Chunks that are ready at once: whole jobs against a loop that writes. */
export const sseBurst: Question = {
  title: 'SSE, chunks always ready, per chunk and client, against raw `res.write`',
  async ask({ rounds }) {
    const rows: Row[] = []
    for (const size of SIZES) rows.push(...(await ownStreamRows(readySource, size, rounds)))
    return rows
  },
}
