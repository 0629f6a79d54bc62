import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '../../../support/seeded-random.js'
import type { Fault, FaultProxy } from '../fault-proxy.js'
import type { RedisServer } from '../redis-server.js'
import type { ChaosNode } from './chaos-node.js'
import type { Write } from './history.js'

const NETWORK: readonly Fault[] = ['black-hole', 'lose-replies', 'slow', 'refuse']

export interface FaultOptions {
  readonly seed: number
  readonly leaseMs: number
  readonly server: RedisServer
  readonly nodes: readonly ChaosNode[]
  /** The way of each node to the server. */
  readonly proxies: readonly FaultProxy[]
  readonly write: Write
}

/** Disturbs at random until it is stopped; then everything runs again and every way is open. */
export async function disturb(options: FaultOptions, isOver: () => boolean): Promise<Record<string, number>> {
  const { seed, leaseMs, server, nodes, proxies, write } = options
  const random = seededRandom(seed)
  const counts: Record<string, number> = {}
  const restarts: Promise<void>[] = []
  let down: ChaosNode | undefined
  const note = (fault: string) => {
    write({ what: 'fault', fault })
    const kind = fault.replace(/ of .*/, '')
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  /** Mostly shorter than a lease, sometimes longer. */
  const someTime = () => delay(random() < 0.75 ? random() * 400 : leaseMs * (1 + random()))

  while (!isOver()) {
    await delay(random() * 300)
    const index = Math.floor(random() * nodes.length)
    const node = nodes[index] as ChaosNode
    const proxy = proxies[index] as FaultProxy
    const dice = random()
    if (dice < 0.4) {
      const fault = NETWORK[Math.floor(random() * NETWORK.length)] as Fault
      note(`${fault} of ${node.name}`)
      await proxy.set(fault)
      await someTime()
      await proxy.set('none')
      if (fault !== 'slow') proxy.reset() // a connection that has lost bytes is never used again
    } else if (dice < 0.65) {
      note(`stop of ${node.name}`)
      node.stop()
      await someTime()
      node.continue()
    } else if (dice < 0.85) {
      if (down) continue // two are left, always
      note(`kill of ${node.name}`)
      down = node
      await node.kill()
      restarts.push(
        node.start().then(() => {
          down = undefined
        }),
      )
    } else {
      note('kill of Redis')
      await server.kill()
      await someTime()
      await server.start()
    }
  }
  await Promise.all(restarts)
  return counts
}
