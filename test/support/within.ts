import type { VirtualClock } from 'generation-jobs/testing'

/**
 * Moves the clock by `ms` and gives what the promise has settled to by then.
 * @throws {Error} when it has not settled, instead of a test that hangs
 */
export async function within<T>(clock: VirtualClock, ms: number, promise: Promise<T>): Promise<T> {
  let settled = false
  const note = (): void => {
    settled = true
  }
  promise.then(note, note)
  await clock.advance(ms)
  if (!settled) throw new Error(`the promise has not settled within ${ms} ms of virtual time`)
  return promise
}

/** The monotonic time at which the promise settles. */
export function settleTime(clock: VirtualClock, promise: Promise<unknown>): Promise<number> {
  return promise.then(
    () => clock.monotonic(),
    () => clock.monotonic(),
  )
}
