import type { JobEvent, JobEventBody } from '../protocol/job-event.js'

/**
 * How an event stands in the log: `<time>,<event>`. A chunk is its text alone, as JSON; the time is in milliseconds since the
 * creation of the job, put in front by the script, because only the record knows when that was; the number is the place in the log.
 * A 60-byte chunk costs about 12 bytes so, where the whole event would cost as much again as the chunk. Joined by commas, events
 * are the inside of one JSON list: a page is parsed in one go.
 */
export function encodeEvent({ seq, at, ...body }: JobEvent): string {
  return JSON.stringify(body.type === 'chunk' ? body.content : body)
}

/**
 * Of the events in blocks of a log, which come after number `before`, those that a reader asked for; nothing if one of them is
 * lost: a block without text, or `null`, stands in its place.
 */
export function decodeEvents(
  blocks: readonly string[],
  createdAt: number,
  before: number,
  { after, limit }: { readonly after: number; readonly limit: number },
): JobEvent[] | undefined {
  const events: JobEvent[] = []
  let seq = before
  for (const block of blocks) {
    if (block === '') return undefined
    const items = JSON.parse(`[${block}]`) as (number | string | JobEventBody | null)[]
    for (let index = 0; index < items.length; index += 2) {
      if (++seq <= after) continue
      if (events.length === limit) return events
      const at = createdAt + (items[index] as number)
      const item = items[index + 1] as string | JobEventBody | null
      if (item === null) return undefined
      events.push(typeof item === 'string' ? { seq, at, type: 'chunk', content: item } : { seq, at, ...item })
    }
  }
  return events
}
