import type { JobHandle } from '../core/job-handle.js'
import type { GenerationJobManager } from '../core/manager.js'
import type { GenerationJobManagerOptions } from '../core/options.js'
import type { JobOutcome } from '../core/outcome.js'
import type { Producer } from '../core/producer.js'

/** Of {@link cancelAt}. */
export interface CancelAtOptions {
  /** The cancel comes as soon as this many chunks are in the log; 0: before the producer's first statement. */
  afterChunks: number
  /** Options of the manager that runs it. @defaultValue no log lines, else as in production */
  manager?: GenerationJobManagerOptions | undefined
}

/**
 * Runs a producer, cancels it after some chunks, and answers how it ended; a producer that ends before is not cancelled.
 *
 * A good producer ends `cancelled`, `forced: false`, `cleanup: 'clean'`, and does so at once.
 */
export async function cancelAt<T>(producer: Producer<T>, options: CancelAtOptions): Promise<JobOutcome<T>> {
  return inOwnManager(options.manager, async (manager) => {
    const job = await manager.register(producer)
    if (await hasSeenChunks(job, options.afterChunks)) void job.cancel()
    return job.settled
  })
}

/** Calls `use` with a manager of its own, which is closed afterwards. */
export async function inOwnManager<R>(
  options: GenerationJobManagerOptions | undefined,
  use: (manager: GenerationJobManager) => Promise<R>,
): Promise<R> {
  // Loaded when it is needed: the manager is for servers, the rest of this entry runs in a browser too.
  const { GenerationJobManager } = await import('../core/manager.js')
  const manager = new GenerationJobManager({ logger: false, ...options })
  try {
    return await use(manager)
  } finally {
    await manager.close()
  }
}

/** Waits until so many chunks are in the log; `false` if the job ended before. */
async function hasSeenChunks(job: JobHandle<unknown>, count: number): Promise<boolean> {
  if (count <= 0) return true
  let seen = 0
  for await (const { type } of job.events()) if (type === 'chunk' && ++seen === count) return true
  return false
}
