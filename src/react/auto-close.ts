import { useEffect } from 'react'
import type { ClientClock } from '../client/system-clock.js'

/** Calls `close` when `isDue` has been true for `ms`; not after unmounting. `what`: a new one starts the time anew. */
export function useAutoClose(what: unknown, isDue: boolean, ms: number, clock: ClientClock, close: () => void): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: `what` restarts the time, `close` must not.
  useEffect(() => (isDue ? clock.setTimer(ms, close) : undefined), [what, isDue, ms, clock])
}
