import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { placesOf } from './support/clients.js'
import { endless, nodeOver, SLACK_MS } from './support/node.js'
import { readLog, settledRecord, whileAway } from './support/records.js'
import { hasRedis, PROGRAMS } from './support/redis-server.js'
import { adminOf } from './support/replicated.js'
import { SENTINEL_CLIENTS, startWatched } from './support/sentinel.js'
import { elapsed, until } from './support/until.js'

/** A failover takes 2 to 5 seconds with these settings of Sentinel; a lease must outlive it. */
const FAILOVER_MS = 20_000
const OPTIONS = { leaseMs: 15_000, heartbeatMs: 200, gracePeriodMs: 1_000, cancelTimeoutMs: 5_000 } as const

describe.skipIf(!hasRedis).each(placesOf(PROGRAMS))(
  'failure matrix: Sentinel fails over $program.name, through $client',
  ({ program, client }) => {
    async function openWatched(more: { cancelTimeoutMs?: number } = {}) {
      const watched = await startWatched(program)
      const open = async () => nodeOver(await SENTINEL_CLIENTS[client](watched.sentinel.port), { ...OPTIONS, ...more })
      const [a, b] = [await open(), await open()]
      /** The primary dies; resolves when the replica has taken its place. */
      const failOver = async () => {
        await watched.primary.kill()
        const isReplaced = async () => (await watched.primaryPort()) === watched.replica.port
        await until('the failover', isReplaced, FAILOVER_MS)
      }
      return { ...watched, a, b, failOver }
    }

    it('DIS-15: jobs whose writes had reached the replica go on: no gap, no duplicate, a remote cancel and a commit as ever', async () => {
      const { a, b, replica, caughtUp, failOver } = await openWatched()
      let goOn = (): void => {}
      const failedOver = new Promise<void>((resolve) => {
        goOn = resolve
      })
      let saves = 0
      const saving = await a.manager.register(async (run) => {
        for (let index = 1; index <= 40; index++) run.emit(`chunk ${index}`)
        await failedOver
        for (let index = 41; index <= 80; index++) run.emit(`chunk ${index}`)
        await run.commit(() => {
          saves++
        })
      })
      const waiting = await a.manager.register(async (run) => {
        await failedOver
        await run.stream(endless())
      })
      const reading = readLog(b, saving.jobId)
      await until('output', async () => (await b.manager.get(saving.jobId))?.lastSeq === 40)
      await caughtUp()
      await failOver()
      const admin = adminOf(replica.port)
      await until('both nodes, listening on the new primary', async () => {
        const channels = (await admin.pubsub('CHANNELS', '*:node:*')) as string[]
        return channels.length === 2
      })
      goOn()
      expect(await saving.settled).toMatchObject({ status: 'completed', commit: 'done', recorded: true })
      expect(saves).toBe(1)
      const events = await reading
      expect(events.map((event) => event.type === 'chunk' && event.content)).toEqual([
        ...Array.from({ length: 80 }, (_, index) => `chunk ${index + 1}`),
        false,
      ])
      const answer = await until('an answer', () => b.manager.cancel(waiting.jobId).catch(whileAway), FAILOVER_MS)
      expect(answer).toMatchObject({ outcome: 'cancelled', cleanup: 'clean', forced: false })
      expect(await waiting.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'user' }, recorded: true })
      expect([...a.logs.of('job.fenced'), ...b.logs.of('job.reaped')]).toEqual([])
    })

    it('G1, G6: jobs that write all the while end once each, whatever the replica had not yet, and save only what completes', async () => {
      const { a, b, caughtUp, failOver } = await openWatched()
      let saves = 0
      let stop = false
      const jobs = await Promise.all(
        Array.from({ length: 10 }, () =>
          a.manager.register(async (run) => {
            for (let index = 0; !stop; index++) {
              run.emit(`chunk ${index}`)
              await delay(5)
            }
            await run.commit(() => {
              saves++
            })
          }),
        ),
      )
      const reading = jobs.map(({ jobId }) => readLog(b, jobId))
      await caughtUp() // the replica knows the jobs, but perhaps not what they write last
      await until('output', async () => ((await b.manager.get(jobs[9]?.jobId ?? ''))?.lastSeq ?? 0) > 20)
      await failOver()
      stop = true
      expect(await elapsed(Promise.all(jobs.map(({ settled }) => settled)))).toBeLessThan(FAILOVER_MS)
      const outcomes = await Promise.all(jobs.map(({ settled }) => settled))
      expect(outcomes.filter(({ status }) => status === 'completed')).toHaveLength(saves)
      for (const [index, outcome] of outcomes.entries()) {
        // What the replica lacked makes a gap: its owner gives up, and the record is reaped.
        if (outcome.status !== 'completed') {
          expect(outcome).toMatchObject({ reason: { kind: 'lease-lost' }, commit: 'none', recorded: false })
        }
        const status = outcome.status === 'completed' ? 'completed' : 'failed'
        const { jobId, commit } = outcome
        const record = await settledRecord(b, jobId, FAILOVER_MS)
        expect(record).toMatchObject({ status, commit })
        await reading[index]
      }
      process.stdout.write(
        `Sentinel of ${program.name}, ${client}: ${saves} of ${jobs.length} jobs completed over the failover\n`,
      )
    })

    it('DIS-10: primary, replica and Sentinel are all gone: a remote cancel is a StoreError, a local one settles in time, and the node closes', async () => {
      const cancelTimeoutMs = 2_000
      const { a, b, primary, replica, sentinel } = await openWatched({ cancelTimeoutMs })
      const job = await a.manager.register(async (run) => run.stream(endless()).then(() => {}))
      await until('output', async () => ((await b.manager.get(job.jobId))?.lastSeq ?? 0) > 3)
      await Promise.all([sentinel, primary, replica].map((server) => server.kill()))
      const asked = b.manager.cancel(job.jobId)
      expect(await elapsed(asked)).toBeLessThan(cancelTimeoutMs + SLACK_MS)
      await expect(asked).rejects.toMatchObject({ code: 'store.failed' })
      const cancelled = job.cancel()
      expect(await elapsed(cancelled)).toBeLessThan(cancelTimeoutMs + SLACK_MS)
      expect(await cancelled).toMatchObject({ outcome: 'cancelled', recorded: false })
      expect(await elapsed(Promise.all([a.manager.close(), b.manager.close()]))).toBeLessThan(
        cancelTimeoutMs + SLACK_MS,
      )
    })
  },
)
