import { readySource } from '../contender/sources.ts'
import type { Question } from '../measure/row.ts'
import { ownStreamRows } from '../sse/own-stream-rows.ts'

/** What a connection costs before it has brought anything: 100 at once, one chunk each. */
export const sseConnect: Question = {
  title: 'SSE, streams of one chunk, per connection, against raw `res.write`',
  ask: ({ rounds }) => ownStreamRows(readySource, { clients: 100, chunks: 1 }, rounds),
}
