import type { JobEvent } from '../../protocol/job-event.js'

const NONE: readonly JobEvent[] = []

/** The ordered events of one job, with `seq` from 1 without gaps. */
export class EventLog {
  #events: JobEvent[] | undefined
  #lastSeq = 0
  #bytes = 0

  get lastSeq(): number {
    return this.#lastSeq
  }
  get count(): number {
    return this.#events?.length ?? 0
  }
  get bytes(): number {
    return this.#bytes
  }

  /** Adds the next event; the caller has checked its `seq`. */
  push(event: JobEvent): void {
    if (this.#events) this.#events.push(event)
    else this.#events = [event]
    this.#lastSeq = event.seq
  }

  addBytes(bytes: number): void {
    this.#bytes += bytes
  }

  /** At most `limit` events after the cursor, or `undefined` if some of them are no longer kept. */
  read(after: number, limit: number): readonly JobEvent[] | undefined {
    if (after >= this.#lastSeq) return NONE
    const kept = this.#events
    if (!kept) return undefined
    const first = this.#lastSeq - kept.length + 1
    if (after + 1 < first) return undefined
    const from = after + 1 - first
    return kept.slice(from, from + limit)
  }

  /** Forgets all events but the last, the terminal one: who has seen the others still learns the end. */
  drop(): void {
    this.#events = this.#events?.slice(-1)
    this.#bytes = 0
  }
}
