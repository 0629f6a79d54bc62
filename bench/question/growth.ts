import { setImmediate as macrotask } from 'node:timers/promises'
import { count, expectEnd, newManager, streamedJobs, streamJob } from '../contender/ours.ts'
import { pacedSource, readySource, stuckSource } from '../contender/sources.ts'
import { alternate, type Contender } from '../measure/alternate.ts'
import { type Question, type Row, ratioRow } from '../measure/row.ts'

const TIMES = [1, 10, 100] as const
/** Of each job with many readers. */
const EVENTS = 50

interface Growing {
  /** Units in the least work. The larger works are done less often, so that each contender does the same in all. */
  readonly least: number
  readonly contender: (size: number, times: number) => Contender
}

const GROWING: Readonly<Record<string, Growing>> = {
  'chunks of a job, read': {
    least: 1_000,
    contender: (chunks, jobs) => () => () => streamedJobs({ jobs, chunks, sourceOf: readySource, hasReader: true }),
  },
  'replay of the events of a settled job': {
    least: 1_000,
    contender: (chunks, times) => async () => {
      const manager = newManager()
      const handle = await streamJob(manager, readySource(chunks))
      await expectEnd(handle, 'completed')
      return async () => {
        for (let time = 0; time < times; time++) await count(handle.events())
        await manager.close()
      }
    },
  },
  'readers of one job': {
    least: 5,
    contender: (readers, jobs) => () => async () => {
      const manager = newManager()
      for (let job = 0; job < jobs; job++) {
        const handle = await streamJob(manager, pacedSource(EVENTS))
        await Promise.all(Array.from({ length: readers }, () => count(handle.events())))
      }
      await manager.close()
    },
  },
  'jobs registered and completed, and kept': {
    least: 200,
    contender: (jobs, managers) => () => async () => {
      for (let turn = 0; turn < managers; turn++) {
        const manager = newManager()
        for (let job = 0; job < jobs; job++) await (await manager.register(async () => 1)).settled
        await manager.close()
      }
    },
  },
  'waiting jobs, all cancelled': {
    least: 100,
    contender: (jobs, managers) => async () => {
      const released = { count: 0 }
      const all = Array.from({ length: managers }, () => newManager())
      for (const manager of all) for (let job = 0; job < jobs; job++) await streamJob(manager, stuckSource(released))
      await macrotask()
      return async () => {
        for (const manager of all) await manager.cancelMany({ status: ['running'] })
        for (const manager of all) await manager.close()
      }
    },
  },
}

/** Whether 10 and 100 times the work costs 10 and 100 times as much, and no more. */
export const growth: Question = {
  title: 'Growth: what one unit costs at 10 and 100 times the work, against the least work',
  async ask({ rounds }) {
    const rows: Row[] = []
    for (const [line, { least, contender }] of Object.entries(GROWING)) {
      const { once, ten, hundred } = await alternate(
        { once: contender(least, 100), ten: contender(least * 10, 10), hundred: contender(least * 100, 1) },
        { rounds, units: least * 100, warmups: 1, settleMs: 100 },
      )
      for (const [at, taken] of [once, ten, hundred].entries()) {
        const units = TIMES[at] ?? 1
        const what = `${line}: ${least * units}`
        rows.push(ratioRow(what, taken, once, { point: { line, units }, ...(units > 1 ? { goal: 1.5 } : {}) }))
      }
    }
    return rows
  },
}
