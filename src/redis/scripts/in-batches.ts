/** A script holds up all others on the server, so it looks at this many jobs at most. */
export const BATCH = 100

/** Asks for all batches at once: they go out together, and the answers come in the order of the items. */
export function inBatches<T, A>(items: readonly T[], ask: (batch: readonly T[]) => Promise<A>): Promise<A[]> {
  const asked: Promise<A>[] = []
  for (let first = 0; first < items.length; first += BATCH) asked.push(ask(items.slice(first, first + BATCH)))
  return Promise.all(asked)
}
