import type { CancellableJob } from './cancellable-job.ts'
import { newManager, streamJob } from './ours.ts'
import { stuckSource } from './sources.ts'

/** Waiting jobs of one kind: cancels the oldest and waits for its end. */
export interface Crowd {
  add(): Promise<void>
  /** @throws {Error} when its source was not closed once, and the kind closes sources */
  cancelOldest(): Promise<void>
  close(): Promise<void>
}

/** `closesSources: false` for a kind that never tells its source. */
export function crowdOf(
  start: (source: AsyncIterable<string>) => CancellableJob,
  { closesSources = true }: { closesSources?: boolean } = {},
): Crowd {
  const released = { count: 0 }
  const jobs = new Set<CancellableJob>()
  return {
    async add() {
      jobs.add(start(stuckSource(released)))
    },
    async cancelOldest() {
      const [job] = jobs
      if (!job) throw new Error('no job is waiting')
      const before = released.count
      void job.cancel()
      await job.ended
      jobs.delete(job)
      if (closesSources && released.count !== before + 1) throw new Error('the source was not closed once')
    },
    async close() {
      for (const job of jobs) void job.cancel()
      await Promise.all([...jobs].map((job) => job.ended))
    },
  }
}

export function managedCrowd(): Crowd {
  const released = { count: 0 }
  const ids = new Set<string>()
  const manager = newManager()
  return {
    async add() {
      const { jobId } = await streamJob(manager, stuckSource(released))
      ids.add(jobId)
    },
    async cancelOldest() {
      const [jobId = ''] = ids
      const before = released.count
      const { outcome } = await manager.cancel(jobId)
      ids.delete(jobId)
      if (outcome !== 'cancelled' || released.count !== before + 1)
        throw new Error(`the cancel was answered ${outcome}`)
    },
    close: () => manager.close(),
  }
}
