import { createRedisJobStore, type RedisJobStoreOptions } from 'generation-jobs/redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { describe, expect, it } from 'vitest'
import { thrownBy } from '../support/caught.js'

/** Neither connects to anything. */
const clients = { ioredis: new Redis({ lazyConnect: true }), 'node-redis': createClient() }

describe('createRedisJobStore', () => {
  it.each(Object.entries(clients))('takes a client of %s, and does not connect it', (_, client) => {
    const store = createRedisJobStore({ client })
    expect(store).toMatchObject({ leaseMs: 6_000, heartbeatMs: 1_000 })
    expect('isOpen' in client ? client.isOpen : client.status !== 'wait').toBe(false)
  })

  const client = clients.ioredis
  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /expected an object with a client, got undefined/],
    ['no client', {}, /client: expected a client of redis or ioredis, got undefined/],
    [
      'something else as client',
      { client: { get() {} } },
      /client: expected a client of redis or ioredis, got an object/,
    ],
    ['a URL as client', { client: 'redis://127.0.0.1' }, /client: expected a client .* got a string of/],
    ['an option that does not exist', { client, prefx: 'a' }, /prefx: unknown; remove it or check its spelling/],
    ['something else as subscriber', { client, subscriber: {} }, /subscriber: expected a client of redis or ioredis/],
    ['an empty prefix', { client, prefix: '' }, /prefix: expected up to 64 letters, digits and _ \. -, got ''/],
    ['a hash tag in the prefix', { client, prefix: 'a{b}' }, /prefix: expected up to 64 letters/],
    ['a heartbeat of nothing', { client, heartbeatMs: 0 }, /heartbeatMs: expected at least 1 millisecond, got 0/],
    ['a heartbeat that is no number', { client, heartbeatMs: Number.NaN }, /heartbeatMs: expected at least 1/],
    [
      'a lease below three heartbeats',
      { client, leaseMs: 2_999 },
      /leaseMs: expected at least 3 heartbeats \(3000\) .* got 2999/,
    ],
    ['a lease without end', { client, leaseMs: Number.POSITIVE_INFINITY }, /leaseMs: .* at most an hour, got Infinity/],
  ])('refuses %s', (_, options, message) => {
    const error = thrownBy(() => createRedisJobStore(options as RedisJobStoreOptions))
    expect(error).toMatchObject({ name: 'InvalidOptionsError', code: 'options.invalid' })
    expect((error as Error).message).toMatch(message)
  })
})
