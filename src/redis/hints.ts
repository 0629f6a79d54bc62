import type { CancelHint, JobStore } from '../core/job-store.js'
import { CANCEL_KINDS, type CancelKind, type CancelReason } from '../protocol/cancel-reason.js'
import type { Subscriptions } from './subscriptions.js'

type Wake = Parameters<JobStore['watchNode']>[1]

/**
 * Who watches what on this store. A hint of this store's own writes is passed on at once; those of others come through channels.
 * Hints may be lost: nothing but speed depends on them.
 */
export class Hints {
  readonly #channel: string
  readonly #sender: string
  readonly #subscriptions: Subscriptions
  readonly #jobs = new Map<string, Set<() => void>>()
  readonly #nodes = new Map<string, Wake>()

  constructor(options: { channel: string; sender: string; subscriptions: Subscriptions }) {
    this.#channel = options.channel
    this.#sender = options.sender
    this.#subscriptions = options.subscriptions
  }

  watchJob(jobId: string, wake: () => void): () => void {
    const watcher = () => wake() // its own identity: one function may watch twice
    const watchers = this.#jobs.get(jobId) ?? new Set()
    watchers.add(watcher)
    if (watchers.size === 1) {
      this.#jobs.set(jobId, watchers)
      this.#subscriptions.add(`${this.#channel}:job:${jobId}`, {
        onMessage: (sender) => {
          if (sender !== this.#sender) this.wakeJob(jobId)
        },
        // What happened before the subscription was there has left no hint.
        onSubscribed: () => this.wakeJob(jobId),
      })
    }
    return () => {
      if (!watchers.delete(watcher) || watchers.size > 0) return
      this.#jobs.delete(jobId)
      this.#subscriptions.remove(`${this.#channel}:job:${jobId}`)
    }
  }

  watchNode(nodeId: string, wake: Wake): () => void {
    this.#nodes.set(nodeId, wake)
    this.#subscriptions.add(`${this.#channel}:node:${nodeId}`, {
      onMessage: (message) => this.#wakeNode(nodeId, message),
    })
    return () => {
      if (this.#nodes.get(nodeId) !== wake) return
      this.#nodes.delete(nodeId)
      this.#subscriptions.remove(`${this.#channel}:node:${nodeId}`)
    }
  }

  #wakeNode(nodeId: string, message: string): void {
    const [jobId = '', fencingToken, reason] = message.split('\n')
    this.#nodes.get(nodeId)?.(jobId, cancelOf(fencingToken, reason))
  }

  wakeJob(jobId: string): void {
    for (const wake of [...(this.#jobs.get(jobId) ?? [])]) wake()
  }
}

/** Anybody may publish: what cannot be read is a hint without a cancel, and the owner asks the store. */
function cancelOf(fencingToken: string | undefined, reason: string | undefined): CancelHint | undefined {
  if (reason === undefined) return undefined
  try {
    const read: unknown = JSON.parse(reason)
    return isReason(read) ? { fencingToken: Number(fencingToken), reason: read } : undefined
  } catch {
    return undefined
  }
}

function isReason(read: unknown): read is CancelReason {
  if (typeof read !== 'object' || read === null || !('kind' in read) || !('at' in read)) return false
  return CANCEL_KINDS.includes(read.kind as CancelKind) && typeof read.at === 'number'
}
