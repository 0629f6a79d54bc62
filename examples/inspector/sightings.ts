import type { GenerationJobManager, ManagerEvents } from 'generation-jobs'
import { probeReleases } from './release-probe.ts'
import type { Sighting } from './timeline.ts'

/** What this process saw of the newest jobs that it runs, by their id. */
export class Sightings {
  readonly #sightings = new Map<string, Sighting>()
  readonly #limit: number
  readonly #now: () => number
  readonly #stops: (() => void)[]

  constructor(manager: GenerationJobManager, limit: number, now: () => number) {
    this.#limit = limit
    this.#now = now
    const on = <E extends keyof ManagerEvents>(event: E, note: (seen: Sighting, payload: ManagerEvents[E]) => void) => {
      const listener = (payload: ManagerEvents[E]): void => {
        const seen = this.#sightings.get(payload.job.jobId)
        if (seen) note(seen, payload)
      }
      manager.on(event, listener)
      return () => void manager.off(event, listener)
    }
    const begin = ({ job }: ManagerEvents['registered']): void => this.#begin(job.jobId)
    manager.on('registered', begin)
    this.#stops = [
      () => void manager.off('registered', begin),
      on('started', (seen) => {
        seen.startedAt = now()
      }),
      on('committing', (seen) => {
        seen.committingAt = now()
      }),
      on('cancelRequested', (seen) => {
        seen.cancelRequestedAt ??= now()
      }),
      on('settled', (seen, { cancelMs, droppedChunks }) => {
        seen.settledAt = now()
        seen.droppedChunks = droppedChunks
        if (cancelMs !== undefined) seen.cancelMs = cancelMs
      }),
      probeReleases(manager, {
        producerEnded: (jobId) => {
          const seen = this.#sightings.get(jobId)
          if (seen) seen.producerEndedAt = now()
        },
        cleanupStarted: (jobId, label) => this.#cleanupStarted(jobId, label),
      }),
    ]
  }

  get(jobId: string): Sighting | undefined {
    return this.#sightings.get(jobId)
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop()
    this.#sightings.clear()
  }

  #begin(jobId: string): void {
    this.#sightings.delete(jobId)
    this.#sightings.set(jobId, { registeredAt: this.#now(), cleanups: [] })
    if (this.#sightings.size <= this.#limit) return
    const oldest = [...this.#sightings].find(([, { settledAt }]) => settledAt !== undefined) ?? [...this.#sightings][0]
    if (oldest) this.#sightings.delete(oldest[0])
  }

  #cleanupStarted(jobId: string, label: string | undefined): () => void {
    const cleanup: Sighting['cleanups'][number] = { label, startedAt: this.#now() }
    this.#sightings.get(jobId)?.cleanups.push(cleanup)
    return () => {
      cleanup.endedAt = this.#now()
    }
  }
}
