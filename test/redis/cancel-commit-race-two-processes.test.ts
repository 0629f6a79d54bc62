import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type CancelResult, GenerationJobManager, type JobEvent, type JobOutcome } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '../support/seeded-random.js'
import type { CancelAnswer } from './support/canceller-process.js'
import { CLIENTS, type OpenClient } from './support/clients.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'

/** `RACE_ROUNDS=20000` for the whole proof. */
const ROUNDS = Number(process.env.RACE_ROUNDS ?? 2_000)
const SEED = Number(process.env.RACE_SEED ?? Math.floor(Math.random() * 1e9))
const AT_ONCE = 20

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

describe.skipIf(!hasRedis)(`one process commits, another cancels, ${ROUNDS} rounds (seed ${SEED})`, () => {
  let server: RedisServer
  let open: OpenClient
  let canceller: ChildProcess
  const answers = new Map<string, (result: CancelResult) => void>()
  beforeAll(async () => {
    server = await startRedis()
    open = await CLIENTS.ioredis(server.port)
    canceller = fork(path('./support/canceller-process.ts'), [`${server.port}`, 'race'], {
      execArgv: ['--import', path('../support/package-hooks.mjs')],
    })
    await once(canceller, 'message')
    canceller.on('message', (answer: CancelAnswer) => {
      if (answer !== 'ready') answers.get(answer.jobId)?.(answer)
    })
  })
  afterAll(async () => {
    canceller.kill()
    await once(canceller, 'exit')
    open.close()
    await server.stop()
  })

  function cancelThere(jobId: string): Promise<CancelResult> {
    return new Promise((resolve) => {
      answers.set(jobId, (result) => {
        answers.delete(jobId)
        resolve(result)
      })
      canceller.send(jobId)
    })
  }

  it('DIS-08, G6, G13: never both and never neither, and both processes are told what the record says', {
    timeout: 900_000,
  }, async () => {
    const random = seededRandom(SEED)
    const store = createRedisJobStore({ client: open.client, prefix: 'race' })
    const manager = new GenerationJobManager({ store, logger: false, retentionMs: 30_000 })
    const ends = { completed: 0, cancelled: 0, failed: 0 }
    /** How many turns of the loop the cancel is ahead. Whoever loses starts earlier in the next round, so all rounds are close. */
    let lead = 0

    async function round(): Promise<string[]> {
      const ahead = Math.round(lead + 10 * (random() - 0.5))
      let saves = 0
      const job = await manager.register(async (run) => {
        run.emit('a whole text')
        await turns(ahead)
        await run.commit(() => {
          saves++
        })
      })
      await turns(-ahead)
      const [result, outcome] = await Promise.all([cancelThere(job.jobId), job.settled])
      const record = await manager.get(job.jobId)
      const read = await store.readEvents(job.jobId, 0, 100)
      ends[outcome.status]++
      lead += outcome.status === 'completed' ? 0.1 : -0.1
      const log = read.answer === 'events' ? read.events : []
      return faultsOf({ outcome, result, saves, status: record?.status, commit: record?.commit, log })
    }

    const faults: string[] = []
    const startedAt = performance.now()
    for (let count = 0; count < ROUNDS; count += AT_ONCE) {
      faults.push(...(await Promise.all(Array.from({ length: AT_ONCE }, round))).flat())
    }
    const seconds = Math.round((performance.now() - startedAt) / 1_000)
    process.stdout.write(`${ROUNDS} rounds in ${seconds} s: ${JSON.stringify(ends)}, ${faults.length} faults\n`)
    await manager.close()
    expect(faults).toEqual([])
    // A race in which one side always wins shows nothing.
    expect(Math.min(ends.completed, ends.cancelled), JSON.stringify(ends)).toBeGreaterThan(ROUNDS / 20)
    expect(ends.failed).toBe(0)
  })
})

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await turn()
}

interface Round {
  readonly outcome: JobOutcome<unknown>
  /** What the other process was told. */
  readonly result: CancelResult
  readonly saves: number
  readonly status: string | undefined
  readonly commit: string | undefined
  readonly log: readonly JobEvent[]
}

/** What is wrong with a round, in words. */
function faultsOf({ outcome, result, saves, status, commit, log }: Round): string[] {
  const types = log.map(({ type }) => type).join(' ')
  const told = `${result.outcome}${'status' in result ? ` (${result.status})` : ''}`
  const seen = `${outcome.status} ${outcome.commit} | record ${status} ${commit} | saves ${saves} | ${told} | ${types}`
  const isCommitted =
    outcome.status === 'completed' &&
    outcome.commit === 'done' &&
    saves === 1 &&
    status === 'completed' &&
    commit === 'done' &&
    (result.outcome === 'too-late' || result.outcome === 'already-settled') &&
    result.status === 'completed' &&
    types === 'chunk complete'
  const isCancelled =
    outcome.status === 'cancelled' &&
    outcome.reason.by === 'the other process' &&
    outcome.commit === 'none' &&
    saves === 0 &&
    status === 'cancelled' &&
    commit === 'none' &&
    result.outcome === 'cancelled' &&
    result.recorded &&
    !result.joined &&
    /^(chunk )?cancelling cancelled$/.test(types)
  return isCommitted || isCancelled ? [] : [`${outcome.jobId}: ${seen}`]
}
