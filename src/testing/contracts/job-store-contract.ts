import type { Awaitable } from '../../core/awaitable.js'
import { cancelling } from './cancelling.js'
import { ContractWorld, type Scenario, type StoreUnderTest } from './contract-world.js'
import { creating } from './creating.js'
import { ending } from './ending.js'
import { keysAndGroups } from './keys-and-groups.js'
import { leases } from './leases.js'
import { listing } from './listing.js'
import { logging } from './logging.js'
import { reading } from './reading.js'
import { reaping } from './reaping.js'
import { retaining } from './retaining.js'
import { starting } from './starting.js'
import { transitions } from './transitions.js'
import { hinting, viewing } from './watching.js'

/** One rule of a port. `run` resolves when the rule holds, and rejects with what is wrong when it does not. */
export interface ContractCase {
  readonly name: string
  run(): Promise<void>
}

const SCENARIOS: readonly Scenario[] = [
  ...creating,
  ...keysAndGroups,
  ...starting,
  ...transitions,
  ...logging,
  ...reading,
  ...ending,
  ...cancelling,
  ...leases,
  ...reaping,
  ...viewing,
  ...hinting,
  ...listing,
  ...retaining,
]

/**
 * The definition of the `JobStore` port: a store that passes every case is one. `makeStore` is called for each case and must
 * give an empty store; the cases do not depend on each other and may run in any order, or at once.
 */
export function jobStoreContract(options: { makeStore(): Awaitable<StoreUnderTest> }): ContractCase[] {
  return SCENARIOS.map(({ name, play }) => ({
    name,
    async run() {
      const under = await options.makeStore()
      try {
        await play(new ContractWorld(under))
      } finally {
        await under.close?.()
      }
    },
  }))
}
