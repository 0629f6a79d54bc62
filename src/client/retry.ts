import type { ClientClock } from './system-clock.js'
import { type WithinOptions, within } from './within.js'

const FIRST_DELAY_MS = 500
const LONGEST_MS = 15_000

/**
 * How long to wait before attempt number `attempt` (1 is the first repetition), ms: doubling up to 15 s, and spread over the
 * upper half, so that the clients of a server that restarts do not come back all at once.
 */
export function backoff(attempt: number, firstMs = FIRST_DELAY_MS): number {
  return Math.min(LONGEST_MS, firstMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)
}

/** Repeats `work` until it gives an answer, with a growing delay between; `undefined` when `limitMs` passed or `signal` aborted. */
export async function untilAnswered<T>(
  clock: ClientClock,
  limitMs: number,
  options: WithinOptions,
  work: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const until = clock.monotonic() + limitMs
  for (let attempt = 1; clock.monotonic() < until; attempt++) {
    const answer = await work()
    if (answer || options.signal?.aborted) return answer
    await within(clock, backoff(attempt), options)
  }
  return undefined
}
