import { onRedis } from '../../redis/on-redis.ts'
import { remoteOwner } from '../../redis/remote-owner.ts'
import { profileOnExit } from '../cpu/profile-on-exit.ts'
import { sampleWork } from '../cpu/sample-work.ts'
import { samplesIn } from '../cpu/samples.ts'
import { cpuTables } from '../cpu/tables.ts'
import type { Profile } from '../profile.ts'
import { serverTables } from '../redis/server-tables.ts'

export const redisCancel: Profile = {
  title: 'Redis: cancel on one node a job of another, on ioredis',
  needs: ['redis-server'],
  take: () =>
    onRedis(async ({ port, nodes }) => {
      const { execArgv, read } = profileOnExit()
      const owner = await remoteOwner('ioredis', port, { execArgv })
      const cancels = async () => {
        const jobId = await owner.job()
        return () => Promise.all([nodes.ioredis.other.cancel(jobId), owner.heard()])
      }
      const samples = await sampleWork(cancels)
      const server = await serverTables(port, cancels, { unit: 'job from create to cancel', units: 1 })
      await owner.close()
      return [
        ...cpuTables(samples, 'the node that cancels'),
        ...cpuTables(samplesIn(read(), samples.windows), 'the node that owns the job'),
        ...server,
      ]
    }),
}
