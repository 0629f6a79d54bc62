import type { Clock } from '../protocol/clock.js'

/** What a client and a modal need of a clock; every `Clock` has it. */
export type ClientClock = Pick<Clock, 'monotonic' | 'setTimer'>

/** The real time of this page or process. */
export const systemClock: ClientClock = {
  monotonic: () => performance.now(),
  setTimer(ms, fn, options) {
    const timer: { unref?(): void } | number = setTimeout(fn, ms)
    // A browser's timer is a number; those of Node, Bun and Deno can let the process exit.
    if (options?.unref) (timer as { unref?(): void }).unref?.()
    return () => clearTimeout(timer as number)
  },
}
