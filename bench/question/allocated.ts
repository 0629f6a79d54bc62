import { setImmediate as macrotask } from 'node:timers/promises'
import { BareMap, bareLoop, bareRace } from '../contender/bare.ts'
import { expectEnd, newManager, streamJob } from '../contender/ours.ts'
import { readySource, stuckSource } from '../contender/sources.ts'
import { allocatedBytes } from '../measure/allocated.ts'
import { type Question, type Row, valueRow } from '../measure/row.ts'
import { median, ratios } from '../measure/statistics.ts'

const CHUNKS = 50_000
const JOBS = 5_000
const MAX_ROUNDS = 3
/** Until the compiler is through: interpreted code allocates more. */
const WARMUPS = 4

/** Does the thing so many times; answers how many. */
type Work = () => Promise<number>

const released = { count: 0 }

const CHUNK: Readonly<Record<string, Work>> = {
  bare: async () => {
    await bareLoop(readySource(CHUNKS), new AbortController().signal)
    return CHUNKS
  },
  'job without reader': () => stream(false),
  'job with one subscriber': () => stream(true),
}

const REGISTER: Readonly<Record<string, Work>> = {
  bare: async () => {
    const jobs = new BareMap()
    for (let job = 0; job < JOBS; job++) await jobs.register(`job ${job}`, async (signal) => (signal.aborted ? 0 : 1))
    return JOBS
  },
  'register(), await settled': async () => {
    const manager = newManager()
    for (let job = 0; job < JOBS; job++) await (await manager.register(async () => 1)).settled
    await manager.close()
    return JOBS
  },
}

const CANCEL: Readonly<Record<string, Work>> = {
  bare: async () => {
    for (let job = 0; job < JOBS; job++) {
      const { cancel, ended } = bareRace(stuckSource(released))
      await macrotask()
      cancel()
      await ended
    }
    return JOBS
  },
  'register(), cancel()': async () => {
    const manager = newManager()
    for (let job = 0; job < JOBS; job++) {
      const { jobId } = await streamJob(manager, stuckSource(released))
      await macrotask()
      await manager.cancel(jobId)
    }
    await manager.close()
    return JOBS
  },
}

/** How much work the collector gets. */
export const allocated: Question = {
  title: 'Bytes allocated per chunk, per completed job, per cancelled job, against bare',
  async ask({ rounds }) {
    const times = Math.min(rounds, MAX_ROUNDS)
    return [
      ...(await compare('chunk', CHUNK, times, { 'job without reader': 1.5 })),
      ...(await compare('completed job', REGISTER, times, {})),
      ...(await compare('cancelled job', CANCEL, times, {})),
    ]
  },
}

async function compare(
  unit: string,
  works: Readonly<Record<string, Work>>,
  rounds: number,
  goals: Readonly<Record<string, number>>,
): Promise<Row[]> {
  const bytes: Record<string, number[]> = {}
  for (let round = -WARMUPS; round < rounds; round++) {
    for (const [name, work] of Object.entries(works)) {
      let units = 1
      const all = await allocatedBytes(async () => {
        units = await work()
      })
      if (round < 0) continue
      bytes[name] ??= []
      bytes[name].push(all / units)
    }
  }
  const { bare = [] } = bytes
  return Object.entries(bytes).map(([name, values]) => {
    const goal = goals[name]
    return {
      ...valueRow(`${name}, per ${unit}`, 'x', ratios(values, bare), goal === undefined ? {} : { goal }),
      note: `${median(values).toFixed(0)} B`,
    }
  })
}

async function stream(hasReader: boolean): Promise<number> {
  const manager = newManager()
  const handle = await streamJob(manager, readySource(CHUNKS))
  if (hasReader) for await (const _ of handle.events());
  await expectEnd(handle, 'completed')
  await manager.close()
  return CHUNKS
}
