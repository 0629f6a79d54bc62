import type { Awaitable } from './awaitable.js'
import { isThenable } from './awaitable.js'
import type { Settlement } from './settlement.js'

type Write = () => Awaitable<Settlement>

/** Ends that the store could not take: written again with each heartbeat until they are recorded or somebody else's end is. */
export class WriteRetries {
  readonly #writes = new Set<Write>()
  readonly #underWay = new Set<Promise<void>>()

  get size(): number {
    return this.#writes.size
  }

  add(write: Write): void {
    this.#writes.add(write)
  }

  /** One more attempt for each; resolves when all are answered, which takes no longer than one store call. */
  async retryAll(): Promise<void> {
    if (this.#underWay.size === 0) for (const write of this.#writes) this.#retry(write)
    await Promise.all(this.#underWay)
  }

  #retry(write: Write): void {
    const settle = (settlement: Settlement): void => {
      if (settlement.kind !== 'unrecorded' || !settlement.retry) this.#writes.delete(write)
    }
    const settlement = write()
    if (!isThenable(settlement)) return settle(settlement)
    const attempt: Promise<void> = settlement.then((late) => {
      settle(late)
      this.#underWay.delete(attempt)
    })
    this.#underWay.add(attempt)
  }
}
