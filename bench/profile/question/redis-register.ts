import { registerOne } from '../../contender/registered.ts'
import { inLanes } from '../../redis/bullmq-jobs.ts'
import { onRedis } from '../../redis/on-redis.ts'
import { sampleWork } from '../cpu/sample-work.ts'
import { cpuTables } from '../cpu/tables.ts'
import type { Profile } from '../profile.ts'
import { serverTables } from '../redis/server-tables.ts'

const JOBS = 1_000
const CONCURRENCY = 100

export const redisRegister: Profile = {
  title: `Redis: register and complete a trivial job on ioredis, ${CONCURRENCY} at a time`,
  needs: ['redis-server'],
  take: () =>
    onRedis(async ({ port, nodes }) => {
      const { owner } = nodes.ioredis
      const jobs = () => () => inLanes(JOBS, CONCURRENCY, () => registerOne(owner))
      return [...cpuTables(await sampleWork(jobs)), ...(await serverTables(port, jobs, { unit: 'job', units: JOBS }))]
    }),
}
