export type { RedisJobStoreOptions } from './options.js'
export type {
  IoRedisClient,
  IoRedisSubscriber,
  NodeRedisClient,
  NodeRedisSubscriber,
  RedisClient,
  RedisSubscriber,
} from './redis-client.js'
export { createRedisJobStore } from './redis-job-store.js'
