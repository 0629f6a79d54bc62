import type { JobStore, StoreFootprint } from '../core/job-store.js'
import { Hints } from './hints.js'
import { type RedisJobStoreOptions, type ResolvedRedisOptions, resolveRedisOptions } from './options.js'
import { eventsReader } from './read-events.js'
import { type ScriptSetting, scriptRunner, scriptSender } from './script-runner.js'
import { append } from './scripts/append.js'
import { runningCanceller } from './scripts/cancel-running.js'
import { claimCommit } from './scripts/claim-commit.js'
import { create } from './scripts/create.js'
import { list } from './scripts/list.js'
import { read } from './scripts/read.js'
import { reap } from './scripts/reap.js'
import { renewLeases } from './scripts/renew-leases.js'
import { requestCancel } from './scripts/request-cancel.js'
import { settle } from './scripts/settle.js'
import { start } from './scripts/start.js'
import { sweep } from './scripts/sweep.js'
import { touchViewers } from './scripts/touch-viewers.js'
import { subscriberConnection } from './subscriber-connection.js'
import { Subscriptions } from './subscriptions.js'

/** Logs and settled jobs are in Redis: this process holds nothing of them. */
const NOTHING: StoreFootprint = { settledJobs: { completed: 0, failed: 0, cancelled: 0 }, logEvents: 0, logBytes: 0 }

/**
 * Keeps jobs in Redis or Valkey (6.2 or newer), so that any node can cancel, wait for and read the jobs of every other. Each change
 * is one script, atomic on the server and by the server's time; only a cancel is sent ahead of what it writes besides.
 *
 * Calls wait as long as the client does: the manager bounds each of them. What arrives late does no harm, because every operation
 * carries its id and its fencing token.
 *
 * @throws {InvalidOptionsError} when an option is wrong
 */
export function createRedisJobStore(options: RedisJobStoreOptions): JobStore {
  return openRedisJobStore(resolveRedisOptions(options))
}

/** The same without checks; `aheadMs` moves its time, for tests that own time. */
export function openRedisJobStore(options: ResolvedRedisOptions & { aheadMs?: () => number }): JobStore {
  const { client, subscriber, prefix, leaseMs, heartbeatMs, aheadMs = () => 0 } = options
  const sender = crypto.randomUUID()
  const channel = prefix
  const root = `{${prefix}}`
  const setting: ScriptSetting = { root, channel, sender, leaseMs, aheadMs }
  const send = scriptSender(client)
  const run = scriptRunner(client, send, setting)
  const cancelRunning = runningCanceller(send, setting)
  const subscriptions = new Subscriptions(subscriberConnection(client, subscriber))
  const hints = new Hints({ channel, sender, subscriptions })

  /** Those who watch on this very store need no channel to learn what it did. */
  const waking = async <A>(jobId: string, answer: Promise<A>): Promise<A> => {
    await answer
    hints.wakeJob(jobId)
    return answer
  }

  return {
    leaseMs,
    heartbeatMs,
    create: (job) => create(run, job),
    start: (request) => start(run, request),
    append: (jobId, fencingToken, events, bytes) => waking(jobId, append(run, jobId, fencingToken, events, bytes)),
    claimCommit: (operation) => claimCommit(run, operation),
    settle: (operation) => waking(operation.jobId, settle(run, operation)),
    requestCancel: (request) => waking(request.jobId, requestCancel(run, cancelRunning, request)),
    renewLeases: (leases) => renewLeases(run, leases),
    touchViewers: (touches) => touchViewers(run, touches),
    read: (jobId) => read(run, jobId),
    readEvents: eventsReader(client, root),
    list: (filter) => list(run, filter),
    async reap() {
      const reaped = await reap(run)
      for (const { jobId } of reaped) hints.wakeJob(jobId)
      return reaped
    },
    async sweep() {
      for (const jobId of await sweep(run)) hints.wakeJob(jobId)
    },
    watchJob: (jobId, wake) => hints.watchJob(jobId, wake),
    watchNode: (nodeId, wake) => hints.watchNode(nodeId, wake),
    footprint: () => NOTHING,
  }
}
