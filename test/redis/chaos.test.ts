import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openRedisJobStore } from '../../src/redis/redis-job-store.js'
import { ChaosNode } from './support/chaos/chaos-node.js'
import { disturb } from './support/chaos/faults.js'
import { type HistoryLine, historyWriter, readHistory, type Write } from './support/chaos/history.js'
import { judge } from './support/chaos/judge.js'
import { Load } from './support/chaos/load.js'
import { faultProxy } from './support/fault-proxy.js'
import { HEARTBEAT_MS, LEASE_MS } from './support/node.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'

/** `CHAOS_JOBS=1000 CHAOS_SEED=…` for a long run, and to see one again. */
const JOBS = Number(process.env.CHAOS_JOBS ?? 100)
const SEED = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 1e9))
const PREFIX = 'chaos'
/** Lease, reaper's tick, the clients' next cancel, grace and commit limit; ten times, for a machine that does something else. */
const BOUND_MS = 10 * (LEASE_MS + 1_000 + 1_000 + 300 + 1_000)

describe.skipIf(!hasRedis)(`three nodes, ${JOBS} jobs, and faults at random (CHAOS_SEED=${SEED})`, () => {
  let server: RedisServer
  let admin: Redis
  beforeAll(async () => {
    server = await startRedis({ appendOnly: true })
    admin = new Redis(server.port, '127.0.0.1')
    admin.on('error', () => {})
  })
  afterAll(async () => {
    admin.disconnect()
    await server.stop()
  })

  it('G1, G6, G7, G10, G12, G13: one end for each job, no commit untold, no gap, no false answer, no key left', {
    timeout: 60_000 + JOBS * 1_500,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'generation-jobs-chaos-'))
    const historyPath = join(folder, 'history.jsonl')
    const write = historyWriter(historyPath, 'observer')
    const proxies = await Promise.all(['a', 'b', 'c'].map(() => faultProxy(server.port)))
    const nodes = proxies.map(({ port }, index) => {
      const client = index === 1 ? 'node-redis' : 'ioredis'
      const name = `node ${'abc'[index]}`
      return new ChaosNode({
        name,
        client,
        port,
        prefix: PREFIX,
        historyPath,
        leaseMs: LEASE_MS,
        heartbeatMs: HEARTBEAT_MS,
      })
    })
    onTestFinished(async () => {
      await Promise.all(nodes.map((node) => node.kill()))
      await Promise.all(proxies.map((proxy) => proxy.close()))
    })
    await Promise.all(nodes.map((node) => node.start()))

    const load = new Load({ seed: SEED, jobs: JOBS, nodes, write: historyWriter(historyPath, 'client') })
    let isOver = false
    const ended = load.run()
    const disturbed = disturb({ seed: SEED, leaseMs: LEASE_MS, server, nodes, proxies, write }, () => isOver)
    await load.allStarted
    isOver = true
    const faults = await disturbed
    write({ what: 'quiet' })
    await Promise.race([ended, delay(BOUND_MS)]) // what is missing then is for the judge

    await writeRecords(write)
    await Promise.all(nodes.map((node) => node.kill()))
    await writeKeysLeft(write)
    const history = readHistory(historyPath)
    const violations = judge(history, BOUND_MS)
    process.stdout.write(`CHAOS_SEED=${SEED}: ${JSON.stringify({ faults, ...summaryOf(history) })}\n`)
    expect(violations, `CHAOS_SEED=${SEED} CHAOS_JOBS=${JOBS}, history: ${historyPath}`).toEqual([])
    rmSync(folder, { recursive: true })
  })

  async function writeRecords(write: Write): Promise<void> {
    const store = createRedisJobStore({ client: admin, prefix: PREFIX })
    for (let index = 0; index < JOBS; index++) {
      const jobId = `job-${index}`
      const record = await store.read(jobId)
      if (!record) continue
      const { status, commit, error, settledAt, fencingToken } = record
      write({ what: 'record', jobId, status, commit, code: error?.code, settledAt, fencingToken })
      const read = await store.readEvents(jobId, 0, 10_000)
      const events = read.answer === 'events' ? read.events : []
      write({ what: 'log', jobId, types: events.map(({ type }) => type), seqs: events.map(({ seq }) => seq) })
    }
  }

  /** The retention of all jobs passes at once, in a store whose time is a day ahead. */
  async function writeKeysLeft(write: Write): Promise<void> {
    const store = openRedisJobStore({
      client: admin,
      subscriber: undefined,
      prefix: PREFIX,
      leaseMs: LEASE_MS,
      heartbeatMs: HEARTBEAT_MS,
      aheadMs: () => 86_400_000,
    })
    for (let before = -1, size = await admin.dbsize(); size !== before; size = await admin.dbsize()) {
      await store.sweep()
      before = size
    }
    write({ what: 'keys left', keys: await admin.keys('*') })
  }
})

/** What to know about a run, besides that it is right. */
function summaryOf(history: readonly HistoryLine[]) {
  const quietAt = history.find(({ what }) => what === 'quiet')?.at ?? 0
  const records = history.flatMap((line) => (line.what === 'record' ? [line] : []))
  const ends: Record<string, number> = {}
  for (const { status, code } of records) {
    const end = code === undefined ? status : code
    ends[end] = (ends[end] ?? 0) + 1
  }
  const count = (what: HistoryLine['what']) => history.filter((line) => line.what === what).length
  const lastMs = Math.max(0, ...records.map(({ settledAt = 0 }) => settledAt - quietAt))
  return {
    ends,
    saves: count('save begun'),
    reads: count('read'),
    cancels: count('cancel'),
    lastEndAfterQuietMs: lastMs,
  }
}
