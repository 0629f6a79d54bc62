import type { FairYield } from './fair-yield.js'
import { SourcePump } from './source-pump.js'

/** The sources that a run reads at the moment or that have not let go yet. */
export class OpenSources {
  readonly #fair: FairYield
  readonly #onDropped: () => void
  readonly #onAllClosed: () => void
  readonly #pumps = new Set<{ stop(error: unknown): void }>()

  constructor(fair: FairYield, onDropped: () => void, onAllClosed: () => void) {
    this.#fair = fair
    this.#onDropped = onDropped
    this.#onAllClosed = onAllClosed
  }

  get size(): number {
    return this.#pumps.size
  }

  /**
   * Reads a source until its end and answers its return value; rejects with what stopped it.
   * With a `refusal` the source is closed unread.
   */
  async pump<Item>(
    source: object,
    onItem: (item: Item) => Promise<void> | undefined,
    refusal: { readonly error: unknown } | undefined,
  ): Promise<unknown> {
    const pump = new SourcePump<Item>(source, {
      fair: this.#fair,
      onItem,
      onDropped: this.#onDropped,
      onClosed: () => {
        this.#pumps.delete(pump)
        if (this.#pumps.size === 0) this.#onAllClosed()
      },
    })
    this.#pumps.add(pump)
    if (refusal) pump.stop(refusal.error)
    else pump.start()
    return await pump.ended
  }

  stopAll(error: unknown): void {
    for (const pump of [...this.#pumps]) pump.stop(error)
  }
}
