import type { JobStore } from './job-store.js'

/**
 * Looking out for changes of jobs in the store: a hint makes it fast, a slow poll makes it sure. Hints may be lost.
 */
export class JobWatch {
  readonly #store: JobStore
  readonly #looks = new Set<() => void>()

  constructor(store: JobStore) {
    this.#store = store
  }

  /** Calls `look` after each hint about the job, and now and then without one. Returns the end of it. */
  watch(jobId: string, look: () => void): () => void {
    const poll = () => look()
    this.#looks.add(poll)
    const unwatch = this.#store.watchJob(jobId, look)
    return () => {
      this.#looks.delete(poll)
      unwatch()
    }
  }

  /** Everybody looks, hint or not. */
  poll(): void {
    for (const look of [...this.#looks]) look()
  }
}
