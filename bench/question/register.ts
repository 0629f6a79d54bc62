import type { GenerationJobManager } from 'generation-jobs'
import { BareMap } from '../contender/bare.ts'
import { newManager } from '../contender/ours.ts'
import { alternate, type Contender } from '../measure/alternate.ts'
import { type Question, ratioRow } from '../measure/row.ts'

const JOBS = 20_000
/** Jobs under way at the same time. */
const FLIGHT = 100

/** Register a job that ends at once, and wait for its end. */
export const register: Question = {
  title: 'Register and complete a trivial job, against a map of promises with an AbortController each',
  async ask({ rounds }) {
    const taken = await alternate(
      {
        bare: () => () => inFlights(bareRegister()),
        ours: inManager(async (manager) => {
          const handle = await manager.register(async () => 1)
          const { status } = await handle.settled
          if (status !== 'completed') throw new Error(`a job ended ${status}`)
        }),
        waited: inManager(async (manager) => {
          const { jobId } = await manager.register(async () => 1)
          const { settled } = await manager.waitForCompletion(jobId)
          if (!settled) throw new Error('a job did not settle')
        }),
      },
      { rounds },
    )
    const { bare, ours, waited } = taken
    return [
      ratioRow('bare map', bare, bare, JOBS),
      ratioRow('register(), await settled', ours, bare, JOBS, { goal: 2, finalGoal: 1.5 }),
      ratioRow('register(), waitForCompletion()', waited, bare, JOBS),
    ]
  },
}

function inManager(one: (manager: GenerationJobManager) => Promise<void>): Contender {
  return () => async () => {
    const manager = newManager()
    await inFlights(() => one(manager))
    await manager.close()
  }
}

function bareRegister(): () => Promise<void> {
  const jobs = new BareMap()
  let count = 0
  return async () => {
    await jobs.register(`job ${++count}`, async (signal) => (signal.aborted ? 0 : 1))
  }
}

async function inFlights(one: () => Promise<void>): Promise<void> {
  for (let done = 0; done < JOBS; done += FLIGHT) {
    await Promise.all(Array.from({ length: FLIGHT }, () => one()))
  }
}
