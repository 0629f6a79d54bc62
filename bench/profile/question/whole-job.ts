import { streamedJobs } from '../../contender/ours.ts'
import { readySource } from '../../contender/sources.ts'
import { sampleWork } from '../cpu/sample-work.ts'
import { cpuTables } from '../cpu/tables.ts'
import type { Profile } from '../profile.ts'

const CHUNKS = 100_000

export const wholeJob: Profile = {
  title: 'Whole job in memory with its log and one subscriber, ready source',
  async take() {
    const job = { jobs: 1, chunks: CHUNKS, sourceOf: readySource, hasReader: true }
    return cpuTables(await sampleWork(() => () => streamedJobs(job)))
  },
}
