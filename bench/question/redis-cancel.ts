import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type Question, type Row, valueRow } from '../measure/row.ts'
import { median, quantile, ratios } from '../measure/statistics.ts'
import { CLIENTS, type Nodes } from '../redis/nodes.ts'
import { onRedis } from '../redis/on-redis.ts'

const SAMPLES_PER_ROUND = 100

/** Milliseconds of each sample, by round. */
interface Latencies {
  readonly bare: number[][]
  readonly ours: number[][]
}

/** From the call on one node to the token on the other. */
export const redisCancel: Question = {
  title: 'Redis: cancel on one node until the token of the other says so, against PUBLISH to a subscriber',
  needs: ['redis-server'],
  ask: ({ rounds }) =>
    onRedis(async ({ port, nodes }) => {
      const rows: Row[] = []
      for (const client of CLIENTS) {
        const { bare, ours } = await latencies(nodes[client], port, rounds)
        const share = (samples: number[][], q: number) => samples.map((round) => quantile(round, q))
        const row = (what: string, q: number, goal: number): Row => ({
          ...valueRow(`${client}, ${what}`, 'x', ratios(share(ours, q), share(bare, q)), { goal }),
          note: `${median(share(ours, q)).toFixed(2)} ms, PUBLISH ${median(share(bare, q)).toFixed(2)} ms`,
        })
        rows.push(row('p50', 0.5, 1.5), row('p99', 0.99, 2))
      }
      return rows
    }),
}

async function latencies({ owner, other }: Nodes, port: number, rounds: number): Promise<Latencies> {
  const [publisher, subscriber] = [new Redis({ port }), new Redis({ port })]
  await subscriber.subscribe('bare')
  const taken: Latencies = { bare: [], ours: [] }
  for (let round = -1; round < rounds; round++) {
    const [bare, ours]: [number[], number[]] = [[], []]
    for (let sample = 0; sample < SAMPLES_PER_ROUND; sample++) {
      bare.push(await publish())
      ours.push(await cancel())
    }
    if (round < 0) continue // compiling
    taken.bare.push(bare)
    taken.ours.push(ours)
  }
  publisher.disconnect()
  subscriber.disconnect()
  return taken

  async function publish(): Promise<number> {
    const heard = once(subscriber, 'message').then(() => performance.now())
    const sentAt = performance.now()
    await publisher.publish('bare', 'x')
    return (await heard) - sentAt
  }

  async function cancel(): Promise<number> {
    let fire: (at: number) => void = () => {}
    const fired = new Promise<number>((resolve) => {
      fire = resolve
    })
    const job = await owner.register(
      (run) =>
        new Promise<void>((resolve) => {
          run.token.onCancel(() => {
            fire(performance.now())
            resolve()
          })
        }),
    )
    await wait(1)
    const calledAt = performance.now()
    const answered = other.cancel(job.jobId)
    const firedAt = await fired
    await answered
    return firedAt - calledAt
  }
}
