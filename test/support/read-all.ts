/** Everything an iterable gives until it ends. */
export async function readAll<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

/** The texts of the chunk events among them, in order. */
export function chunksOf(events: readonly { readonly type: string }[]): string[] {
  return events.flatMap((event) => (event.type === 'chunk' && 'content' in event ? [String(event.content)] : []))
}
