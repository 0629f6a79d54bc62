import type { JobStore, NewJob } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLIENT_NAMES, CLIENTS, type OpenClient } from './support/clients.js'
import { faultProxy } from './support/fault-proxy.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'
import { until } from './support/until.js'

/** Of the two stores and of the test itself. */
const CONNECTIONS = 3

describe.skipIf(!hasRedis).each(CLIENT_NAMES)('hints between two nodes, through %s', (name) => {
  let server: RedisServer
  let clients: [OpenClient, OpenClient]
  let admin: Redis
  let count = 0
  const stores = (): [JobStore, JobStore] => {
    const prefix = `hints-${++count}`
    return [
      createRedisJobStore({ client: clients[0].client, prefix }),
      createRedisJobStore({ client: clients[1].client, prefix }),
    ]
  }

  beforeAll(async () => {
    server = await startRedis()
    clients = [await CLIENTS[name](server.port), await CLIENTS[name](server.port)]
    admin = new Redis(server.port, '127.0.0.1')
  })
  afterAll(async () => {
    for (const { close } of clients) close()
    admin.disconnect()
    await server.stop()
  })

  /** Two stores and this test: nobody listens. */
  const quiet = () =>
    until('silence', async () => (await channels()).length === 0 && (await connections()) === CONNECTIONS)
  const channels = async () => (await admin.pubsub('CHANNELS', '*')) as string[]
  const subscribed = (channel: string) =>
    until(`subscription to ${channel}`, async () => (await channels()).includes(channel))
  const connections = async () => Number(/connected_clients:(\d+)/.exec(await admin.info('clients'))?.[1])

  const WAKES: Record<string, (store: JobStore, job: { jobId: string; fencingToken: number }) => Promise<unknown>> = {
    'new events': async (store, { jobId, fencingToken }) =>
      store.append(jobId, fencingToken, [{ seq: 1, at: 1, type: 'chunk', content: 'a' }], 1),
    'a cancel': async (store, { jobId }) =>
      store.requestCancel({ jobId, cancelId: 'c', reason: { kind: 'user', at: 1 } }),
    'the end': async (store, { jobId, fencingToken }) =>
      store.settle({
        jobId,
        fencingToken,
        operationId: 's',
        end: { status: 'completed', commit: 'none', cleanup: 'clean', forced: false, queuedMs: 0, runMs: 0 },
      }),
  }

  it('G14: a message that nobody can read is a hint without a cancel, and a readable one brings it', async () => {
    const [store] = stores()
    const told: unknown[] = []
    const stop = store.watchNode('node', (...hint) => void told.push(hint))
    const channel = `hints-${count}:node:node`
    await subscribed(channel)
    const unreadable = ['', '\n7\n{"kind":', '\n7\nnull', '\n7\n{}', '\n7\n{"kind":"whim","at":1}']
    for (const cancel of [...unreadable, '\n7\n{"kind":"user","at":1}']) await admin.publish(channel, `job${cancel}`)
    await until('all hints', () => told.length === unreadable.length + 1)
    stop()
    expect(told).toEqual([
      ...unreadable.map(() => ['job', undefined]),
      ['job', { fencingToken: 7, reason: { kind: 'user', at: 1 } }],
    ])
  })

  it.each(Object.entries(WAKES))(
    'DIS-01: %s on one node wake who watches the job on the other, and nobody else',
    async (_, act) => {
      const [here, there] = stores()
      const [job, other] = [await create(here), await create(here)]
      const woken: string[] = []
      const stops = [
        there.watchJob(job.jobId, () => woken.push('first')),
        there.watchJob(job.jobId, () => woken.push('left')),
        there.watchJob(job.jobId, () => woken.push('second')),
        there.watchJob(other.jobId, () => woken.push('of another job')),
        here.watchJob(job.jobId, () => woken.push('here')),
      ]
      for (const { jobId } of [job, other]) await subscribed(`hints-${count}:job:${jobId}`)
      await until('the first look of each', () => woken.includes('of another job'))
      stops[1]?.()
      woken.length = 0
      await act(here, job)
      expect(woken, 'who watches on the same node is told at once').toEqual(['here'])
      await until('a hint', () => woken.length === 3)
      expect(woken.sort()).toEqual(['first', 'here', 'second'])
      for (const stop of stops) stop()
    },
  )

  it('DIS-01: a cancel wakes the node that owns the job, not the one that asked for it itself', async () => {
    const [here, there] = stores()
    const woken: string[] = []
    const stops = [
      here.watchNode('node-a', (jobId) => woken.push(jobId)),
      there.watchNode('node-b', () => woken.push('node-b')),
    ]
    for (const node of ['node-a', 'node-b']) await subscribed(`hints-${count}:node:${node}`)
    const [own, foreign] = [await create(here), await create(here)]
    await here.requestCancel({ jobId: own.jobId, cancelId: 'c', reason: { kind: 'user', at: 1 }, nodeId: 'node-a' })
    await there.requestCancel({
      jobId: foreign.jobId,
      cancelId: 'c',
      reason: { kind: 'user', at: 1 },
      nodeId: 'node-b',
    })
    await until('a hint', () => woken.length > 0)
    expect(woken).toEqual([foreign.jobId])
    for (const stop of stops) stop()
  })

  it('G11: the connection for hints lives as long as somebody watches, and then no channel and no socket is left', async () => {
    await quiet()
    const [store] = stores()
    const { jobId } = await create(store)
    const stopNode = store.watchNode('node-a', () => {})
    const stopJob = store.watchJob(jobId, () => {})
    await subscribed(`hints-${count}:job:${jobId}`)
    expect(await connections()).toBe(CONNECTIONS + 1)
    stopJob()
    await until('the channel to be left', async () => !(await channels()).includes(`hints-${count}:job:${jobId}`))
    expect(await connections()).toBe(CONNECTIONS + 1)
    stopNode()
    await quiet()
  })

  it('G11: who watches and leaves at once, many times, leaves nothing behind', async () => {
    await quiet()
    const [store] = stores()
    const { jobId } = await create(store)
    const stay = store.watchNode('node-a', () => {})
    for (let round = 0; round < 200; round++) {
      const stop = store.watchJob(jobId, () => {})
      if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
      stop()
    }
    await subscribed(`hints-${count}:node:node-a`)
    await until('the channel to be left', async () => (await channels()).length === 1)
    stay()
    await quiet()
  })

  it('DIS-02: a subscriber whose connection was cut hears again, and looks at once for what it missed', async () => {
    const [here, there] = stores()
    const job = await create(here)
    let woken = 0
    const stop = there.watchJob(job.jobId, () => woken++)
    await subscribed(`hints-${count}:job:${job.jobId}`)
    await until('the first look', () => woken > 0)
    woken = 0
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until('a look after the reconnect', () => woken > 0)
    await subscribed(`hints-${count}:job:${job.jobId}`)
    woken = 0
    await WAKES['new events']?.(here, job)
    await until('a hint', () => woken > 0)
    stop()
  })

  it('DIS-02: a client that queues nothing while it connects hears all the same', async () => {
    await quiet()
    const eager = new Redis(server.port, '127.0.0.1', { enableOfflineQueue: false })
    await until('the connection', () => eager.status === 'ready')
    const store = createRedisJobStore({ client: eager, prefix: 'eager' })
    const stop = store.watchNode('node-a', () => {})
    await subscribed('eager:node:node-a')
    stop()
    eager.disconnect()
    await quiet()
  })

  it('G14: who stops to watch while the connection comes back leaves no rejection unhandled', async () => {
    await quiet()
    const rejected: unknown[] = []
    const note = (reason: unknown) => rejected.push(reason)
    process.on('unhandledRejection', note)
    const proxy = await faultProxy(server.port)
    const { client, close } = await CLIENTS[name](proxy.port)
    const duplicate = client.duplicate.bind(client)
    let onReady = (): void => {}
    client.duplicate = () => {
      const subscriber = duplicate()
      subscriber.on('ready', () => onReady())
      return subscriber as never
    }
    const stop = createRedisJobStore({ client, prefix: 'back' }).watchNode('node-a', () => {})
    await subscribed('back:node:node-a')
    const isBack = new Promise<void>((resolve) => {
      onReady = () => {
        void proxy.set('black-hole') // what it subscribes again is never answered
        stop()
        resolve()
      }
    })
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await isBack
    close()
    await proxy.close()
    await quiet()
    process.off('unhandledRejection', note)
    expect(rejected).toEqual([])
  })

  it("G11: an application's own subscriber is left open, without our channels and listeners", async () => {
    await quiet()
    const { client: own, close } = await CLIENTS[name](server.port)
    const emitter = own as unknown as { listenerCount(event: string): number }
    const listeners = () => ['message', 'ready', 'error'].map((event) => emitter.listenerCount(event))
    const before = listeners()
    const subscriber = own as never
    const [store] = stores()
    const watching = createRedisJobStore({ client: clients[0].client, subscriber, prefix: `hints-${count}` })
    const job = await create(store)
    let woken = 0
    const stop = watching.watchJob(job.jobId, () => woken++)
    await until('the first look', () => woken > 0)
    woken = 0
    await WAKES['new events']?.(store, job)
    await until('a hint', () => woken > 0)
    stop()
    await until('the channel to be left', async () => (await channels()).length === 0)
    expect(listeners()).toEqual(before)
    close()
  })

  let jobs = 0
  async function create(store: JobStore) {
    const job: NewJob = {
      jobId: `job-${++jobs}`,
      operationId: `create-${jobs}`,
      nodeId: 'node-a',
      want: 'running',
      exclusiveInGroup: false,
      maxLogEvents: 100,
      maxLogBytes: 10_000,
      retentionMs: 1_000,
    }
    const answer = await store.create(job)
    if (answer.answer !== 'created') throw new Error(answer.answer)
    return answer.record
  }
})
