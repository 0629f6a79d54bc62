import type { JobEvent, JobEventBody } from '../protocol/job-event.js'

/**
 * Events in one item of the list. A page of a log is so a few long texts instead of a thousand short ones: replaying 10,000 chunks
 * costs the server a tenth. More would make each append copy more, and each reader of the newest event read more.
 */
export const BLOCK = 16

/**
 * A block is numbers, each with one of these marks after it, which says what the number is. The text of a chunk stands as it is, so
 * that a reader slices it out by its length: as JSON, it took as long to parse as all else. A 60-byte chunk costs about 10 bytes more
 * so, where the whole event would cost as much again as the chunk.
 */
export const MARKS = {
  /** Milliseconds from the creation of the job to the next event. The script writes it: only the record knows when that was. */
  time: '@',
  /** Milliseconds from the event before to the next one; no number where they are of the same time. */
  later: '+',
  /** UTF-16 units of the chunk that follows. */
  chunk: ':',
  /** UTF-16 units of the event that follows, as JSON. */
  event: '=',
  /** Events that are lost, and keep their places. */
  lost: '!',
} as const

/** The rest of each block that the events come into: the time of the first of them, and what comes after its mark. */
export function encodeEvents(events: readonly JobEvent[]): (number | string)[] {
  const parts: (number | string)[] = []
  let text = ''
  let before = 0
  for (const event of events) {
    const at = Math.trunc(event.at)
    if (text !== '' && event.seq % BLOCK === 1) {
      parts.push(text)
      text = ''
    }
    if (text === '') parts.push(at)
    else if (at !== before) text += `${at - before}${MARKS.later}`
    text += encodeEvent(event)
    before = at
  }
  parts.push(text)
  return parts
}

/** Half of a surrogate pair would not come back as it is, but as the escape that JSON has for it. */
function encodeEvent({ seq, at, ...body }: JobEvent): string {
  return body.type === 'chunk' && body.content.isWellFormed() ? framed(MARKS.chunk, body.content) : encodeBody(body)
}

export function encodeBody(body: JobEventBody): string {
  return framed(MARKS.event, JSON.stringify(body))
}

function framed(mark: string, text: string): string {
  return `${text.length}${mark}${text}`
}

/**
 * Of the events in blocks of a log, which come after number `before`, those that a reader asked for; nothing if one of them is
 * lost: marked so, or in a block that is empty or makes no sense.
 */
export function decodeEvents(
  blocks: readonly string[],
  createdAt: number,
  before: number,
  { after, limit }: { readonly after: number; readonly limit: number },
): JobEvent[] | undefined {
  const events: JobEvent[] = []
  let [seq, begin] = [before, before]
  for (const block of blocks) {
    if (seq !== begin) return undefined
    begin += BLOCK
    let at = createdAt
    let position = 0
    while (position < block.length) {
      if (events.length === limit) return events
      let unit = block.charCodeAt(position++)
      const sign = unit === MINUS ? -1 : 1
      if (sign < 0) unit = block.charCodeAt(position++)
      let number = 0
      for (; unit >= ZERO && unit <= NINE; unit = block.charCodeAt(position++)) number = 10 * number + unit - ZERO
      if (unit === TIME) at = createdAt + sign * number
      else if (unit === LATER) at += sign * number
      else if (unit === LOST) {
        seq += number
        if (seq > after) return undefined
      } else {
        const end = position + number
        if (end > block.length) return undefined
        const text = block.slice(position, end)
        position = end
        if (++seq <= after) continue
        if (unit === CHUNK) events.push({ seq, at, type: 'chunk', content: text })
        else {
          const body = unit === EVENT ? parsed(text) : undefined
          if (body === undefined) return undefined
          events.push({ seq, at, ...body })
        }
      }
    }
  }
  return events
}

const [TIME, LATER, CHUNK, EVENT, LOST] = Object.values(MARKS).map((mark) => mark.charCodeAt(0))
const [MINUS, ZERO, NINE] = [45, 48, 57]

function parsed(json: string): JobEventBody | undefined {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
