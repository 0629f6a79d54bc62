import type { Clock } from '../../protocol/clock.js'
import { ContractError } from './check.js'

/** Waits for what must come soon. @throws {ContractError} when it does not */
export async function within<T>(clock: Clock, ms: number, promise: PromiseLike<T>, what: string): Promise<T> {
  let clear = (): void => {}
  const limit = new Promise<never>((_, reject) => {
    clear = clock.setTimer(ms, () => reject(new ContractError(`${what}: not within ${ms} ms`)))
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clear()
  }
}

/** Looks again and again until it holds. @throws {ContractError} when it does not hold in time */
export async function until(clock: Clock, ms: number, holds: () => unknown, what: string): Promise<void> {
  const startedAt = clock.monotonic()
  while (!(await holds())) {
    if (clock.monotonic() - startedAt >= ms) throw new ContractError(`${what}: not within ${ms} ms`)
    await new Promise<void>((resolve) => void clock.setTimer(LOOK_MS, resolve))
  }
}

const LOOK_MS = 5
