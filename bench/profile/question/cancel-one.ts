import { setImmediate as macrotask } from 'node:timers/promises'
import { managedCrowd } from '../../contender/crowd.ts'
import { sampleWork } from '../cpu/sample-work.ts'
import { cpuTables } from '../cpu/tables.ts'
import type { Profile } from '../profile.ts'

const WAITING = 1_000

export const cancelOne: Profile = {
  title: `Cancel one of ${WAITING} waiting jobs`,
  async take() {
    const crowd = managedCrowd()
    for (let job = 0; job < WAITING; job++) await crowd.add()
    const samples = await sampleWork(async () => {
      await crowd.add()
      await macrotask()
      return () => crowd.cancelOldest()
    })
    await crowd.close()
    return cpuTables(samples)
  },
}
