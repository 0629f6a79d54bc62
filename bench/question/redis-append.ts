import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { expectEnd, streamJob } from '../contender/ours.ts'
import { LINE, readySource } from '../contender/sources.ts'
import { alternate } from '../measure/alternate.ts'
import { type Question, wallRow } from '../measure/row.ts'
import type { Nodes } from '../redis/nodes.ts'
import { onRedis } from '../redis/on-redis.ts'

const CHUNKS = 10_000
const PIPELINE = 100

/** Chunks into the log of a job that nobody watches. */
export const redisAppend: Question = {
  title: 'Redis: append a chunk of 59 bytes, against a raw XADD in pipelines of 100',
  needs: ['redis-server'],
  ask: ({ rounds }) =>
    onRedis(async ({ port, nodes }) => {
      const ioredis = new Redis({ port })
      const nodeRedis = await createClient({ socket: { port } }).connect()
      const taken = await alternate(
        {
          ioredis: () => () => xadds(ioredis),
          nodeRedis: () => async () => {
            for (let done = 0; done < CHUNKS; done += PIPELINE) {
              const pipeline = nodeRedis.multi()
              for (let chunk = 0; chunk < PIPELINE; chunk++) pipeline.xAdd('raw', '*', { content: LINE })
              await pipeline.execAsPipeline()
            }
            await nodeRedis.del('raw')
          },
          onIoredis: () => () => job(nodes.ioredis),
          onNodeRedis: () => () => job(nodes['node-redis']),
        },
        { rounds, units: CHUNKS },
      )
      ioredis.disconnect()
      nodeRedis.destroy()
      return [
        wallRow('raw XADD, ioredis', taken.ioredis, taken.ioredis),
        wallRow('raw XADD, node-redis', taken.nodeRedis, taken.ioredis, { by: 'bare' }),
        wallRow('job on ioredis', taken.onIoredis, taken.ioredis, { goal: 1.25 }),
        wallRow('job on node-redis, against its raw XADD', taken.onNodeRedis, taken.nodeRedis, { goal: 1.25 }),
      ]
    }),
}

async function xadds(redis: Redis): Promise<void> {
  for (let done = 0; done < CHUNKS; done += PIPELINE) {
    const pipeline = redis.pipeline()
    for (let chunk = 0; chunk < PIPELINE; chunk++) pipeline.xadd('raw', '*', 'content', LINE)
    await pipeline.exec()
  }
  await redis.del('raw')
}

async function job({ owner }: Nodes): Promise<void> {
  await expectEnd(await streamJob(owner, readySource(CHUNKS, LINE)), 'completed')
}
