import { newManager, streamJob } from './ours.ts'
import { stuckSource } from './sources.ts'

/** Makes so many jobs; answers what keeps them alive, and how to let them go. */
export type Hold = (jobs: number) => Promise<Held>

export interface Held {
  readonly held: unknown
  close(): unknown
}

const released = { count: 0 }

/** The states in which a job of ours stays in memory. */
export const HELD_JOBS = {
  async streaming(jobs) {
    const manager = newManager()
    for (let job = 0; job < jobs; job++) await streamJob(manager, stuckSource(released))
    return { held: manager, close: () => manager.close() }
  },
  async waiting(jobs) {
    const manager = newManager()
    for (let job = 0; job < jobs; job++) {
      // Ends when it is cancelled: what a producer without a source does.
      await manager.register((run) => new Promise<void>((resolve) => run.token.onCancel(() => resolve())))
    }
    return { held: manager, close: () => manager.close() }
  },
  async queued(jobs) {
    const manager = newManager({ maxConcurrentJobs: 1, maxPendingJobs: jobs })
    for (let job = 0; job < jobs; job++) await streamJob(manager, stuckSource(released))
    return { held: manager, close: () => manager.close() }
  },
  async settled(jobs) {
    const manager = newManager()
    for (let job = 0; job < jobs; job++) {
      const { settled } = await manager.register(async () => 1)
      await settled
    }
    return { held: manager, close: () => manager.close() }
  },
} as const satisfies Record<string, Hold>
