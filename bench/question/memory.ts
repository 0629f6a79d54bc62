import { setImmediate as macrotask } from 'node:timers/promises'
import { bareListener, bareRace } from '../contender/bare.ts'
import type { CancellableJob } from '../contender/cancellable-job.ts'
import { effectJob } from '../contender/effects.ts'
import { HELD_JOBS, type Hold } from '../contender/held-jobs.ts'
import { newQueue, queuedJob } from '../contender/queue.ts'
import { rxJob } from '../contender/rx.ts'
import { stuckSource } from '../contender/sources.ts'
import { liveHeap } from '../measure/heap.ts'
import { type Question, type Row, type RowOptions, valueRow } from '../measure/row.ts'
import { median, ratios } from '../measure/statistics.ts'

const JOBS = 10_000
const MAX_ROUNDS = 3

const released = { count: 0 }

const CONTENDERS: Readonly<Record<string, Hold>> = {
  race: crowdOf(bareRace),
  listener: crowdOf(bareListener),
  effect: crowdOf(effectJob),
  rx: crowdOf(rxJob),
  pQueue: (jobs) => {
    const queue = newQueue()
    return crowdOf((source) => queuedJob(queue, source))(jobs)
  },
  ...HELD_JOBS,
}

/** Heap that one waiting job keeps. */
export const memory: Question = {
  title: `Heap per waiting job (of ${JOBS}), against AbortController + race + finally`,
  async ask({ rounds }) {
    const bytes: Record<string, number[]> = {}
    for (let round = -1; round < Math.min(rounds, MAX_ROUNDS); round++) {
      for (const [name, hold] of Object.entries(CONTENDERS)) {
        const perJob = await heapPerJob(hold)
        if (round < 0) continue // code and feedback of the first use are not the jobs'
        bytes[name] ??= []
        bytes[name].push(perJob)
      }
    }
    const { race = [], listener = [] } = bytes
    const row = (what: string, name: string, options: RowOptions = {}): Row => ({
      ...valueRow(what, 'x', ratios(bytes[name] ?? [], race), options),
      note: `${median(bytes[name] ?? []).toFixed(0)} B, ${median(ratios(bytes[name] ?? [], listener)).toFixed(2)}x AbortController + listener`,
    })
    return [
      row('bare race', 'race', { by: 'bare' }),
      row('bare AbortController + listener', 'listener', { by: 'bare' }),
      row('Effect Stream in a fiber', 'effect', { by: 'peer' }),
      row('RxJS takeUntil', 'rx', { by: 'peer' }),
      row('p-queue task with signal', 'pQueue', { by: 'peer' }),
      row('job in run.stream()', 'streaming', { goal: 1, finalGoal: 0.7 }),
      {
        ...valueRow(
          'job in run.stream(), against AbortController + listener',
          'x',
          ratios(bytes.streaming ?? [], listener),
          {
            finalGoal: 1.15,
          },
        ),
      },
      row('job in a promise, onCancel', 'waiting', { goal: 1, finalGoal: 0.7 }),
      row('job in the queue', 'queued', { goal: 1, finalGoal: 0.7 }),
      row('settled job, retained', 'settled'),
    ]
  },
}

function crowdOf(start: (source: AsyncIterable<string>) => CancellableJob): Hold {
  return async (jobs) => {
    const held = Array.from({ length: jobs }, () => start(stuckSource(released)))
    return { held, close: () => held.forEach((job) => void job.cancel()) }
  }
}

async function heapPerJob(hold: Hold): Promise<number> {
  const before = await liveHeap()
  const { held, close } = await hold(JOBS)
  await macrotask()
  const after = await liveHeap()
  if (held === undefined) throw new Error('unreachable: keeps the jobs alive until here')
  await close()
  await macrotask()
  return (after - before) / JOBS
}
