import { setImmediate as macrotask } from 'node:timers/promises'
import { type BareJob, bareListener, bareRace } from '../contender/bare.ts'
import { newManager, streamJob } from '../contender/ours.ts'
import { stuckSource } from '../contender/sources.ts'
import { liveHeap } from '../measure/heap.ts'
import { type Question, type Row, valueRow } from '../measure/row.ts'
import { median, ratios } from '../measure/statistics.ts'

const JOBS = 10_000
const MAX_ROUNDS = 5

/** Makes waiting jobs; answers what keeps them alive, and how to let them go. */
type Fill = () => Promise<{ readonly held: unknown; close(): unknown }>

const released = { count: 0 }

const CONTENDERS: Readonly<Record<string, Fill>> = {
  race: async () => {
    const held = Array.from({ length: JOBS }, () => bareRace(stuckSource(released)))
    return { held, close: () => abortAll(held) }
  },
  listener: async () => {
    const held = Array.from({ length: JOBS }, () => bareListener(stuckSource(released)))
    return { held, close: () => abortAll(held) }
  },
  streaming: async () => {
    const manager = newManager()
    for (let job = 0; job < JOBS; job++) await streamJob(manager, stuckSource(released))
    return { held: manager, close: () => manager.close() }
  },
  waiting: async () => {
    const manager = newManager()
    for (let job = 0; job < JOBS; job++) {
      // Ends when it is cancelled: what a producer without a source does.
      await manager.register((run) => new Promise<void>((resolve) => run.token.onCancel(() => resolve())))
    }
    return { held: manager, close: () => manager.close() }
  },
  queued: async () => {
    const manager = newManager({ maxConcurrentJobs: 1, maxPendingJobs: JOBS })
    for (let job = 0; job < JOBS; job++) await streamJob(manager, stuckSource(released))
    return { held: manager, close: () => manager.close() }
  },
  settled: async () => {
    const manager = newManager()
    for (let job = 0; job < JOBS; job++) {
      const { settled } = await manager.register(async () => 1)
      await settled
    }
    return { held: manager, close: () => manager.close() }
  },
}

/** Heap that one waiting job keeps. */
export const memory: Question = {
  title: `Heap per waiting job (of ${JOBS}), against AbortController + race + finally`,
  async ask({ rounds }) {
    const bytes: Record<string, number[]> = {}
    for (let round = -1; round < Math.min(rounds, MAX_ROUNDS); round++) {
      for (const [name, fill] of Object.entries(CONTENDERS)) {
        const perJob = await heapPerJob(fill)
        if (round < 0) continue // code and feedback of the first use are not the jobs'
        bytes[name] ??= []
        bytes[name].push(perJob)
      }
    }
    const { race = [], listener = [] } = bytes
    const row = (what: string, name: string, goals: object = {}): Row => ({
      ...valueRow(what, 'x', ratios(bytes[name] ?? [], race), goals),
      note: `${median(bytes[name] ?? []).toFixed(0)} B, ${median(ratios(bytes[name] ?? [], listener)).toFixed(2)}x AbortController + listener`,
    })
    return [
      row('bare race', 'race'),
      row('bare AbortController + listener', 'listener'),
      row('job in run.stream()', 'streaming', { goal: 1, finalGoal: 0.7 }),
      row('job in a promise, onCancel', 'waiting', { goal: 1, finalGoal: 0.7 }),
      row('job in the queue', 'queued', { goal: 1, finalGoal: 0.7 }),
      row('settled job, retained', 'settled'),
    ]
  },
}

function abortAll(jobs: readonly BareJob[]): void {
  for (const { controller } of jobs) controller.abort()
}

async function heapPerJob(fill: Fill): Promise<number> {
  const before = await liveHeap()
  const { held, close } = await fill()
  await macrotask()
  const after = await liveHeap()
  if (held === undefined) throw new Error('unreachable: keeps the jobs alive until here')
  await close()
  await macrotask()
  return (after - before) / JOBS
}
