import { type JobEvent, type JobSnapshot, StoreError } from 'generation-jobs'
import { expect } from 'vitest'
import { readAll } from '../../support/read-all.js'
import type { RedisNode } from './node.js'
import { until } from './until.js'

/** A client that is connecting again gives no answer in time; whoever asks asks again. */
export function whileAway(error: unknown): undefined {
  if (!(error instanceof StoreError)) throw error
}

export const settledRecord = (node: RedisNode, jobId: string, limitMs?: number): Promise<JobSnapshot> =>
  until(
    'the end of the job',
    async () => {
      const record = await node.manager.get(jobId).catch(whileAway)
      return record?.settledAt === undefined ? undefined : record
    },
    limitMs,
  )

/** What one reader is shown: without a gap, and an end only as the last of all. */
export async function readLog(node: RedisNode, jobId: string): Promise<JobEvent[]> {
  const all = await readAll(node.manager.events(jobId))
  expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1))
  expect(endsOf(all.slice(0, -1))).toEqual([])
  return all
}

export const endsOf = (events: readonly JobEvent[]) =>
  events.map(({ type }) => type).filter((type) => ['complete', 'cancelled', 'error'].includes(type))
