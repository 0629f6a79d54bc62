import { type Awaitable, isThenable } from './awaitable.js'
import type { Settlement } from './settlement.js'

/** An end that is not recorded yet. */
export interface UnrecordedEnd {
  /** Tries once more; never throws or rejects. */
  readonly write: () => Awaitable<Settlement>
  /** Lets go of what is kept for another try. */
  readonly abandon: () => void
}

/** Ends that the store could not take: written again with each heartbeat until they are recorded or somebody else's end is. */
export class WriteRetries {
  readonly #ends = new Set<UnrecordedEnd>()
  readonly #underWay = new Set<Promise<void>>()

  add(end: UnrecordedEnd): void {
    this.#ends.add(end)
  }

  /** One more attempt for each; resolves when all are answered, which takes no longer than two store calls. */
  async retryAll(): Promise<void> {
    if (this.#underWay.size === 0) for (const end of this.#ends) this.#retry(end)
    await Promise.all(this.#underWay)
  }

  /** A last attempt; what fails is left to the reapers of other nodes. */
  async finish(): Promise<void> {
    if (this.#ends.size > 0) await this.retryAll()
    for (const end of this.#ends) end.abandon()
    this.#ends.clear()
  }

  #retry(end: UnrecordedEnd): void {
    const settle = (settlement: Settlement): void => {
      if (settlement.kind === 'unrecorded' && settlement.retry) return
      this.#ends.delete(end)
      end.abandon()
    }
    const settlement = end.write()
    if (!isThenable(settlement)) return settle(settlement)
    const attempt: Promise<void> = settlement.then((late) => {
      settle(late)
      this.#underWay.delete(attempt)
    })
    this.#underWay.add(attempt)
  }
}
