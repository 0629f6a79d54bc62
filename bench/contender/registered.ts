import type { GenerationJobManager } from 'generation-jobs'
import type { Contender } from '../measure/alternate.ts'
import { newManager } from './ours.ts'

export const REGISTERED = 20_000
/** Jobs under way at the same time. */
const FLIGHT = 100

/** A job that ends at once, and the wait for its end. */
export async function registerOne(manager: GenerationJobManager): Promise<void> {
  const { settled } = await manager.register(async () => 1)
  const { status } = await settled
  if (status !== 'completed') throw new Error(`a job ended ${status}`)
}

/** Jobs through a manager of their own. */
export function registered(one: (manager: GenerationJobManager) => Promise<void>): Contender {
  return () => async () => {
    const manager = newManager()
    await inFlights(() => one(manager))
    await manager.close()
  }
}

export async function inFlights(one: () => Promise<unknown>): Promise<void> {
  for (let done = 0; done < REGISTERED; done += FLIGHT) {
    await Promise.all(Array.from({ length: FLIGHT }, () => one()))
  }
}
