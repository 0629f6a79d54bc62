import { setTimeout as sleep } from 'node:timers/promises'
import type { GenerationJobManager } from 'generation-jobs'
import { newManager, ROOMY, streamJob } from '../contender/ours.ts'
import { readySource } from '../contender/sources.ts'
import { type Question, type Row, valueRow } from '../measure/row.ts'
import { quantile } from '../measure/statistics.ts'

const TIMER_MS = 10
const RUN_MS = 400

/** How late a timer of others is beside sources that are always ready: without fairness it would never fire. */
export const fairness: Question = {
  title: `Lateness of a ${TIMER_MS} ms timer beside sources that are always ready`,
  async ask({ rounds }) {
    const rows: Row[] = []
    for (const [jobs, goal] of [
      [0, undefined],
      [1, 10],
      [100, 20],
    ] as const) {
      const worst: number[] = []
      const typical: number[] = []
      const cancels: number[] = []
      let chunks = 0
      for (let round = -1; round < rounds; round++) {
        const { lateness, cancelMs, emitted } = await beside(jobs)
        if (round < 0) continue
        worst.push(Math.max(...lateness))
        typical.push(quantile(lateness, 0.5))
        cancels.push(cancelMs)
        chunks += emitted
      }
      const what = jobs === 0 ? 'nothing' : `${jobs} hot ${jobs === 1 ? 'job' : 'jobs'}`
      rows.push({
        ...valueRow(`worst lateness beside ${what}`, 'ms', worst, goal === undefined ? {} : { goal }),
        note:
          `typical ${quantile(typical, 0.5).toFixed(1)} ms` +
          (jobs === 0
            ? '; the machine alone'
            : `, all cancelled in ${quantile(cancels, 0.5).toFixed(1)} ms, ${(chunks / rounds / RUN_MS / 1000).toFixed(1)} M chunks/s`),
      })
    }
    return rows
  },
}

async function beside(jobs: number): Promise<{ lateness: number[]; cancelMs: number; emitted: number }> {
  globalThis.gc?.()
  const manager: GenerationJobManager = newManager(ROOMY)
  const handles = []
  for (let job = 0; job < jobs; job++) {
    handles.push(await streamJob(manager, readySource(Number.POSITIVE_INFINITY)))
  }
  const lateness: number[] = []
  const until = performance.now() + RUN_MS
  while (performance.now() < until) {
    const asked = performance.now()
    await sleep(TIMER_MS)
    lateness.push(performance.now() - asked - TIMER_MS)
  }
  const emitted = handles.reduce((sum, handle) => sum + handle.snapshot().lastSeq, 0)
  const before = performance.now()
  await manager.close()
  return { lateness, cancelMs: performance.now() - before, emitted }
}
