import { setImmediate as macrotask } from 'node:timers/promises'
import type { GenerationJobManager } from 'generation-jobs'
import type { Contender } from '../measure/alternate.ts'
import { newManager } from './ours.ts'
import { stuckSource } from './sources.ts'

/** Waiting jobs of one owner in a manager of their own, which `cancel` ends all. */
export function allCancelled(
  size: number,
  cancel: (manager: GenerationJobManager, ids: string[]) => Promise<unknown>,
): Contender {
  let previous: GenerationJobManager | undefined
  return async () => {
    await previous?.close()
    const manager = newManager()
    previous = manager
    const released = { count: 0 }
    const ids: string[] = []
    for (let job = 0; job < size; job++) {
      const { jobId } = await manager.register((run) => run.stream(stuckSource(released)), { owner: 'user' })
      ids.push(jobId)
    }
    await macrotask()
    return async () => {
      await cancel(manager, ids)
      expectReleased(released.count, size)
    }
  }
}

export const cancelMany = (manager: GenerationJobManager): Promise<unknown> => manager.cancelMany({ owner: 'user' })

/** @throws {Error} when not so many sources were closed, because then the wrong thing was measured */
export function expectReleased(count: number, size: number): void {
  if (count !== size) throw new Error(`${count} of ${size} sources were closed`)
}
