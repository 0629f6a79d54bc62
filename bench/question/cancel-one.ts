import { setImmediate as macrotask } from 'node:timers/promises'
import type { GenerationJobManager } from 'generation-jobs'
import { type BareJob, bareListener, bareRace } from '../contender/bare.ts'
import { newManager, streamJob } from '../contender/ours.ts'
import { type Released, stuckSource } from '../contender/sources.ts'
import { type Question, type Row, valueRow } from '../measure/row.ts'
import { median, quantile, ratios } from '../measure/statistics.ts'

const PENDING = [1, 1_000, 10_000] as const
const SAMPLES_PER_ROUND = 300
const WARMUP_SAMPLES = 400

/** Cancel one of many waiting jobs: from the call to the moment the caller knows that the source is closed. */
export const cancelOne: Question = {
  title: 'Cancel one of N waiting jobs, median latency, against AbortController + race + finally',
  async ask({ rounds }) {
    const rows: Row[] = []
    for (const pending of PENDING) rows.push(...(await cancelOneOf(pending, rounds)))
    return rows
  },
}

/** Waiting jobs of one kind: cancels the oldest and waits for its end, then replaces it. */
interface Crowd {
  add(): Promise<void>
  cancelOldest(): Promise<void>
  readonly released: Released
  close(): Promise<void>
}

async function cancelOneOf(pending: number, rounds: number): Promise<Row[]> {
  const crowds = {
    race: bareCrowd(bareRace),
    sharedReason: bareCrowd(bareRace, new Error('stop')),
    listener: bareCrowd(bareListener),
    ours: ourCrowd(),
  }
  const names = Object.keys(crowds) as (keyof typeof crowds)[]
  for (const name of names) for (let job = 0; job < pending; job++) await crowds[name].add()
  await macrotask()

  const latencies = { race: [], sharedReason: [], listener: [], ours: [] } as Record<keyof typeof crowds, number[][]>
  for (let round = -1; round < rounds; round++) {
    const samples = round < 0 ? WARMUP_SAMPLES : SAMPLES_PER_ROUND
    const taken: Record<string, number[]> = { race: [], sharedReason: [], listener: [], ours: [] }
    for (let sample = 0; sample < samples; sample++) {
      for (let turn = 0; turn < names.length; turn++) {
        const name = names[(sample + turn) % names.length] ?? 'ours'
        const crowd = crowds[name]
        const released = crowd.released.count
        const before = performance.now()
        await crowd.cancelOldest()
        taken[name]?.push((performance.now() - before) * 1_000)
        if (crowd.released.count !== released + 1) throw new Error(`${name}: the source was not closed once`)
        await crowd.add()
        await macrotask()
      }
    }
    if (round >= 0) for (const name of names) latencies[name].push(taken[name] ?? [])
  }
  for (const name of names) await crowds[name].close()

  const p50 = (name: keyof typeof crowds) => latencies[name].map(median)
  const p99 = (name: keyof typeof crowds) => latencies[name].map((samples) => quantile(samples, 0.99))
  const bare = p50('race')
  const row = (what: string, name: keyof typeof crowds, goals: object = {}): Row => ({
    ...valueRow(`${what}, N = ${pending}`, 'x', ratios(p50(name), bare), goals),
    note: `p50 ${median(p50(name)).toFixed(1)} us, p99 ${median(p99(name)).toFixed(0)} us`,
  })
  return [
    row('bare race', 'race'),
    row('bare race, shared reason', 'sharedReason'),
    row('AbortController + listener', 'listener'),
    row('cancel()', 'ours', { goal: 0.6, finalGoal: 0.5 }),
    { ...valueRow(`cancel() p99 against bare p99, N = ${pending}`, 'x', ratios(p99('ours'), p99('race'))) },
  ]
}

function bareCrowd(start: (source: AsyncIterable<string>) => BareJob, reason?: unknown): Crowd {
  const released = { count: 0 }
  const jobs = new Set<BareJob>()
  return {
    released,
    async add() {
      jobs.add(start(stuckSource(released)))
    },
    async cancelOldest() {
      const [job] = jobs
      if (!job) throw new Error('no job is waiting')
      job.controller.abort(reason)
      await job.ended
      jobs.delete(job)
    },
    async close() {
      for (const job of jobs) job.controller.abort(reason)
      await Promise.all([...jobs].map((job) => job.ended))
    },
  }
}

function ourCrowd(): Crowd {
  const released = { count: 0 }
  const ids = new Set<string>()
  const manager: GenerationJobManager = newManager()
  return {
    released,
    async add() {
      const { jobId } = await streamJob(manager, stuckSource(released))
      ids.add(jobId)
    },
    async cancelOldest() {
      const [jobId = ''] = ids
      const { outcome } = await manager.cancel(jobId)
      if (outcome !== 'cancelled') throw new Error(`the cancel was answered ${outcome}`)
      ids.delete(jobId)
    },
    close: () => manager.close(),
  }
}
