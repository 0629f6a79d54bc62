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

/** The events of a page of the log that begins with number `first`. */
export function decodeEvents(page: string, first: number, createdAt: number): JobEvent[] {
  const items = JSON.parse(`[${page}]`) as (number | string | JobEventBody)[]
  const events: JobEvent[] = []
  for (let index = 0; index < items.length; index += 2) {
    const seq = first + index / 2
    const at = createdAt + (items[index] as number)
    const item = items[index + 1] as string | JobEventBody
    events.push(typeof item === 'string' ? { seq, at, type: 'chunk', content: item } : { seq, at, ...item })
  }
  return events
}
