/** Looks every few milliseconds until it holds, and gives what was seen. @throws {Error} when it does not hold in time */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  limitMs = 10_000,
): Promise<Exclude<T, undefined | null | false>> {
  const startedAt = performance.now()
  for (;;) {
    const seen = await look()
    if (seen) return seen as Exclude<T, undefined | null | false>
    if (performance.now() - startedAt > limitMs) throw new Error(`${what}: not within ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Milliseconds until the promise is settled. */
export async function elapsed(promise: Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await promise.catch(() => {})
  return performance.now() - startedAt
}
