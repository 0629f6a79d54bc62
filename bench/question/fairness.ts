import { setImmediate as macrotask, setTimeout as sleep } from 'node:timers/promises'
import type { GenerationJobManager } from 'generation-jobs'
import { newManager, ROOMY, streamJob } from '../contender/ours.ts'
import { readySource } from '../contender/sources.ts'
import { type Question, type Row, valueRow } from '../measure/row.ts'
import { median, quantile } from '../measure/statistics.ts'

const TIMER_MS = 10
const RUN_MS = 400

/** How long sources that are always ready keep the event loop to themselves: without fairness a timer would never fire. */
export const fairness: Question = {
  title: `A ${TIMER_MS} ms timer beside sources that are always ready`,
  async ask({ rounds }) {
    const rows: Row[] = []
    for (const [jobs, goal] of [
      [1, 10],
      [100, 20],
    ] as const) {
      const what = jobs === 1 ? '1 hot job' : `${jobs} hot jobs`
      const turns = await inRounds(rounds, () => beside(jobs, turnsByCpu))
      const waits = await inRounds(rounds, () => beside(jobs, latenessByWall))
      const cancelMs = median([...turns, ...waits].map((round) => round.cancelMs))
      const rate = median(waits.map((round) => round.chunks)) / RUN_MS / 1_000
      rows.push(
        {
          ...valueRow(`longest turn of ${what}, processor time`, 'ms', worst(turns), { goal }),
          note: `no timer is later than this; typical turn ${typical(turns)} ms`,
        },
        {
          ...valueRow(`worst lateness beside ${what}, wall time`, 'ms', worst(waits)),
          note: `typical ${typical(waits)} ms; all cancelled in ${cancelMs.toFixed(1)} ms; ${rate.toFixed(1)} M chunks/s`,
        },
      )
    }
    const alone = await inRounds(rounds, () => beside(0, latenessByWall))
    rows.push({
      ...valueRow('worst lateness beside nothing, wall time', 'ms', worst(alone)),
      note: `typical ${typical(alone)} ms: what the machine itself does to a timer`,
    })
    return rows
  },
}

interface Round {
  readonly samples: readonly number[]
  readonly cancelMs: number
  readonly chunks: number
}

async function beside(jobs: number, sample: () => Promise<number[]>): Promise<Round> {
  const manager: GenerationJobManager = newManager(ROOMY)
  const handles = []
  for (let job = 0; job < jobs; job++) {
    handles.push(await streamJob(manager, readySource(Number.POSITIVE_INFINITY)))
  }
  const samples = await sample()
  const chunks = handles.reduce((sum, handle) => sum + handle.snapshot().lastSeq, 0)
  const before = performance.now()
  await manager.close()
  return { samples, cancelMs: performance.now() - before, chunks }
}

/** Processor time of this thread between two turns of the event loop: other programs on the machine do not count. */
async function turnsByCpu(): Promise<number[]> {
  const turns: number[] = []
  const until = performance.now() + RUN_MS
  let last = process.threadCpuUsage()
  while (performance.now() < until) {
    await macrotask()
    const { user, system } = process.threadCpuUsage(last)
    last = process.threadCpuUsage()
    turns.push((user + system) / 1_000)
  }
  return turns
}

async function latenessByWall(): Promise<number[]> {
  const lateness: number[] = []
  const until = performance.now() + RUN_MS
  while (performance.now() < until) {
    const asked = performance.now()
    await sleep(TIMER_MS)
    lateness.push(performance.now() - asked - TIMER_MS)
  }
  return lateness
}

async function inRounds(rounds: number, one: () => Promise<Round>): Promise<Round[]> {
  const answers: Round[] = []
  for (let round = -1; round < rounds; round++) {
    const answer = await one()
    if (round >= 0) answers.push(answer)
  }
  return answers
}

function worst(rounds: readonly Round[]): number[] {
  return rounds.map(({ samples }) => Math.max(...samples))
}

function typical(rounds: readonly Round[]): string {
  return median(rounds.map(({ samples }) => quantile(samples, 0.5))).toFixed(1)
}
