/** Calls `fn` after exactly `count` microtasks; 0 is now. */
export function afterMicrotasks(count: number, fn: () => void): void {
  if (count === 0) fn()
  else queueMicrotask(() => afterMicrotasks(count - 1, fn))
}
