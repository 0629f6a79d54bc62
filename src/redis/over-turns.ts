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
  let sent = 0
  let turn: Promise<void> | undefined

  return async (script, calls) => {
    if (SPREAD.includes(script.operation)) {
      while (sent >= PER_TURN) await turn
      sent++
      turn ??= nextTurn()
    }
    return send(script, calls)
  }

  async function nextTurn(): Promise<void> {
    await systemClock.yieldMacrotask()
    sent = 0
    turn = undefined
  }
}
