import { setTimeout as sleep } from 'node:timers/promises'

const ROUNDS = 12

/** Bytes of live heap objects, after all garbage is gone. Needs `node --expose-gc`. */
export async function liveHeap(): Promise<number> {
  const { gc } = globalThis
  if (!gc) throw new Error('run it with node --expose-gc')
  // Weak references, finalizers and timers are worked off between collections; what a large heap lets go of last takes some rounds.
  for (let round = 0; round < ROUNDS; round++) {
    gc()
    await sleep(1)
  }
  return process.memoryUsage().heapUsed
}
