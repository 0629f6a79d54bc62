import { setTimeout as wait } from 'node:timers/promises'
import type { GenerationJobManager } from 'generation-jobs'
import { type Question, type Row, valueRow } from '../measure/row.ts'
import { median, quantile, ratios } from '../measure/statistics.ts'
import { bareConnection, CLIENTS, type ClientName } from '../redis/nodes.ts'
import { onRedis } from '../redis/on-redis.ts'
import { BARE_CHANNEL, instant, remoteOwner } from '../redis/remote-owner.ts'

const SAMPLES_PER_ROUND = 400
/**
 * Before each sample, and both have a job of their own registered before: what came just before, and how long ago, decides more than
 * what is measured. PUBLISH 1 ms after a cancel, against a cancel 1 ms after the registration of its job, made ours look 0.5x slower.
 */
const PAUSE_MS = 1

/** Milliseconds of each sample, by round. */
interface Latencies {
  readonly bare: number[][]
  readonly ours: number[][]
}

/** From the call in one process to the token in another. */
export const redisCancel: Question = {
  title:
    'Redis: cancel on one node until the token of the other says so, against PUBLISH to a subscriber through the same client',
  needs: ['redis-server'],
  ask: ({ rounds }) =>
    onRedis(async ({ port, nodes }) => {
      const rows: Row[] = []
      for (const client of CLIENTS) {
        const { bare, ours } = await latencies(client, nodes[client].other, port, rounds)
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

async function latencies(
  client: ClientName,
  other: GenerationJobManager,
  port: number,
  rounds: number,
): Promise<Latencies> {
  const publisher = await bareConnection(client, port)
  const owner = await remoteOwner(client, port)
  const taken: Latencies = { bare: [], ours: [] }
  for (let round = -1; round < rounds; round++) {
    const [bare, ours]: [number[], number[]] = [[], []]
    for (let sample = 0; sample < SAMPLES_PER_ROUND; sample++) {
      const uncancelled = await owner.job()
      await wait(PAUSE_MS)
      bare.push(await spanOf(() => publisher.publish(BARE_CHANNEL, 'x')))
      await spanOf(() => other.cancel(uncancelled))
      const jobId = await owner.job()
      await wait(PAUSE_MS)
      ours.push(await spanOf(() => other.cancel(jobId)))
    }
    if (round < 0) continue // compiling
    taken.bare.push(bare)
    taken.ours.push(ours)
  }
  publisher.close()
  await owner.close()
  return taken

  async function spanOf(send: () => Promise<unknown>): Promise<number> {
    const sentAt = instant()
    const answered = send()
    const heardAt = await owner.heard()
    await answered
    return heardAt - sentAt
  }
}
