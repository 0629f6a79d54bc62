import { registered, registerOne } from '../../contender/registered.ts'
import { sampleWork } from '../cpu/sample-work.ts'
import { cpuTables } from '../cpu/tables.ts'
import type { Profile } from '../profile.ts'

export const register: Profile = {
  title: 'Register and complete a trivial job in memory',
  take: async () => cpuTables(await sampleWork(registered(registerOne))),
}
