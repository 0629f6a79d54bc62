import type { GenerationJobManagerOptions, RunContext } from 'generation-jobs'
import { type BullMQBridge, createBullMQBridge } from 'generation-jobs/bullmq'
import { type Cluster, type ClusterNode, cluster } from '../../support/cluster.js'
import { type Tap, tap } from '../../support/tap.js'
import { type LocalQueue, localQueue } from './local-queue.js'

export interface Order {
  readonly words: number
}

/** A node with a bridge, and what its producer was called with. */
export interface BridgeNode extends ClusterNode {
  readonly bridge: BullMQBridge<Order, string>
  readonly orders: Order[]
  readonly runs: RunContext[]
  /** Its producer emits what this gives, and returns 'done' at 'end'. */
  readonly model: Tap<string>
}

/** Nodes with one store and one queue, in virtual time. */
export interface Shop extends Cluster {
  readonly queue: LocalQueue
  open(options?: GenerationJobManagerOptions): BridgeNode
}

export function shop(options: GenerationJobManagerOptions = {}): Shop {
  const all = cluster(options)
  const queue = localQueue()
  return {
    ...all,
    queue,
    open(own) {
      const node = all.join(own)
      const [orders, runs, model] = [[] as Order[], [] as RunContext[], tap<string>()]
      const bridge = createBullMQBridge({
        manager: node.manager,
        queue,
        producer: (order: Order) => async (run) => {
          orders.push(order)
          runs.push(run)
          for (;;) {
            const word = await Promise.race([model.next(), cancelled(run)])
            if (word === 'end') return 'done'
            run.emit(word)
          }
        },
      })
      return { ...node, bridge, orders, runs, model }
    },
  }
}

function cancelled(run: RunContext): Promise<never> {
  return new Promise((_, reject) => {
    run.token.onCancel(() => reject(new Error('stopped')))
  })
}
