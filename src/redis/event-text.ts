import type { JobEvent, JobEventBody } from '../protocol/job-event.js'

/**
 * Events in one item of the list. A page of a log is so a few long texts instead of a thousand short ones: replaying 10,000 chunks
 * costs the server a tenth. More would make each append copy more, and each reader of the newest event read more.
 */
export const BLOCK = 16

/**
 * A block is numbers, each with one of these marks after it, which says what the number is. The text of a chunk stands as it is, so
 * that a reader slices it out by its length: as JSON, parsing was a third of a replay. A 60-byte chunk costs about 10 bytes more so,
 * where the whole event would cost as much again as the chunk.
 */
export const MARKS = {
  /** Milliseconds from the creation of the job to the next event. The script writes it: only the record knows when that was. */
  time: '@',
  /** Milliseconds from the event before to the next one; left out where they are of the same time. */
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

/** Half of a surrogate pair is sent as U+FFFD, but JSON has an escape for it: so a pair that two chunks share stays one. */
function encodeEvent(event: JobEvent): string {
  if (event.type === 'chunk' && event.content.isWellFormed()) return framed(MARKS.chunk, event.content)
  const { seq, at, ...body } = event
  return encodeBody(body)
}

/** An event as JSON, for a script to put its time in front. */
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
  for (const text of blocks) {
    if (seq !== begin) return undefined
    begin += BLOCK
    const block = new BlockText(text)
    let at = createdAt
    while (block.next()) {
      if (events.length === limit) return events
      switch (block.mark) {
        case MARKS.chunk: {
          const content = block.take()
          if (content === undefined) return undefined
          if (++seq > after) events.push({ seq, at, type: 'chunk', content })
          break
        }
        case MARKS.event: {
          const body = parsed(block.take())
          if (body === undefined) return undefined
          if (++seq > after) events.push({ seq, at, ...body })
          break
        }
        case MARKS.time:
          at = createdAt + block.number
          break
        case MARKS.later:
          at += block.number
          break
        case MARKS.lost:
          seq += block.number
          if (seq > after) return undefined
          break
        default:
          return undefined
      }
    }
  }
  return events
}

const [MINUS, ZERO, NINE] = [45, 48, 57]

/** Reads a block number by number. */
class BlockText {
  readonly #text: string
  #position = 0
  number = 0
  mark = ''

  constructor(text: string) {
    this.#text = text
  }

  /** Goes to the next number and its mark; answers whether there was more to read. */
  next(): boolean {
    const text = this.#text
    let position = this.#position
    if (position >= text.length) return false
    const sign = text.charCodeAt(position) === MINUS ? -1 : 1
    if (sign < 0) position++
    let number = 0
    for (let unit = text.charCodeAt(position); unit >= ZERO && unit <= NINE; unit = text.charCodeAt(++position)) {
      number = 10 * number + unit - ZERO
    }
    this.number = sign * number
    this.mark = text.charAt(position)
    this.#position = position + 1
    return true
  }

  /** So much of the text as the number says; nothing if there is less. */
  take(): string | undefined {
    const begin = this.#position
    const end = begin + this.number
    if (end < begin || end > this.#text.length) return undefined
    this.#position = end
    return this.#text.slice(begin, end)
  }
}

function parsed(json: string | undefined): JobEventBody | undefined {
  try {
    return json === undefined ? undefined : JSON.parse(json)
  } catch {
    return undefined
  }
}
