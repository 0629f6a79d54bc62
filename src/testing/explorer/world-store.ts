import type { JobStore } from '../../core/job-store.js'
import { STORE_OPERATIONS, type StoreOperation } from '../store-operations.js'
import type { EventBoard } from './event-board.js'
import type { History } from './facts.js'
import type { RecordWatch } from './record-watch.js'
import type { WorldNodeState } from './world-node.js'

/**
 * How a store answers a call. `now`: a value, in the tick. `later`: the call arrives, and is answered, when the explorer says so;
 * it may also fail then. `slow-reply`: it arrives at once, the answer comes when the explorer says so. `lost-reply`: it arrives,
 * and nothing comes back, ever. `never`: it does not even arrive. `fail`: it rejects, and nothing was done.
 */
export type StoreAnswer = 'now' | 'later' | 'slow-reply' | 'lost-reply' | 'never' | 'fail'

/** The answers that are tried, by operation; what is not named answers `now`. */
export type StoreAnswers = { readonly [Operation in StoreOperation]?: readonly StoreAnswer[] | undefined }

export interface WorldStoreParts {
  readonly inner: JobStore
  readonly node: WorldNodeState
  readonly board: EventBoard
  readonly history: History
  readonly watch: RecordWatch
  readonly heartbeatMs: number | undefined
  /** How this call is answered. */
  readonly decide: (operation: StoreOperation) => StoreAnswer
}

/** A node's way to the store that all nodes share. Whatever a call changes there is noted in the same tick. */
export function worldStore(parts: WorldStoreParts): JobStore {
  const { inner, node, board, history, watch, decide, heartbeatMs } = parts

  function arrive(operation: StoreOperation, args: readonly unknown[]): unknown {
    const answer: unknown = Reflect.apply(inner[operation], inner, args)
    watch.arrived(operation, args, answer)
    return answer
  }

  function call(operation: StoreOperation, args: readonly unknown[]): unknown {
    if (node.isCrashed) return new Promise(() => {})
    const how = decide(operation)
    if (how !== 'now') history.note({ type: 'store', operation, answer: how, node: node.name })
    switch (how) {
      case 'now':
        return arrive(operation, args)
      case 'fail':
        return Promise.reject(new Error(`${operation}: the store is away`))
      case 'never':
        return new Promise(() => {})
      case 'lost-reply':
        arrive(operation, args)
        return new Promise(() => {})
      case 'slow-reply': {
        const answer = arrive(operation, args)
        return new Promise((resolve) => {
          board.expect(`store.${operation}`, node, [{ name: '', happen: () => resolve(answer) }])
        })
      }
      case 'later':
        return new Promise((resolve, reject) => {
          board.expect(`store.${operation}`, node, [
            { name: '', happen: () => resolve(arrive(operation, args)) },
            { name: '!', happen: () => reject(new Error(`${operation}: the store is away`)) },
          ])
        })
    }
  }

  const operations = Object.fromEntries(
    STORE_OPERATIONS.map((operation) => [operation, (...args: readonly unknown[]) => call(operation, args)]),
  )
  return {
    ...(operations as unknown as Pick<JobStore, StoreOperation>),
    leaseMs: inner.leaseMs,
    heartbeatMs: heartbeatMs ?? inner.heartbeatMs,
    watchJob: (jobId, wake) => inner.watchJob(jobId, () => node.hint(wake)),
    watchNode: (nodeId, wake) => inner.watchNode(nodeId, (jobId, cancel) => node.hint(() => wake(jobId, cancel))),
    footprint: () => inner.footprint(),
  }
}
