import { Session } from 'node:inspector/promises'

/** One sample in so many bytes; the count of many units is exact to about a percent. */
const SAMPLING_INTERVAL = 512

/** Bytes that the work allocates on the heap, collected ones included. A count, not a time: nothing else on the machine disturbs it. */
export async function allocatedBytes(work: () => Promise<unknown>): Promise<number> {
  const session = new Session()
  session.connect()
  try {
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: SAMPLING_INTERVAL,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    })
    await work()
    const { profile } = await session.post('HeapProfiler.stopSampling')
    return sum(profile.head)
  } finally {
    session.disconnect()
  }
}

interface Node {
  readonly selfSize: number
  readonly children: readonly Node[]
}

function sum({ selfSize, children }: Node): number {
  return children.reduce((bytes, child) => bytes + sum(child), selfSize)
}
