import { GenerationJobManager, type GenerationJobManagerOptions, type JobStore } from 'generation-jobs'
import { createRedisJobStore, type RedisSubscriber } from 'generation-jobs/redis'
import { onTestFinished } from 'vitest'
import { type CapturedLogs, captureLogs } from '../../support/captured-logs.js'
import { CLIENTS, type ClientName, type OpenClient } from './clients.js'

/** Short, because here time is real: a dead owner is found within a second. */
export const LEASE_MS = 900
export const HEARTBEAT_MS = 100
/** How long a hint that is lost may delay what it was for. */
export const GRACE_MS = 300
export const CANCEL_MS = 900
/** What a busy machine may add to any bound. */
export const SLACK_MS = 1_500
/** How long a dead owner keeps its job: a reaper looks once per heartbeat. */
export const REAPED_MS = LEASE_MS + 2 * HEARTBEAT_MS + SLACK_MS

export interface NodeOptions extends GenerationJobManagerOptions {
  readonly client?: ClientName
  readonly prefix?: string
  readonly leaseMs?: number
  readonly heartbeatMs?: number
  /** Where it listens for hints, instead of on a connection of the store's own. */
  readonly subscriber?: RedisSubscriber
  /** No hint reaches it. */
  readonly isDeaf?: boolean
}

/** One server process in the small: its client, its store, its manager. */
export interface RedisNode {
  readonly manager: GenerationJobManager
  readonly store: JobStore
  readonly logs: CapturedLogs
}

export async function openNode(port: number, { client = 'ioredis', ...options }: NodeOptions = {}): Promise<RedisNode> {
  return nodeOver(await CLIENTS[client](port), options)
}

/** Closed when the test ends: the manager first, then its client. */
export function nodeOver(open: OpenClient, options: Omit<NodeOptions, 'client'> = {}): RedisNode {
  const { prefix, leaseMs = LEASE_MS, heartbeatMs = HEARTBEAT_MS, isDeaf = false, ...others } = options
  const { subscriber = isDeaf ? DEAF : undefined, ...own } = others
  const logs = captureLogs()
  const store = createRedisJobStore({ client: open.client, subscriber, prefix, leaseMs, heartbeatMs })
  const manager = new GenerationJobManager({
    store,
    logger: logs,
    gracePeriodMs: GRACE_MS,
    cancelTimeoutMs: CANCEL_MS,
    retentionMs: 60_000,
    ...own,
  })
  onTestFinished(async () => {
    await manager.close()
    open.close()
  })
  return { manager, store, logs }
}

/** A subscriber that hears nothing. */
const DEAF: RedisSubscriber = {
  isOpen: true,
  options: {},
  connect: async () => {},
  destroy() {},
  subscribe: async () => {},
  unsubscribe: async () => {},
  on() {},
  off() {},
}

/** Emits a chunk every few milliseconds, until it is told to stop. */
export async function* endless(everyMs = 5): AsyncGenerator<string, void> {
  for (let count = 1; ; count++) {
    yield `chunk ${count} `
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
