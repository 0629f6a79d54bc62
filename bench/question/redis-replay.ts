import { Redis } from 'ioredis'
import { expectEnd, streamJob } from '../contender/ours.ts'
import { LINE, readySource } from '../contender/sources.ts'
import { alternate } from '../measure/alternate.ts'
import { type Question, wallRow } from '../measure/row.ts'
import type { Nodes } from '../redis/nodes.ts'
import { onRedis } from '../redis/on-redis.ts'
import { resumableStreams, take } from '../redis/resumable.ts'

const CHUNKS = 10_000

/** A page that was reloaded: another server gets the whole text again. */
export const redisReplay: Question = {
  title: `Redis: replay of ${CHUNKS} chunks of 59 bytes on another connection, against resumable-stream`,
  needs: ['redis-server'],
  ask: ({ rounds }) =>
    onRedis(async ({ port, nodes }) => {
      const streams = resumableStreams(port)
      const end = new AbortController()
      await streams.produce('long', chunksThenWait(end.signal))
      const raw = new Redis({ port })
      await fill(raw)
      const live = await streamJob(nodes.ioredis.owner, chunksThenWait(end.signal))
      const settled = {
        ioredis: await settledJob(nodes.ioredis),
        'node-redis': await settledJob(nodes['node-redis']),
      }
      const taken = await alternate(
        {
          resumable: () => async () => take(await streams.follow('long'), CHUNKS * LINE.length),
          xrange: () => async () => {
            const entries = await raw.xrange('raw', '-', '+')
            if (entries.length !== CHUNKS) throw new Error('entries are missing')
          },
          text: () => () => raw.get('text'),
          live: () => () => readChunks(nodes.ioredis, live.jobId),
          ioredis: () => () => readChunks(nodes.ioredis, settled.ioredis),
          nodeRedis: () => () => readChunks(nodes['node-redis'], settled['node-redis']),
        },
        { rounds: rounds * 3, units: 1 },
      )
      end.abort()
      await live.settled
      streams.close()
      raw.disconnect()
      const { resumable } = taken
      return [
        wallRow('resumable-stream', resumable, resumable, {
          by: 'peer',
          note: 'from the memory of the producer, which must be alive',
        }),
        wallRow('raw XRANGE, one entry per chunk', taken.xrange, resumable, { by: 'bare' }),
        wallRow('raw GET of one text', taken.text, resumable, { by: 'bare' }),
        wallRow('running job on ioredis', taken.live, resumable, { goal: 1 }),
        wallRow('settled job on ioredis', taken.ioredis, resumable, { goal: 1 }),
        wallRow('settled job on node-redis', taken.nodeRedis, resumable, { goal: 1 }),
      ]
    }),
}

async function* chunksThenWait(end: AbortSignal): AsyncGenerator<string> {
  yield* readySource(CHUNKS, LINE)
  await new Promise<void>((resolve) => end.addEventListener('abort', () => resolve(), { once: true }))
}

async function settledJob({ owner }: Nodes): Promise<string> {
  const handle = await streamJob(owner, readySource(CHUNKS, LINE))
  await expectEnd(handle, 'completed')
  return handle.jobId
}

async function readChunks({ other }: Nodes, jobId: string): Promise<void> {
  let seen = 0
  for await (const { type } of other.events(jobId)) if (type === 'chunk' && ++seen === CHUNKS) return
  throw new Error(`read ${seen} chunks`)
}

async function fill(redis: Redis): Promise<void> {
  const pipeline = redis.pipeline().set('text', LINE.repeat(CHUNKS))
  for (let chunk = 0; chunk < CHUNKS; chunk++) pipeline.xadd('raw', '*', 'content', LINE)
  await pipeline.exec()
}
