const SHOWN = 10

export type Sum = readonly [key: string, value: number]

/** Sums up by key, largest first. */
export function ranked<Item>(
  items: Iterable<Item>,
  keyOf: (item: Item) => string,
  amountOf: (item: Item) => number,
): Sum[] {
  const sums = new Map<string, number>()
  for (const item of items) {
    const key = keyOf(item)
    sums.set(key, (sums.get(key) ?? 0) + amountOf(item))
  }
  return [...sums].sort(([, a], [, b]) => b - a)
}

/** The ten largest, and the rest as one. */
export function topTen(sums: readonly Sum[]): Sum[] {
  const rest = sums.slice(SHOWN)
  if (rest.length === 0) return [...sums]
  return [...sums.slice(0, SHOWN), ['the rest', total(rest)]]
}

function total(sums: readonly Sum[]): number {
  return sums.reduce((all, [, value]) => all + value, 0)
}
