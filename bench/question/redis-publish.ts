import { count, expectEnd, streamJob } from '../contender/ours.ts'
import { LINE, readySource } from '../contender/sources.ts'
import { alternate } from '../measure/alternate.ts'
import { type Question, wallRow } from '../measure/row.ts'
import type { Nodes } from '../redis/nodes.ts'
import { onRedis } from '../redis/on-redis.ts'
import { type Resumable, resumableStreams, take } from '../redis/resumable.ts'

const UNITS = { resumable: 2_000, ioredis: 10_000, nodeRedis: 10_000 } as const

/** A generation that is watched from another server while it runs. */
export const redisPublish: Question = {
  title: 'Redis: publish a chunk of 59 bytes to a watcher on another connection, against resumable-stream',
  needs: ['redis-server'],
  ask: ({ rounds }) =>
    onRedis(async ({ port, nodes }) => {
      const streams = resumableStreams(port)
      let id = 0
      const { resumable, ioredis, nodeRedis } = await alternate(
        {
          resumable: () => () => watchedStream(streams, `stream ${++id}`, UNITS.resumable),
          ioredis: () => () => watchedJob(nodes.ioredis, UNITS.ioredis),
          nodeRedis: () => () => watchedJob(nodes['node-redis'], UNITS.nodeRedis),
        },
        { rounds, units: UNITS },
      )
      streams.close()
      return [
        wallRow('resumable-stream', resumable, resumable, {
          by: 'peer',
          note: 'it keeps the chunks in the producer only',
        }),
        wallRow('job on ioredis', ioredis, resumable, { goal: 1 / 3 }),
        wallRow('job on node-redis', nodeRedis, resumable, { goal: 1 / 3 }),
      ]
    }),
}

/** It can be followed only while it runs, so it begins when the watcher is there. */
async function watchedStream(streams: Resumable, id: string, chunks: number): Promise<void> {
  let begin = (): void => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const produced = await streams.produce(id, chunksAfter(begun, chunks))
  const watched = await streams.follow(id)
  begin()
  await Promise.all([produced, watched].map((stream) => take(stream, chunks * LINE.length)))
}

async function* chunksAfter(begun: Promise<void>, chunks: number): AsyncGenerator<string> {
  await begun
  yield* readySource(chunks, LINE)
}

async function watchedJob({ owner, other }: Nodes, chunks: number): Promise<void> {
  const handle = await streamJob(owner, readySource(chunks, LINE))
  const seen = await count(other.events(handle.jobId))
  if (seen !== chunks + 1) throw new Error(`the watcher got ${seen} events`)
  await expectEnd(handle, 'completed')
}
