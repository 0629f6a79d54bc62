import { type Awaitable, whenAnswered } from './awaitable.js'
import type { TimeLimits } from './time-limits.js'

/** From one time to the next: 0.25, 0.5, 1, 2 and 4 s after the answer to the first. The owner's heartbeats are another way. */
const GAPS_MS = [250, 250, 500, 1_000, 2_000]

/**
 * Sends an accepted cancel again under its own id until the returned function stops it, so that the store tells the owner again: the
 * first hint may be lost, and nothing in the record says that the owner has seen it. A repeat that fails is one more lost hint.
 */
export function repeatCancel(send: () => Awaitable<unknown>, limits: TimeLimits): () => void {
  let stop = ignore
  const waitFor = ([gap, ...later]: readonly number[]): void => {
    if (gap === undefined) return
    const again = (): void => {
      void whenAnswered(send, ignore, ignore)
      waitFor(later)
    }
    stop = limits.schedule(gap, again, { holdsProcess: false })
  }
  waitFor(GAPS_MS)
  return () => stop()
}

function ignore(): void {}
