/**
 * The store that several servers share.
 *
 * @module generation-jobs/redis
 */
export type { RedisJobStoreOptions } from './options.js'
export type {
  IoRedisClient,
  IoRedisCommands,
  IoRedisSubscriber,
  NodeRedisClient,
  NodeRedisCommands,
  NodeRedisSubscriber,
  RedisClient,
  RedisSubscriber,
} from './redis-client.js'
export { checkRedisHealth, type RedisHealth, type RedisHealthOptions } from './redis-health.js'
export { createRedisJobStore } from './redis-job-store.js'
