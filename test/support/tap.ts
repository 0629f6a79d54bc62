/** Values that a test hands out one by one to a loop that waits for them. */
export interface Tap<T> {
  /** Gives the value to the one who waits, or keeps it for the next one. */
  give(value: T): void
  /** The one who waits, or the next one, gets this error. */
  fail(error: unknown): void
  next(): Promise<T>
  /** How many wait now. */
  readonly waiting: number
}

export function tap<T>(): Tap<T> {
  const kept: Array<Promise<T>> = []
  const waiting: Array<(value: Promise<T>) => void> = []
  function put(value: Promise<T>): void {
    value.catch(() => undefined) // it may be kept for a while
    const resolve = waiting.shift()
    if (resolve) resolve(value)
    else kept.push(value)
  }
  return {
    give: (value) => put(Promise.resolve(value)),
    fail: (error) => put(Promise.reject(error)),
    next: () => kept.shift() ?? new Promise<T>((resolve) => waiting.push(resolve)),
    get waiting() {
      return waiting.length
    },
  }
}
