import type { JobEvent } from '../../protocol/job-event.js'

const NONE: readonly JobEvent[] = []
/** Events per block: an array that grows without end is copied again and again, which is work for the collector. */
const BLOCK = 256

/** Chunks as their text alone with their time beside it; other events as they are. */
interface Block {
  readonly items: (string | JobEvent)[]
  readonly times: number[]
}

/**
 * The ordered events of one job, with `seq` from 1 without gaps. A chunk is kept as its text, because an object per chunk that lives
 * long costs the collector more than all other work on it; each reader gets a new object, and may do with it what it likes.
 */
export class EventLog {
  #blocks: Block[] | undefined
  #count = 0
  #lastSeq = 0
  #bytes = 0

  get lastSeq(): number {
    return this.#lastSeq
  }
  get count(): number {
    return this.#count
  }
  get bytes(): number {
    return this.#bytes
  }

  /** Adds the next event; the caller has checked its `seq`. */
  push(event: JobEvent): void {
    this.#blocks ??= []
    const block = this.#blocks[this.#blocks.length - 1]
    const item = event.type === 'chunk' ? event.content : event
    if (!block || block.items.length === BLOCK) {
      this.#blocks.push({ items: [item], times: [event.at] })
    } else {
      block.items.push(item)
      block.times.push(event.at)
    }
    this.#count++
    this.#lastSeq = event.seq
  }

  addBytes(bytes: number): void {
    this.#bytes += bytes
  }

  /** At most `limit` events after the cursor, or `undefined` if some of them are no longer kept. */
  read(after: number, limit: number): readonly JobEvent[] | undefined {
    if (after >= this.#lastSeq) return NONE
    const first = this.#lastSeq - this.#count + 1
    if (after + 1 < first) return undefined
    const events: JobEvent[] = []
    const to = Math.min(after + 1 - first + limit, this.#count)
    for (let index = after + 1 - first; index < to; ) {
      const block = this.#blocks?.[Math.floor(index / BLOCK)]
      const blockEnd = Math.min(to, index - (index % BLOCK) + BLOCK)
      for (; index < blockEnd; index++) {
        const item = block?.items[index % BLOCK]
        const at = block?.times[index % BLOCK] ?? 0
        if (item === undefined) continue
        events.push(typeof item === 'string' ? { seq: first + index, at, type: 'chunk', content: item } : item)
      }
    }
    return events
  }

  /** Forgets all events but the last, the terminal one: who has seen the others still learns the end. */
  drop(): void {
    const last = this.#blocks?.at(-1)
    this.#blocks = last && [{ items: last.items.slice(-1), times: last.times.slice(-1) }]
    this.#count = last ? 1 : 0
    this.#bytes = 0
  }
}
