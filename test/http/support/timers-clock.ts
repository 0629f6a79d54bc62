import { createVirtualClock, type VirtualClock } from 'generation-jobs/testing'

/** A virtual clock for tests with sockets: time stands still until the test moves it, turns of the event loop are real. */
export function timersClock(): VirtualClock {
  return { ...createVirtualClock(), yieldMacrotask: nextTurn }
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Waits for something that needs no time of the clock but turns of the loop. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await nextTurn()
}
