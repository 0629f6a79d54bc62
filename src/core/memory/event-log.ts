import type { JobEvent } from '../../protocol/job-event.js'

const NONE: readonly JobEvent[] = []
/** Events per block: an array that grows without end is copied again and again, which is work for the collector. */
const BLOCK = 256

/** Chunks as their text alone with their time beside it, at the same place; other events as they are. */
interface Block {
  readonly items: (string | JobEvent)[]
  times: number[] | undefined
}

/**
 * The ordered events of one job, with `seq` from 1 without gaps. A chunk is kept as its text, because an object per chunk that lives
 * long costs the collector more than all other work on it; each reader gets a new object, and may do with it what it likes.
 */
export class EventLog {
  #full: Block[] | undefined
  #open: Block | undefined
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
    const open = this.#open
    const block = open && open.items.length < BLOCK ? open : this.#openNext()
    if (event.type === 'chunk') {
      block.times ??= []
      block.times[block.items.length] = event.at
      block.items.push(event.content)
    } else {
      block.items.push(event)
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
      const block = this.#full?.[Math.floor(index / BLOCK)] ?? this.#open
      const blockEnd = Math.min(to, index - (index % BLOCK) + BLOCK)
      for (; index < blockEnd; index++) {
        const item = block?.items[index % BLOCK]
        if (item === undefined) continue
        const at = block?.times?.[index % BLOCK] ?? 0
        events.push(typeof item === 'string' ? { seq: first + index, at, type: 'chunk', content: item } : item)
      }
    }
    return events
  }

  /** Forgets all events but the last, the terminal one: who has seen the others still learns the end. */
  drop(): void {
    this.#full = undefined
    this.#open = this.#open && { items: this.#open.items.slice(-1), times: undefined }
    this.#count = this.#open ? 1 : 0
    this.#bytes = 0
  }

  #openNext(): Block {
    if (this.#open) {
      this.#full ??= []
      this.#full.push(this.#open)
    }
    this.#open = { items: [], times: undefined }
    return this.#open
  }
}
