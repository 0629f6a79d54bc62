import { setTimeout as wait } from 'node:timers/promises'

const TICK_MS = 10

/**
 * Hands out the tokens at a speed that a person can watch.
 * @param options.tokensPerTick tokens in 10 ms, also below one; `Infinity` does not wait at all.
 * @throws an `AbortError` while it waits, once the signal is aborted.
 */
export async function* atPace(
  tokens: Iterable<string>,
  options: { tokensPerTick: number; signal: AbortSignal },
): AsyncGenerator<string, void, void> {
  const { tokensPerTick, signal } = options
  let allowed = tokensPerTick
  for (const token of tokens) {
    if (allowed < 1) {
      const ticks = Math.ceil((1 - allowed) / tokensPerTick)
      await wait(ticks * TICK_MS, undefined, { signal })
      allowed += ticks * tokensPerTick
    }
    allowed -= 1
    yield token
  }
}
