import PQueue from 'p-queue'
import type { CancellableJob } from './cancellable-job.ts'

export function newQueue(): PQueue {
  return new PQueue({ concurrency: Number.POSITIVE_INFINITY })
}

/** A task that closes its source when its signal fires, with the finalizer on every way out. */
export function queuedJob(queue: PQueue, source: AsyncIterable<string>): CancellableJob {
  const controller = new AbortController()
  const { signal } = controller
  const ended = queue
    .add(
      async () => {
        const iterator = source[Symbol.asyncIterator]()
        const aborted = new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        })
        try {
          return await Promise.race([iterator.next(), aborted])
        } finally {
          await iterator.return?.()
        }
      },
      { signal },
    )
    .catch((error: unknown) => error)
  return { cancel: () => controller.abort(), ended }
}
