import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLIENT_NAMES } from './support/clients.js'
import { endless, openNode, SLACK_MS } from './support/node.js'
import { startProcess } from './support/process.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'
import { until } from './support/until.js'
import type { ViewingOptions } from './support/viewing-process.js'

/** Longer than elsewhere: a busy machine must not let a living viewer expire. */
const HEARTBEAT_MS = 300
const LEASE_MS = 9 * HEARTBEAT_MS
const DISCONNECT_GRACE_MS = 600
/** A viewer whose node is dead counts for three heartbeats more. */
const VIEWER_TTL_MS = 3 * HEARTBEAT_MS
const CANCELLED_MS = VIEWER_TTL_MS + DISCONNECT_GRACE_MS + 2 * HEARTBEAT_MS + SLACK_MS

describe.skipIf(!hasRedis).each(CLIENT_NAMES)('failure matrix: the node of the viewers dies, through %s', (client) => {
  let server: RedisServer
  let admin: Redis
  let prefixes = 0
  beforeAll(async () => {
    server = await startRedis()
    admin = new Redis(server.port, '127.0.0.1')
  })
  afterAll(async () => {
    admin.disconnect()
    await server.stop()
  })

  async function watchedJob(viewerNodes: number) {
    const prefix = `viewers-${++prefixes}`
    const own = { onDisconnect: 'cancel', disconnectGraceMs: DISCONNECT_GRACE_MS } as const
    const owner = await openNode(server.port, { prefix, client, leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS, ...own })
    const job = await owner.manager.register(async (run) => run.stream(endless()).then(() => {}))
    // A viewer on the owner's node stays until the others have come.
    const first = owner.manager.events(job.jobId, { viewer: true })[Symbol.asyncIterator]()
    await first.next()
    const nodes = Array.from({ length: viewerNodes }, () => viewersNode(prefix, job.jobId))
    await Promise.all(nodes.map((node) => node.hears('watching')))
    await first.return?.()
    return { job, nodes, owner, viewers: () => admin.zcard(`{${prefix}}:viewers:${job.jobId}`) }
  }

  function viewersNode(prefix: string, jobId: string) {
    const options = {
      client,
      port: server.port,
      prefix,
      leaseMs: LEASE_MS,
      heartbeatMs: HEARTBEAT_MS,
      jobId,
      viewers: 2,
    }
    return startProcess('viewing-process.ts', options satisfies ViewingOptions)
  }

  it('DIS-25: killed with -9: the job is cancelled (disconnect) when its viewers have expired and the grace is over, and not before', async () => {
    const { job, nodes, owner, viewers } = await watchedJob(1)
    await until('its viewers alone', async () => (await viewers()) === 2)
    await delay(2 * DISCONNECT_GRACE_MS)
    expect((await owner.manager.get(job.jobId))?.status).toBe('running') // kept alive by nobody else

    const killedAt = Date.now()
    for (const node of nodes) await node.kill()
    const outcome = await job.settled
    expect(Date.now() - killedAt).toBeLessThan(CANCELLED_MS)
    expect(outcome).toMatchObject({
      status: 'cancelled',
      reason: { kind: 'disconnect' },
      commit: 'none',
      recorded: true,
    })
    const requestedAt = (await owner.manager.get(job.jobId))?.cancel?.requestedAt ?? 0
    expect(requestedAt - killedAt).toBeGreaterThanOrEqual(DISCONNECT_GRACE_MS)
    expect(await viewers()).toBe(0)
  })

  it('DIS-25: one of two such nodes is killed: the job goes on, and ends when the other one dies too', async () => {
    const { job, nodes, owner, viewers } = await watchedJob(2)
    await until('the viewers of both', async () => (await viewers()) === 4)
    await nodes[0]?.kill()
    await until('the end of its viewers', async () => (await viewers()) === 2)
    await delay(2 * DISCONNECT_GRACE_MS)
    expect((await owner.manager.get(job.jobId))?.status).toBe('running')
    await nodes[1]?.kill()
    expect(await job.settled).toMatchObject({ status: 'cancelled', reason: { kind: 'disconnect' } })
  })
})
