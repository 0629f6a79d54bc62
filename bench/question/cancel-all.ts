import { setImmediate as macrotask } from 'node:timers/promises'
import { allCancelled, cancelMany, expectReleased } from '../contender/all-cancelled.ts'
import { bareRace } from '../contender/bare.ts'
import type { CancellableJob } from '../contender/cancellable-job.ts'
import { effectJob } from '../contender/effects.ts'
import { newQueue, queuedJob } from '../contender/queue.ts'
import { rxJob } from '../contender/rx.ts'
import { stuckSource } from '../contender/sources.ts'
import { alternate, type Contender } from '../measure/alternate.ts'
import { type Question, type Row, ratioRow } from '../measure/row.ts'

const SIZES = [1_000, 10_000] as const
const LARGEST = 100_000
/** Each takes seconds. */
const LARGEST_ROUNDS = 3

/** Cancel all of N waiting jobs and wait until each has ended. */
export const cancelAll: Question = {
  title: 'Cancel all of N waiting jobs, per job, against AbortController + race + finally',
  async ask({ rounds }) {
    const rows: Row[] = []
    for (const size of SIZES) rows.push(...(await cancelAllOf(size, rounds)))
    return [...rows, ...(await cancelAllOfLargest(Math.min(rounds, LARGEST_ROUNDS)))]
  },
}

async function cancelAllOf(size: number, rounds: number): Promise<Row[]> {
  const reason = new Error('stop')
  const queue = newQueue()
  const taken = await alternate(
    {
      race: started(size, bareRace),
      sharedReason: started(size, (source) => bareRace(source, reason)),
      rx: started(size, rxJob, 'source never closed'),
      effect: started(size, effectJob),
      pQueue: started(size, (source) => queuedJob(queue, source)),
      each: allCancelled(size, (manager, ids) => Promise.all(ids.map((jobId) => manager.cancel(jobId)))),
      many: allCancelled(size, cancelMany),
      closed: allCancelled(size, (manager) => manager.close()),
    },
    { rounds, units: size, warmups: 1, settleMs: 50 },
  )
  const { race } = taken
  return [
    ratioRow(`bare race, N = ${size}`, race, race),
    ratioRow(`bare race, shared reason, N = ${size}`, taken.sharedReason, race, { by: 'bare' }),
    ratioRow(`RxJS takeUntil, N = ${size}`, taken.rx, race, { by: 'peer', note: 'its source is never closed' }),
    ratioRow(`Effect interrupt, N = ${size}`, taken.effect, race, { by: 'peer' }),
    ratioRow(`p-queue abort, N = ${size}`, taken.pQueue, race, { by: 'peer' }),
    ratioRow(`cancel() each, N = ${size}`, taken.each, race, { goal: 0.6 }),
    ratioRow(`cancelMany(), N = ${size}`, taken.many, race, { goal: 0.6 }),
    ratioRow(`close(), N = ${size}`, taken.closed, race),
  ]
}

async function cancelAllOfLargest(rounds: number): Promise<Row[]> {
  const { race, effect, many } = await alternate(
    {
      race: started(LARGEST, bareRace),
      effect: started(LARGEST, effectJob),
      many: allCancelled(LARGEST, cancelMany),
    },
    { rounds, units: LARGEST, warmups: 1, settleMs: 0 },
  )
  return [
    ratioRow(`bare race, N = ${LARGEST}`, race, race),
    ratioRow(`Effect interrupt, N = ${LARGEST}`, effect, race, { by: 'peer' }),
    ratioRow(`cancelMany(), N = ${LARGEST}`, many, race, { goal: 0.6, finalGoal: 0.3 }),
  ]
}

function started(
  size: number,
  start: (source: AsyncIterable<string>) => CancellableJob,
  exception?: 'source never closed',
): Contender {
  return async () => {
    const released = { count: 0 }
    const jobs = Array.from({ length: size }, () => start(stuckSource(released)))
    await macrotask()
    return async () => {
      for (const job of jobs) void job.cancel()
      await Promise.all(jobs.map(({ ended }) => ended))
      expectReleased(released.count, exception ? 0 : size)
    }
  }
}
