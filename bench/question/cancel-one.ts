import { setImmediate as macrotask } from 'node:timers/promises'
import { bareListener, bareRace } from '../contender/bare.ts'
import { type Crowd, crowdOf, managedCrowd } from '../contender/crowd.ts'
import { effectJob } from '../contender/effects.ts'
import { newQueue, queuedJob } from '../contender/queue.ts'
import { rxJob } from '../contender/rx.ts'
import { type Question, type Row, type RowOptions, valueRow } from '../measure/row.ts'
import { median, quantile, ratios } from '../measure/statistics.ts'

const PENDING = [1, 1_000, 10_000, 100_000] as const
/** With so many waiting only these: all seven would need gigabytes. */
const LARGEST = { pending: 100_000, names: ['race', 'effect', 'ours'] as readonly Name[] }
const SAMPLES_PER_ROUND = 300
/** Until the engine has compiled all of it, as in a server that has run for a while. The first of them are told beside. */
const WARMUP_SAMPLES = 4_000
const FIRST_SAMPLES = 100

const CROWDS = {
  race: () => crowdOf(bareRace),
  sharedReason: () => {
    const reason = new Error('stop')
    return crowdOf((source) => bareRace(source, reason))
  },
  listener: () => crowdOf(bareListener),
  rx: () => crowdOf(rxJob, { closesSources: false }),
  effect: () => crowdOf(effectJob),
  pQueue: () => {
    const queue = newQueue()
    return crowdOf((source) => queuedJob(queue, source))
  },
  ours: managedCrowd,
} as const satisfies Record<string, () => Crowd>

type Name = keyof typeof CROWDS
interface Taken {
  /** Microseconds of the first cancels of the process. */
  readonly first: number[]
  /** Microseconds of each cancel, by round. */
  readonly rounds: number[][]
}
type Latencies = ReadonlyMap<Name, Taken>

/** Cancel one of many waiting jobs: from the call to the moment the caller knows that the source is closed. */
export const cancelOne: Question = {
  title: 'Cancel one of N waiting jobs, median latency, against AbortController + race + finally',
  async ask({ rounds }) {
    const rows: Row[] = []
    for (const pending of PENDING) {
      const names = pending === LARGEST.pending ? LARGEST.names : (Object.keys(CROWDS) as Name[])
      rows.push(...rowsOf(pending, await latencies(pending, names, rounds)))
    }
    return rows
  },
}

async function latencies(pending: number, names: readonly Name[], rounds: number): Promise<Latencies> {
  const crowds = names.map((name) => ({ name, crowd: CROWDS[name]() }))
  for (const { crowd } of crowds) for (let job = 0; job < pending; job++) await crowd.add()
  await macrotask()
  const taken = new Map<Name, Taken>(names.map((name) => [name, { first: [], rounds: [] }]))
  for (let round = -1; round < rounds; round++) {
    if (round >= 0) for (const name of names) taken.get(name)?.rounds.push([])
    for (let sample = 0; sample < (round < 0 ? WARMUP_SAMPLES : SAMPLES_PER_ROUND); sample++) {
      const shift = sample % crowds.length
      for (const { name, crowd } of [...crowds.slice(shift), ...crowds.slice(0, shift)]) {
        const before = performance.now()
        await crowd.cancelOldest()
        const microseconds = (performance.now() - before) * 1_000
        if (round >= 0) taken.get(name)?.rounds[round]?.push(microseconds)
        else if (sample < FIRST_SAMPLES) taken.get(name)?.first.push(microseconds)
        await crowd.add()
        await macrotask()
      }
    }
  }
  for (const { crowd } of crowds) await crowd.close()
  return taken
}

function rowsOf(pending: number, taken: Latencies): Row[] {
  const p50 = (name: Name) => (taken.get(name)?.rounds ?? []).map(median)
  const p99 = (name: Name) => (taken.get(name)?.rounds ?? []).map((samples) => quantile(samples, 0.99))
  const first = (name: Name) => median(taken.get(name)?.first ?? []).toFixed(0)
  const row = (what: string, name: Name, options: RowOptions = {}): Row[] =>
    taken.has(name)
      ? [
          {
            ...valueRow(`${what}, N = ${pending}`, 'x', ratios(p50(name), p50('race')), options),
            note: `p50 ${median(p50(name)).toFixed(1)} us, p99 ${median(p99(name)).toFixed(0)} us; p50 of the first ${FIRST_SAMPLES}: ${first(name)} us`,
          },
        ]
      : []
  return [
    ...row('bare race', 'race', { by: 'bare' }),
    ...row('bare race, shared reason', 'sharedReason', { by: 'bare' }),
    ...row('AbortController + listener', 'listener', { by: 'bare' }),
    ...row('RxJS takeUntil', 'rx', { by: 'peer' }),
    ...row('Effect interrupt', 'effect', { by: 'peer' }),
    ...row('p-queue abort', 'pQueue', { by: 'peer' }),
    ...row('cancel()', 'ours', { goal: 0.6, finalGoal: 0.5 }),
    valueRow(`cancel() against Effect interrupt, N = ${pending}`, 'x', ratios(p50('ours'), p50('effect')), {
      finalGoal: 1,
    }),
    valueRow(`cancel() p99 against bare p99, N = ${pending}`, 'x', ratios(p99('ours'), p99('race'))),
  ]
}
