/**
 * A client of `redis` (node-redis): `createClient()` or `createCluster()`, connected by the application.
 * Only what the store uses is named here, so neither package is needed to compile or to run the other.
 */
export interface NodeRedisClient {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(text: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  multi(): NodeRedisCommands
  duplicate(): NodeRedisSubscriber
}

/** Commands that node-redis sends together. */
export interface NodeRedisCommands {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): NodeRedisCommands
  lRange(key: string, start: number, stop: number): NodeRedisCommands
  hGet(key: string, field: string): NodeRedisCommands
  execAsPipeline(): Promise<unknown[]>
}

/** A connection of node-redis that may subscribe. */
export interface NodeRedisSubscriber {
  readonly isOpen: boolean
  connect(): Promise<unknown>
  destroy(): void
  subscribe(channel: string, listener: (message: unknown, channel: unknown) => void): Promise<unknown>
  unsubscribe(channel: string, listener: (message: unknown, channel: unknown) => void): Promise<unknown>
  on(event: 'error' | 'ready', listener: () => void): unknown
  off(event: 'error' | 'ready', listener: () => void): unknown
}

/** A client of `ioredis`: `new Redis()` or `new Cluster()`. */
export interface IoRedisClient {
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>
  eval(text: string, keys: number, ...args: string[]): Promise<unknown>
  pipeline(): IoRedisCommands
  duplicate(): IoRedisSubscriber
}

/** Commands that ioredis sends together. */
export interface IoRedisCommands {
  evalsha(sha: string, keys: number, ...args: string[]): IoRedisCommands
  lrange(key: string, start: number, stop: number): IoRedisCommands
  hget(key: string, field: string): IoRedisCommands
  exec(): Promise<[error: Error | null, reply: unknown][] | null>
}

/** A connection of ioredis that may subscribe. */
export interface IoRedisSubscriber {
  readonly options: object
  disconnect(): void
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  on(event: 'error' | 'ready', listener: () => void): unknown
  off(event: 'message', listener: (channel: string, message: string) => void): unknown
  off(event: 'error' | 'ready', listener: () => void): unknown
}

/** A client of `redis` or of `ioredis`; of either only what the store calls. */
export type RedisClient = NodeRedisClient | IoRedisClient
/** A connection of the same that only subscribes. */
export type RedisSubscriber = NodeRedisSubscriber | IoRedisSubscriber

export function isNodeRedis(client: RedisClient): client is NodeRedisClient {
  return 'evalSha' in client
}
