import { systemClock } from '../core/system-clock.js'
import type { SendCalls } from './joined-calls.js'
import type { Script } from './scripts/script.js'

/** Two are about half of what a hundred jobs send at once. */
const PER_TURN = 2
const SPREAD: readonly Script['operation'][] = ['create', 'settle']

/**
 * Spreads batches over turns of the event loop, for a client that writes at the end of a turn whatever was sent in it: the server
 * would read all of it, and answer all of it, in one go, and so server and process would wait for each other in turns. It is what
 * begins and ends jobs that comes in such numbers; all else passes, and stays in order.
 */
export function overTurns(send: SendCalls): SendCalls {
  const waiting: (() => void)[] = []
  let inThisTurn = 0
  let isTurning = false

  return async (script, calls) => {
    if (SPREAD.includes(script.operation)) {
      if (inThisTurn >= PER_TURN) await new Promise<void>((resolve) => waiting.push(resolve))
      else inThisTurn++
      if (!isTurning) void turn()
    }
    return send(script, calls)
  }

  /** Turns of a busy process are long, so more go in each the more there are: none waits for more than a few. */
  async function turn(): Promise<void> {
    isTurning = true
    do {
      await systemClock.yieldMacrotask()
      const next = waiting.splice(0, Math.max(PER_TURN, waiting.length / 2))
      inThisTurn = next.length
      for (const go of next) go()
    } while (inThisTurn > 0)
    isTurning = false
  }
}
