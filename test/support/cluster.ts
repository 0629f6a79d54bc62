import {
  createMemoryJobStore,
  GenerationJobManager,
  type GenerationJobManagerOptions,
  type JobStore,
} from 'generation-jobs'
import { createVirtualClock, type FaultyStore, faultyStore, type VirtualClock } from 'generation-jobs/testing'
import { onTestFinished } from 'vitest'
import { type CapturedLogs, captureLogs } from './captured-logs.js'
import { assertNothingLeft } from './fixture.js'
import { nodeClock } from './node-clock.js'
import { tellingItsLog } from './telling-its-log.js'

/** One process of a cluster: its manager, its way to the store, its clock, and what it logged. */
export interface ClusterNode {
  readonly manager: GenerationJobManager
  readonly store: FaultyStore
  readonly logs: CapturedLogs
  /** As SIGSTOP: time goes on, no timer fires here, and no hint comes through. */
  pause(): void
  /** As SIGCONT: what became due meanwhile fires now, in its order; hints are lost. */
  resume(): Promise<void>
  /** As SIGKILL: the process is gone: its timers stop, and nothing of it reaches the store any more. */
  kill(): void
}

export interface Cluster {
  readonly clock: VirtualClock
  /** What all nodes share. */
  readonly store: JobStore
  /** A further node. `wallOffsetMs`: how far its date is from that of the store. */
  join(options?: GenerationJobManagerOptions & { wallOffsetMs?: number }): ClusterNode
}

const RETENTION_MS = 60_000

/**
 * Managers on one memory store, in one virtual time; call it in a test. Those that live at the end of the test must hold
 * nothing, as with `fixture()`.
 */
export function cluster(options: GenerationJobManagerOptions & { maxRetainedBytes?: number } = {}): Cluster {
  const { maxRetainedBytes, ...defaults } = options
  const clock = createVirtualClock()
  const store = createMemoryJobStore({ clock, maxRetainedBytes })
  const living = new Set<GenerationJobManager>()

  onTestFinished(async ({ task }) => {
    if (task.result?.state !== 'fail') await assertNothingLeft([...living], clock, defaults.retentionMs ?? RETENTION_MS)
  })

  return {
    clock,
    store,
    join({ wallOffsetMs = 0, ...own } = {}) {
      const ownClock = nodeClock(clock, wallOffsetMs)
      const ownStore = faultyStore(tellingItsLog(store))
      const logs = captureLogs()
      const manager = new GenerationJobManager({
        logger: logs,
        retentionMs: RETENTION_MS,
        ...defaults,
        ...own,
        store: ownStore,
        clock: ownClock,
      })
      living.add(manager)
      let hearAgain = (): void => {}
      return {
        manager,
        store: ownStore,
        logs,
        pause() {
          hearAgain = ownStore.loseHints()
          ownClock.pause()
        },
        async resume() {
          hearAgain()
          await ownClock.resume()
        },
        kill() {
          living.delete(manager)
          ownStore.cut()
          ownClock.kill()
        },
      }
    },
  }
}
