import { BareMap } from '../contender/bare.ts'
import { effectRegister } from '../contender/effects.ts'
import { newQueue } from '../contender/queue.ts'
import { inFlights, REGISTERED, registered, registerOne } from '../contender/registered.ts'
import { alternate } from '../measure/alternate.ts'
import { type Question, ratioRow } from '../measure/row.ts'

/** Register a job that ends at once, and wait for its end. */
export const register: Question = {
  title: 'Register and complete a trivial job, against a map of promises with an AbortController each',
  async ask({ rounds }) {
    const { bare, ours, waited, queued, signalled, effect } = await alternate(
      {
        bare: () => () => inFlights(bareRegister()),
        ours: registered(registerOne),
        waited: registered(async (manager) => {
          const { jobId } = await manager.register(async () => 1)
          const { settled } = await manager.waitForCompletion(jobId)
          if (!settled) throw new Error('a job did not settle')
        }),
        queued: () => () => {
          const queue = newQueue()
          return inFlights(() => queue.add(async () => 1))
        },
        signalled: () => () => {
          const queue = newQueue()
          return inFlights(() => queue.add(async () => 1, { signal: new AbortController().signal }))
        },
        effect: () => () => inFlights(() => effectRegister(async () => 1)),
      },
      { rounds, units: REGISTERED },
    )
    return [
      ratioRow('bare map', bare, bare),
      ratioRow('register(), await settled', ours, bare, { goal: 2, finalGoal: 1.5 }),
      ratioRow('register(), waitForCompletion()', waited, bare),
      ratioRow('p-queue add()', queued, bare, { by: 'peer', note: 'no signal, no id' }),
      ratioRow('p-queue add() with its own signal', signalled, bare, { by: 'peer' }),
      ratioRow('Effect runFork, exit observed', effect, bare, { by: 'peer', note: 'no registry' }),
    ]
  },
}

function bareRegister(): () => Promise<void> {
  const jobs = new BareMap()
  let count = 0
  return async () => {
    await jobs.register(`job ${++count}`, async (signal) => (signal.aborted ? 0 : 1))
  }
}
