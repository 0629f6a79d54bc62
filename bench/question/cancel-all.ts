import { setImmediate as macrotask } from 'node:timers/promises'
import type { GenerationJobManager } from 'generation-jobs'
import { bareRace } from '../contender/bare.ts'
import { newManager } from '../contender/ours.ts'
import { type Released, stuckSource } from '../contender/sources.ts'
import { alternate, type Contender } from '../measure/alternate.ts'
import { type Question, ratioRow } from '../measure/row.ts'

const JOBS = 10_000

/** Cancel all of 10,000 waiting jobs and wait until each has ended. */
export const cancelAll: Question = {
  title: `Cancel all of ${JOBS} waiting jobs, per job, against AbortController + race + finally`,
  async ask({ rounds }) {
    const taken = await alternate(
      {
        race: bareContender(undefined),
        sharedReason: bareContender(new Error('stop')),
        each: ourContender((manager, ids) => Promise.all(ids.map((jobId) => manager.cancel(jobId)))),
        many: ourContender((manager) => manager.cancelMany({ owner: 'user' })),
        closed: ourContender((manager) => manager.close()),
      },
      { rounds, warmups: 1 },
    )
    const { race } = taken
    return [
      ratioRow('bare race', race, race, JOBS),
      ratioRow('bare race, shared reason', taken.sharedReason, race, JOBS),
      ratioRow('cancel() each', taken.each, race, JOBS, { goal: 0.6, finalGoal: 0.3, note: 'final goal at 100,000' }),
      ratioRow('cancelMany()', taken.many, race, JOBS, { goal: 0.6, finalGoal: 0.3 }),
      ratioRow('close()', taken.closed, race, JOBS),
    ]
  },
}

function bareContender(reason: unknown): Contender {
  return async () => {
    const released = { count: 0 }
    const jobs = Array.from({ length: JOBS }, () => bareRace(stuckSource(released)))
    await macrotask()
    return async () => {
      for (const { controller } of jobs) controller.abort(reason)
      await Promise.all(jobs.map(({ ended }) => ended))
      checkReleased(released)
    }
  }
}

function ourContender(cancel: (manager: GenerationJobManager, ids: string[]) => Promise<unknown>): Contender {
  let previous: GenerationJobManager | undefined
  return async () => {
    await previous?.close()
    const manager = newManager()
    previous = manager
    const released = { count: 0 }
    const ids: string[] = []
    for (let job = 0; job < JOBS; job++) {
      const { jobId } = await manager.register((run) => run.stream(stuckSource(released)), { owner: 'user' })
      ids.push(jobId)
    }
    await macrotask()
    return async () => {
      await cancel(manager, ids)
      checkReleased(released)
    }
  }
}

function checkReleased({ count }: Released): void {
  if (count !== JOBS) throw new Error(`${count} of ${JOBS} sources were closed`)
}
