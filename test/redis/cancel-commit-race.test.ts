import type { JobEvent, JobStore, NewJob } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '../support/seeded-random.js'
import { CLIENT_NAMES, CLIENTS, type OpenClient } from './support/clients.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'

/** `RACE_ROUNDS=20000` for the whole proof. */
const ROUNDS = Number(process.env.RACE_ROUNDS ?? 2_000)
const SEED = Number(process.env.RACE_SEED ?? Math.floor(Math.random() * 1e9))
const AT_ONCE = 50

describe.skipIf(!hasRedis).each(CLIENT_NAMES)(
  `cancel, commit and output at once, ${ROUNDS} rounds, through %s (seed ${SEED})`,
  (name) => {
    let server: RedisServer
    let clients: OpenClient[]
    beforeAll(async () => {
      server = await startRedis()
      clients = await Promise.all(Array.from({ length: 4 }, () => CLIENTS[name](server.port)))
    })
    afterAll(async () => {
      for (const { close } of clients) close()
      await server.stop()
    })

    it('DIS-08: exactly one end, one terminal event, no output after a cancel, and never both or neither', {
      timeout: 600_000,
    }, async () => {
      const random = seededRandom(SEED)
      const stores = clients.map(({ client }) => createRedisJobStore({ client, prefix: 'race' }))
      const [owner, second, first, reader] = stores as [JobStore, JobStore, JobStore, JobStore]
      const ends: Record<string, number> = {}

      async function round(index: number): Promise<void> {
        const jobId = `job-${index}`
        const job: NewJob = {
          jobId,
          operationId: 'create',
          nodeId: 'owner',
          want: 'running',
          exclusiveInGroup: false,
          maxLogEvents: 100,
          maxLogBytes: 1_000,
          retentionMs: 60_000,
        }
        const created = await owner.create(job)
        if (created.answer !== 'created') throw new Error(created.answer)
        const { fencingToken } = created.record
        const owned = { jobId, fencingToken }
        const chunk = (seq: number): JobEvent => ({ seq, at: 1, type: 'chunk', content: 'a' })
        const cancel = (store: JobStore, cancelId: string) =>
          store.requestCancel({ jobId, cancelId, reason: { kind: 'user', by: cancelId, at: 1 } })

        // Each is sent now or some microtasks later, on a connection of its own.
        const later = async <T>(ask: () => T | Promise<T>): Promise<T> => {
          for (let ticks = Math.floor(random() * 12); ticks > 0; ticks--) await Promise.resolve()
          if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve))
          return ask()
        }
        const appended = owner.append(jobId, fencingToken, [chunk(1)], 1)
        const [claim, one, two] = await Promise.all([
          later(() => owner.claimCommit({ ...owned, operationId: 'claim' })),
          later(() => cancel(first, 'first')),
          later(() => cancel(second, 'second')),
        ])
        await appended
        const late = await owner.append(jobId, fencingToken, [chunk(2)], 1)
        const isClaimed = claim.answer === 'claimed'
        const spans = {
          commit: isClaimed ? 'done' : 'none',
          cleanup: 'clean',
          forced: false,
          queuedMs: 0,
          runMs: 0,
        } as const
        const reason = { kind: 'user', at: 2 } as const
        const settled = await owner.settle({
          ...owned,
          operationId: 'settle',
          end: isClaimed ? { status: 'completed', ...spans } : { status: 'cancelled', reason, ...spans },
        })

        const answers = [one.answer, two.answer].sort()
        const record = await reader.read(jobId)
        const read = await reader.readEvents(jobId, 0, 100)
        const log = read.answer === 'events' ? read.events : []
        expect(settled.answer).toBe('settled')
        expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => at + 1))
        if (isClaimed) {
          expect(answers).toEqual(['too-late', 'too-late'])
          expect(late.answer).toBe('accepted')
          expect(record).toMatchObject({ status: 'completed', commit: 'done' })
          expect(log.map(({ type }) => type)).toEqual(['chunk', 'chunk', 'complete'])
        } else {
          expect(claim.answer).toBe('lost')
          expect(answers).toEqual(['accepted', 'joined'])
          expect(late.answer).toBe('not-running')
          const winner = one.answer === 'accepted' ? 'first' : 'second'
          expect(record).toMatchObject({ status: 'cancelled', commit: 'none', cancel: { reason: { by: winner } } })
          expect(log.map(({ type }) => type).slice(-2)).toEqual(['cancelling', 'cancelled'])
          expect(log.length).toBeLessThanOrEqual(3)
        }
        ends[record?.status ?? 'none'] = (ends[record?.status ?? 'none'] ?? 0) + 1
      }

      for (let index = 0; index < ROUNDS; index += AT_ONCE) {
        await Promise.all(
          Array.from({ length: Math.min(AT_ONCE, ROUNDS - index) }, (_, offset) => round(index + offset)),
        )
      }
      expect((ends.completed ?? 0) + (ends.cancelled ?? 0)).toBe(ROUNDS)
      // A race in which one side always wins shows nothing.
      expect(Math.min(ends.completed ?? 0, ends.cancelled ?? 0), JSON.stringify(ends)).toBeGreaterThan(ROUNDS / 50)
      const admin = new Redis(server.port, '127.0.0.1')
      expect(await admin.zcard('{race}:leases')).toBe(0)
      admin.disconnect()
    })
  },
)
