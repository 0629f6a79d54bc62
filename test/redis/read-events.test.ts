import { type JobEvent, type JobStore, StoreError } from 'generation-jobs'
import { createRedisJobStore, type NodeRedisClient, type NodeRedisCommands } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CLIENT_NAMES, CLIENTS, type ClientName, type OpenClient } from './support/clients.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'

describe.skipIf(!hasRedis)('reading a log in Redis', () => {
  let server: RedisServer
  let admin: Redis
  const open = {} as Record<ClientName, OpenClient>

  beforeAll(async () => {
    server = await startRedis()
    admin = new Redis(server.port, '127.0.0.1')
    for (const name of CLIENT_NAMES) open[name] = await CLIENTS[name](server.port)
  })
  beforeEach(async () => {
    await admin.flushall()
  })
  afterAll(async () => {
    for (const { close } of Object.values(open)) close()
    admin.disconnect()
    await server.stop()
  })

  async function job(store: JobStore, texts: readonly string[]) {
    const created = await store.create({
      jobId: 'job',
      operationId: crypto.randomUUID(),
      nodeId: 'node',
      want: 'running',
      exclusiveInGroup: false,
      maxLogEvents: 1_000,
      maxLogBytes: 100_000,
      retentionMs: 60_000,
    })
    if (created.answer !== 'created') throw new Error(created.answer)
    const { fencingToken } = created.record
    const append = (first: number, more: readonly string[]) => {
      const events = more.map((content, index): JobEvent => ({ seq: first + index, at: 0, type: 'chunk', content }))
      return store.append('job', fencingToken, events, 10)
    }
    if (texts.length > 0) await append(1, texts)
    return { fencingToken, append }
  }
  const texts = (answer: object) =>
    'events' in answer ? (answer.events as { content: string }[]).map(({ content }) => content) : answer

  /** The commands of a page one by one, in an order, with something between them: what no connection promises not to happen. */
  function apart(order: readonly (0 | 1 | 2)[], between: () => Promise<unknown>): JobStore {
    const client = open['node-redis'].client as NodeRedisClient & {
      lRange(...args: unknown[]): Promise<unknown>
      hGet(...args: unknown[]): Promise<unknown>
    }
    const multi = (): NodeRedisCommands => {
      const sends: (() => Promise<unknown>)[] = []
      const commands: NodeRedisCommands = {
        evalSha: (...args) => add(() => client.evalSha(...args)),
        lRange: (...args) => add(() => client.lRange(...args)),
        hGet: (...args) => add(() => client.hGet(...args)),
        async execAsPipeline() {
          const replies: unknown[] = []
          for (const [turn, index] of order.entries()) {
            if (turn > 0) await between()
            replies[index] = await sends[index]?.()
          }
          return replies
        },
      }
      const add = (send: () => Promise<unknown>) => {
        sends.push(send)
        return commands
      }
      return commands
    }
    const split = new Proxy(client, {
      get(target, name) {
        if (name === 'multi') return multi
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    return createRedisJobStore({ client: split })
  }

  it.each(CLIENT_NAMES)('goes on when the server has forgotten its scripts, through %s', async (name) => {
    const store = createRedisJobStore({ client: open[name].client })
    await job(store, ['a', 'b'])
    await admin.script('FLUSH')
    expect(texts(await store.readEvents('job', 0, 10))).toEqual(['a', 'b'])
  })

  it.each(CLIENT_NAMES)('says what the server refuses, through %s', async (name) => {
    const store = createRedisJobStore({ client: open[name].client })
    await job(store, ['a'])
    await admin.del('{gen}:log:job')
    await admin.set('{gen}:log:job', 'not a list')
    const reading = store.readEvents('job', 0, 10)
    await expect(reading).rejects.toBeInstanceOf(StoreError)
    await expect(reading).rejects.toMatchObject({ operation: 'readEvents', cause: { message: /WRONGTYPE/ } })
  })

  it('LIM-05: only a page that reaches the end brings the terminal event, which may be as large as the result', async () => {
    const store = createRedisJobStore({ client: open.ioredis.client })
    const { fencingToken } = await job(
      store,
      Array.from({ length: 100 }, () => 'y'),
    )
    const result = 'x'.repeat(100_000)
    const end = { status: 'completed', commit: 'none', cleanup: 'clean', forced: false, queuedMs: 0, runMs: 0 } as const
    await store.settle({ jobId: 'job', fencingToken, operationId: 'settle', end: { ...end, result } })
    const output = async () => Number(/total_net_output_bytes:(\d+)/.exec(await admin.info('stats'))?.[1])
    const before = await output()
    for (let after = 0; after < 96; after += 16) {
      expect(await store.readEvents('job', after, 16)).toMatchObject({ events: { length: 16 } })
    }
    expect((await output()) - before).toBeLessThan(100_000)
    const last = { seq: 101, type: 'complete', result }
    expect(await store.readEvents('job', 96, 16)).toMatchObject({ events: [{}, {}, {}, {}, last], status: 'completed' })
    expect(await store.readEvents('job', 100, 1)).toMatchObject({ events: [last] })
    expect(await store.readEvents('job', 99, 1)).toMatchObject({ events: [{ seq: 100, type: 'chunk' }] })
  })

  it('G10: an end that comes between the commands of a page is told whole, by this page or by the next', async () => {
    const store = createRedisJobStore({ client: open['node-redis'].client })
    const end = { status: 'completed', commit: 'none', cleanup: 'clean', forced: false, queuedMs: 0, runMs: 0 } as const
    const orders = [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ] as const
    for (const order of orders) {
      await admin.flushall()
      const { fencingToken, append } = await job(store, ['a'])
      let step = 0
      const reading = apart(order, async () => {
        if (++step === 1) await append(2, ['b'])
        if (step === 2) await store.settle({ jobId: 'job', fencingToken, operationId: 'settle', end })
      })
      const seen: number[] = []
      for (let pages = 0; pages < 5; pages++) {
        const answer = await reading.readEvents('job', seen.length, 10)
        if (answer.answer !== 'events') throw new Error(`${order}: ${answer.answer}`)
        if (answer.events.length === 0 && answer.status === 'completed') break
        seen.push(...answer.events.map(({ seq }) => seq))
      }
      expect(seen, String(order)).toEqual([1, 2, 3])
    }
  })

  it('G11: says how large events are: those of the log, or those that were just read', async () => {
    const store = createRedisJobStore({ client: open.ioredis.client })
    const { append } = await job(store, ['x'.repeat(1_000)])
    const { log } = (await store.readEvents('job', 0, 10)) as { log: { eventBytes: number } }
    expect(log.eventBytes).toBeGreaterThan(1_000)
    const small = Array.from({ length: 99 }, () => 'y')
    await append(2, small) // the store was told of 20 bytes for all 100
    const later = (await store.readEvents('job', 48, 52)) as { log: { eventBytes: number } }
    expect(later.log.eventBytes).toBeLessThan(20)
  })

  it('G10: never mixes two jobs that have the same id one after the other', async () => {
    const store = createRedisJobStore({ client: open['node-redis'].client })
    await job(store, ['of the first', 'of the first'])
    let lives = 1
    const nextLife = async () => {
      if (lives === 2) return
      lives++
      await admin.del('{gen}:job:job', '{gen}:log:job')
      await job(store, ['of the second'])
    }
    expect(texts(await apart([0, 1, 2], nextLife).readEvents('job', 0, 10))).toEqual(['of the second'])
    expect(lives).toBe(2)
  })

  it('G10: gives up on an id that belongs to another job each time it looks', async () => {
    const store = createRedisJobStore({ client: open['node-redis'].client })
    await job(store, ['a'])
    const nextLife = async () => {
      await admin.del('{gen}:job:job', '{gen}:log:job')
      await job(store, ['a'])
    }
    await expect(apart([0, 1, 2], nextLife).readEvents('job', 0, 10)).rejects.toThrow(/another job under this id/)
  })

  it('G10: a job that is swept meanwhile is not found', async () => {
    const store = createRedisJobStore({ client: open['node-redis'].client })
    await job(store, ['a'])
    const sweep = () => admin.del('{gen}:job:job', '{gen}:log:job')
    expect(await apart([0, 1, 2], sweep).readEvents('job', 0, 10)).toEqual({ answer: 'not-found' })
  })

  it('G10: what is appended meanwhile is no hole, whichever command comes first', async () => {
    for (const order of [
      [0, 1, 2],
      [1, 0, 2],
      [2, 1, 0],
    ] as const) {
      await admin.flushall()
      const store = createRedisJobStore({ client: open['node-redis'].client })
      const { append } = await job(store, ['1'])
      let last = 1
      const more = async () => {
        if (last < 3) await append(++last, [String(last)])
      }
      const seen = texts(await apart(order, more).readEvents('job', 0, 10)) as string[]
      expect(seen, order.join()).toEqual(['1', '2', '3'].slice(0, seen.length))
      expect(seen.length, order.join()).toBeGreaterThan(0)
    }
  })
})
