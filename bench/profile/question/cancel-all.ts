import { allCancelled, cancelMany } from '../../contender/all-cancelled.ts'
import { sampleWork } from '../cpu/sample-work.ts'
import { cpuTables } from '../cpu/tables.ts'
import type { Profile } from '../profile.ts'

const JOBS = 10_000

export const cancelAll: Profile = {
  title: `cancelMany() of ${JOBS} waiting jobs`,
  take: async () => cpuTables(await sampleWork(allCancelled(JOBS, cancelMany))),
}
