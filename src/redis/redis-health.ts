import { InvalidOptionsError, StoreError, show } from '../core/errors.js'
import { systemClock } from '../core/system-clock.js'
import type { Clock } from '../protocol/clock.js'
import { isNodeRedis, type RedisClient } from './redis-client.js'

/** What {@link checkRedisHealth} found. */
export interface RedisHealth {
  /** From the question to the answer, milliseconds. */
  readonly latencyMs: number
  /** What the server calls itself: `7.0.15`. */
  readonly version: string
  /** It has a memory limit and would drop keys to stay below it, those of live jobs among them: set `maxmemory-policy noeviction`. */
  readonly mayEvict: boolean
}

/** Of {@link checkRedisHealth}. */
export interface RedisHealthOptions {
  /** @defaultValue 1_000 milliseconds */
  timeoutMs?: number | undefined
  clock?: Clock | undefined
}

const INFO = `return redis.call('INFO')`

/**
 * Asks Redis whether it is there, for a readiness check; it changes nothing.
 *
 * @throws {StoreError} when it gives no answer in time, or an error
 * @throws {InvalidOptionsError} when `timeoutMs` is not above 0
 */
export async function checkRedisHealth(client: RedisClient, options: RedisHealthOptions = {}): Promise<RedisHealth> {
  const { timeoutMs = 1_000, clock = systemClock } = options
  if (!(timeoutMs > 0))
    throw new InvalidOptionsError(`checkRedisHealth: expected timeoutMs above 0, got ${show(timeoutMs)}.`)
  const askedAt = clock.monotonic()
  const info = await answeredInTime(ask(client), timeoutMs, clock)
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  return {
    latencyMs: clock.monotonic() - askedAt,
    version: field('valkey_version') || field('redis_version'),
    mayEvict: Number(field('maxmemory')) > 0 && field('maxmemory_policy') !== 'noeviction',
  }
}

async function ask(client: RedisClient): Promise<string> {
  try {
    return String(await (isNodeRedis(client) ? client.eval(INFO, { keys: [], arguments: [] }) : client.eval(INFO, 0)))
  } catch (cause) {
    throw new StoreError('health', 'failed', { cause })
  }
}

/** A client waits for a server that does not answer for as long as it is connected. */
function answeredInTime(answer: Promise<string>, timeoutMs: number, clock: Clock): Promise<string> {
  return new Promise((resolve, reject) => {
    const clear = clock.setTimer(timeoutMs, () => {
      reject(new StoreError('health', `gave no answer within ${timeoutMs} ms`))
    })
    answer.then(resolve, reject).finally(clear)
  })
}
