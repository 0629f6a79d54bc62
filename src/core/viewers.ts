import { whenAnswered } from './awaitable.js'
import type { EventReader } from './event-reader.js'
import type { JobStore } from './job-store.js'

/** A viewer counts this many heartbeats after it was last touched, so viewers of a dead node disappear by themselves. */
const HEARTBEATS = 3

/** The readers on this node that are there on behalf of a person, kept visible to the owner of their job. */
export class Viewers {
  readonly #store: JobStore
  readonly #nodeId: string
  readonly #viewers = new Map<EventReader, { readonly jobId: string; readonly viewerId: string }>()
  #count = 0

  constructor(store: JobStore, nodeId: string) {
    this.#store = store
    this.#nodeId = nodeId
  }

  get size(): number {
    return this.#viewers.size
  }

  /** Returns what must be called when the viewer leaves. */
  enter(reader: EventReader, jobId: string): () => void {
    const viewer = { jobId, viewerId: `${this.#nodeId}.${++this.#count}` }
    this.#viewers.set(reader, viewer)
    this.#touch([{ ...viewer, ttlMs: this.#ttlMs }])
    return () => {
      this.#viewers.delete(reader)
      this.#touch([{ ...viewer, ttlMs: 0 }])
    }
  }

  /** Says once per heartbeat that they are still there. */
  touchAll(): void {
    const ttlMs = this.#ttlMs
    if (this.#viewers.size > 0) this.#touch([...this.#viewers.values()].map((viewer) => ({ ...viewer, ttlMs })))
  }

  get #ttlMs(): number {
    return HEARTBEATS * this.#store.heartbeatMs
  }

  /** A touch that is lost is made up for by the next, or by the end of its time. */
  #touch(touches: Parameters<JobStore['touchViewers']>[0]): void {
    void whenAnswered(
      () => this.#store.touchViewers(touches),
      () => undefined,
      () => undefined,
    )
  }
}
