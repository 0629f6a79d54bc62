import type { Clock } from '../protocol/clock.js'

/** The real time of this process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(ms, fn, options) {
    const timer: unknown = setTimeout(fn, ms)
    if (options?.unref && isUnrefable(timer)) timer.unref()
    return () => clearTimeout(timer as number)
  },
  yieldMacrotask: () => new Promise(nextMacrotask),
}

/** Timers of Node, Bun and Deno can let the process exit; a browser's timer is a number. */
function isUnrefable(timer: unknown): timer is { unref(): void } {
  return typeof timer === 'object' && timer !== null && 'unref' in timer
}

/** `setTimeout(0)` is clamped to 4 ms in browsers, so a message port is used where `setImmediate` is missing. */
const nextMacrotask: (resolve: () => void) => void =
  typeof setImmediate === 'function'
    ? (resolve) => void setImmediate(resolve)
    : (resolve) => {
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => {
          port1.close()
          resolve()
        }
        port2.postMessage(undefined)
      }
