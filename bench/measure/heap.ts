import { setImmediate as macrotask } from 'node:timers/promises'

/** Bytes of live heap objects, after all garbage is gone. Needs `node --expose-gc`. */
export async function liveHeap(): Promise<number> {
  const { gc } = globalThis
  if (!gc) throw new Error('run it with node --expose-gc')
  // Weak references and finalizers are worked off in macrotasks between two collections.
  for (let round = 0; round < 4; round++) {
    gc()
    await macrotask()
  }
  return process.memoryUsage().heapUsed
}
