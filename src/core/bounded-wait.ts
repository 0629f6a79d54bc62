import pTimeout from 'p-timeout'
import type { TimeLimits } from './time-limits.js'

/** What a wait gives that did not get its value in time. */
export const TIMED_OUT: unique symbol = Symbol('timed out')

/**
 * Waits for a promise, but no longer than `ms` milliseconds: its value, or {@link TIMED_OUT}. Rejects when the promise does.
 * The promise goes on; a late rejection is handled.
 */
export function boundedWait<T>(
  promise: Promise<T>,
  ms: number,
  limits: TimeLimits,
  options: { holdsProcess: boolean } = { holdsProcess: false },
): Promise<T | typeof TIMED_OUT> {
  return pTimeout(promise, {
    milliseconds: Math.max(ms, 1), // p-timeout refuses 0
    fallback: (): T | typeof TIMED_OUT => TIMED_OUT,
    customTimers: {
      // p-timeout hands the timer back as it came, so our "clear" function can stand in for the timer's id.
      setTimeout: ((fn: () => void, delay: number) =>
        limits.schedule(delay, fn, options)) as unknown as typeof setTimeout,
      clearTimeout: ((clear: (() => void) | undefined) => clear?.()) as unknown as typeof clearTimeout,
    },
  })
}
