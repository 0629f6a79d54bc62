/**
 * The only source of time of this library: every limit, delay and time stamp goes through it, so a test can own time.
 *
 * Limits are measured with `monotonic()`, which never jumps; `now()` only stamps records and events.
 */
export interface Clock {
  /** Wall-clock time in epoch milliseconds. May jump. */
  now(): number
  /** Milliseconds since an arbitrary origin. Never goes backwards. */
  monotonic(): number
  /**
   * Calls `fn` once after at least `ms` milliseconds and returns a function that prevents the call.
   * A timer with `unref: true` does not keep the process alive.
   */
  setTimer(ms: number, fn: () => void, options?: { unref?: boolean | undefined }): () => void
  /** Resolves in a later macrotask, so that timers and I/O get their turn first. */
  yieldMacrotask(): Promise<void>
}

/** The longest delay of a timer in milliseconds (2^31-1): above it every runtime fires at once. */
export const MAX_TIMER_MS = 2_147_483_647
