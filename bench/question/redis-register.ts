import { Redis } from 'ioredis'
import { registerOne } from '../contender/registered.ts'
import { alternate } from '../measure/alternate.ts'
import { type Question, type Row, valueRow, wallRow } from '../measure/row.ts'
import { median, ratios } from '../measure/statistics.ts'
import { bullmqJobs, inLanes } from '../redis/bullmq-jobs.ts'
import { CLIENTS, type Nodes } from '../redis/nodes.ts'
import { onRedis } from '../redis/on-redis.ts'

const JOBS = 1_000
const CONCURRENCY = 100
const ALONE_PER_ROUND = 100

/** Jobs that end at once, recorded in Redis. */
export const redisRegister: Question = {
  title: 'Redis: register and complete a trivial job, against BullMQ; one alone, against PING',
  needs: ['redis-server'],
  ask: ({ rounds }) =>
    onRedis(async ({ port, nodes }) => {
      const bullmq = await bullmqJobs(port, CONCURRENCY)
      const jobs = (on: Nodes) => () => () => inLanes(JOBS, CONCURRENCY, () => registerOne(on.owner))
      const taken = await alternate(
        {
          bullmq: () => () => bullmq.run(JOBS),
          ioredis: jobs(nodes.ioredis),
          nodeRedis: jobs(nodes['node-redis']),
        },
        { rounds, units: JOBS },
      )
      await bullmq.close()
      const rows = [
        wallRow('BullMQ, add and process', taken.bullmq, taken.bullmq, { by: 'peer' }),
        wallRow('job on ioredis', taken.ioredis, taken.bullmq, { goal: 0.5 }),
        wallRow('job on node-redis', taken.nodeRedis, taken.bullmq, { goal: 0.5 }),
      ]
      const redis = new Redis({ port })
      for (const client of CLIENTS) rows.push(await alone(client, nodes[client], redis, rounds))
      redis.disconnect()
      return rows
    }),
}

/** One job while nothing else happens, in round trips. */
async function alone(client: string, nodes: Nodes, redis: Redis, rounds: number): Promise<Row> {
  const [jobs, pings]: [number[], number[]] = [[], []]
  for (let round = -1; round < rounds; round++) {
    const [job, ping]: [number[], number[]] = [[], []]
    for (let sample = 0; sample < ALONE_PER_ROUND; sample++) {
      ping.push(await timed(() => redis.ping()))
      job.push(await timed(() => registerOne(nodes.owner)))
    }
    if (round < 0) continue
    jobs.push(median(job))
    pings.push(median(ping))
  }
  return {
    ...valueRow(`one job alone on ${client}, in PINGs`, 'x', ratios(jobs, pings), { goal: 4 }),
    note: `${median(jobs).toFixed(2)} ms, PING ${median(pings).toFixed(2)} ms`,
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now()
  await work()
  return performance.now() - before
}
