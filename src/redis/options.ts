import { InvalidOptionsError, kindOf, show } from '../core/errors.js'
import type { RedisClient, RedisSubscriber } from './redis-client.js'

/** Of {@link createRedisJobStore}. */
export interface RedisJobStoreOptions {
  /**
   * A client of `redis` or `ioredis`, of the application: the store neither connects nor closes it. Give it an `error` listener, as
   * both packages ask for.
   */
  client: RedisClient
  /**
   * A connection for hints that the application owns. @defaultValue one of the store's own, by `client.duplicate()`: it is open as
   * long as somebody watches a job, or a manager is open, and is closed with the last of them
   */
  subscriber?: RedisSubscriber | undefined
  /** What all keys and channels begin with, for several stores on one server: up to 64 letters, digits and `_ . -`. @defaultValue `'gen'` */
  prefix?: string | undefined
  /** How long an owner keeps a job without a heartbeat, milliseconds; at least three heartbeats. @defaultValue 6_000 */
  leaseMs?: number | undefined
  /** How often an owner renews its leases, milliseconds. @defaultValue 1_000 */
  heartbeatMs?: number | undefined
}

export interface ResolvedRedisOptions {
  readonly client: RedisClient
  readonly subscriber: RedisSubscriber | undefined
  readonly prefix: string
  readonly leaseMs: number
  readonly heartbeatMs: number
}

const KNOWN: readonly string[] = ['client', 'subscriber', 'prefix', 'leaseMs', 'heartbeatMs']
const MAX_LEASE_MS = 3_600_000

/** @throws {InvalidOptionsError} */
export function resolveRedisOptions(options: RedisJobStoreOptions): ResolvedRedisOptions {
  const given: unknown = options
  if (typeof given !== 'object' || given === null) fail(`expected an object with a client, got ${kindOf(given)}`)
  for (const key of Object.keys(given))
    if (!KNOWN.includes(key)) fail(`${key}: unknown; remove it or check its spelling`)
  const { client, subscriber, prefix = 'gen', leaseMs = 6_000, heartbeatMs = 1_000 } = options
  if (!has(client, 'eval', 'duplicate') || !(has(client, 'evalSha') || has(client, 'evalsha'))) {
    fail(`client: expected a client of redis or ioredis, got ${kindOf(client)}`)
  }
  if (subscriber !== undefined && !has(subscriber, 'subscribe', 'unsubscribe', 'on', 'off')) {
    fail(`subscriber: expected a client of redis or ioredis, got ${kindOf(subscriber)}`)
  }
  if (typeof prefix !== 'string' || !/^[\w.-]{1,64}$/.test(prefix)) {
    fail(`prefix: expected up to 64 letters, digits and _ . -, got ${show(prefix)}`)
  }
  if (!(heartbeatMs >= 1)) fail(`heartbeatMs: expected at least 1 millisecond, got ${show(heartbeatMs)}`)
  if (!(leaseMs >= 3 * heartbeatMs && leaseMs <= MAX_LEASE_MS)) {
    fail(`leaseMs: expected at least 3 heartbeats (${3 * heartbeatMs}) and at most an hour, got ${show(leaseMs)}`)
  }
  return { client, subscriber, prefix, leaseMs: Math.ceil(leaseMs), heartbeatMs }
}

function has(value: unknown, ...methods: string[]): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    methods.every((name) => typeof Reflect.get(value, name) === 'function')
  )
}

function fail(problem: string): never {
  throw new InvalidOptionsError(`Invalid createRedisJobStore options: ${problem}.`)
}
