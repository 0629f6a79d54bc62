import type { ClientClock } from './system-clock.js'

export interface WithinOptions {
  readonly signal?: AbortSignal | undefined
  /** The wait does not keep the process alive. */
  readonly unref?: boolean | undefined
}

/**
 * What `work` resolves to, or `undefined` as soon as it fails, `ms` have passed or `signal` aborts: never later, whether or
 * not `work` heeds the signal that it gets, and never a rejection. Without `work` it is a pause.
 */
export function within<T = never>(
  clock: ClientClock,
  ms: number,
  { signal, unref }: WithinOptions,
  work?: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const abort = new AbortController()
    const finish = (value?: T): void => {
      clear()
      signal?.removeEventListener('abort', giveUp)
      resolve(value)
    }
    const giveUp = (): void => {
      finish()
      abort.abort()
    }
    const clear = clock.setTimer(ms, giveUp, { unref })
    if (signal?.aborted) return giveUp()
    signal?.addEventListener('abort', giveUp)
    work?.(abort.signal).then(finish, () => finish())
  })
}
