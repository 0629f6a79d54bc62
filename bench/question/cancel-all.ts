import { setImmediate as macrotask } from 'node:timers/promises'
import type { GenerationJobManager } from 'generation-jobs'
import { type BareJob, bareRace } from '../contender/bare.ts'
import { newManager } from '../contender/ours.ts'
import { type Released, stuckSource } from '../contender/sources.ts'
import { alternate, type Contender } from '../measure/alternate.ts'
import { type Question, ratioRow } from '../measure/row.ts'

const JOBS = 10_000

interface BareCrowd {
  readonly released: Released
  readonly jobs: BareJob[]
}
interface OurCrowd {
  readonly released: Released
  readonly ids: string[]
  readonly manager: GenerationJobManager
}

/** Cancel all of 10,000 waiting jobs and wait until each has ended. */
export const cancelAll: Question = {
  title: `Cancel all of ${JOBS} waiting jobs, per job, against AbortController + race + finally`,
  async ask({ rounds }) {
    const taken = await alternate(
      {
        race: bareContender(undefined),
        sharedReason: bareContender(new Error('stop')),
        each: ourContender(async ({ manager, ids }) => {
          await Promise.all(ids.map((jobId) => manager.cancel(jobId)))
        }),
        many: ourContender(async ({ manager }) => {
          await manager.cancelMany({ owner: 'user' })
        }),
        closed: ourContender(({ manager }) => manager.close()),
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

function bareContender(reason: unknown): Contender<BareCrowd> {
  return {
    async prepare() {
      const released = { count: 0 }
      const jobs = Array.from({ length: JOBS }, () => bareRace(stuckSource(released)))
      await macrotask()
      return { released, jobs }
    },
    async work({ jobs, released }) {
      for (const { controller } of jobs) controller.abort(reason)
      await Promise.all(jobs.map(({ ended }) => ended))
      checkReleased(released)
    },
  }
}

function ourContender(cancel: (crowd: OurCrowd) => Promise<void>): Contender<OurCrowd> {
  let previous: GenerationJobManager | undefined
  return {
    async prepare() {
      await previous?.close()
      const manager = newManager()
      previous = manager
      const released = { count: 0 }
      const ids: string[] = []
      for (let job = 0; job < JOBS; job++) {
        const handle = await manager.register((run) => run.stream(stuckSource(released)), { owner: 'user' })
        ids.push(handle.jobId)
      }
      await macrotask()
      return { manager, ids, released }
    },
    async work(crowd) {
      await cancel(crowd)
      checkReleased(crowd.released)
    },
  }
}

function checkReleased({ count }: Released): void {
  if (count !== JOBS) throw new Error(`${count} of ${JOBS} sources were closed`)
}
