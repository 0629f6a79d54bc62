import { createGenerationHandler } from 'generation-jobs/http'
import { z } from 'zod'
import { count, expectEnd, newManager, streamJob } from '../contender/ours.ts'
import { LINE, readySource } from '../contender/sources.ts'
import { alternate } from '../measure/alternate.ts'
import { type Question, ratioRow } from '../measure/row.ts'
import { frame } from '../sse/server.ts'

const CHUNKS = 10_000
const TIMES = 10
/** The jobs of a round are gone soon after it. */
const RETENTION_MS = 120_000

/** A page that was reloaded: one server sends the whole text again. */
export const resume: Question = {
  title: `Resume of ${CHUNKS} chunks of 59 bytes in memory, per resume, against a join of kept frames into bytes`,
  async ask({ rounds }) {
    const chunks = Array.from({ length: CHUNKS }, () => LINE)
    const frames = chunks.map((chunk, at) => frame(at + 1, chunk))
    const manager = newManager({ retentionMs: RETENTION_MS })
    const settledJob = async (): Promise<string> => {
      const handle = await streamJob(manager, readySource(CHUNKS, LINE), { owner: 'viewer' })
      await expectEnd(handle, 'completed')
      return handle.jobId
    }
    const handler = createGenerationHandler({
      manager,
      basePath: '/generate',
      params: z.object({}),
      start: () => async () => undefined,
      authorize: () => ({ owner: 'viewer' }),
    })
    const serve = async (jobId: string): Promise<void> => {
      const { body } = await handler(new Request(`http://localhost/generate/jobs/${jobId}/stream`))
      let bytes = 0
      for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) bytes += part.byteLength
      if (bytes < CHUNKS * LINE.length) throw new Error('chunks are missing')
    }
    const encoder = new TextEncoder()
    const times = (work: () => unknown) => () => async () => {
      for (let time = 0; time < TIMES; time++) await work()
    }
    const again = await settledJob()
    const { join, framed, first, later, events } = await alternate(
      {
        join: times(() => encoder.encode(frames.join(''))),
        framed: times(() => encoder.encode(chunks.map((chunk, at) => frame(at + 1, chunk)).join(''))),
        first: async () => {
          const ids: string[] = []
          while (ids.length < TIMES) ids.push(await settledJob())
          return async () => {
            for (const id of ids) await serve(id)
          }
        },
        later: times(() => serve(again)),
        events: times(() => count(manager.events(again))),
      },
      { rounds, units: TIMES, warmups: 2 },
    )
    await manager.close()
    return [
      ratioRow('array join of kept frames', join, join),
      ratioRow('chunks framed and joined', framed, join, { by: 'bare' }),
      ratioRow('GET of the stream on the handler, nobody has read it', first, join, { goal: 3, finalGoal: 2 }),
      ratioRow('GET of the stream on the handler, read before', later, join),
      ratioRow('events()', events, join),
    ]
  },
}
