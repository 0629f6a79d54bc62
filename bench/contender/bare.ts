import type { CancellableJob } from './cancellable-job.ts'

// What people write without this library. Each function is the yardstick (1.00x) of the questions that use it.

/** A loop that checks the signal at each chunk. It never gets out of a `next()` that does not settle. */
export async function bareLoop(source: AsyncIterable<string>, signal: AbortSignal): Promise<number> {
  let characters = 0
  for await (const chunk of source) {
    if (signal.aborted) break
    characters += chunk.length
  }
  return characters
}

/** Waits for the next chunk and for the abort, and runs the finalizer on every way out. */
export function bareRace(source: AsyncIterable<string>, reason?: unknown): CancellableJob {
  const controller = new AbortController()
  const ended = raceNext(source, controller.signal).catch((error: unknown) => error)
  return { cancel: () => controller.abort(reason), ended }
}

async function raceNext(source: AsyncIterable<string>, signal: AbortSignal): Promise<unknown> {
  const iterator = source[Symbol.asyncIterator]()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  try {
    return await Promise.race([iterator.next(), aborted])
  } finally {
    await iterator.return?.()
  }
}

/** No race: a listener closes the source. The least that an AbortController can do. */
export function bareListener(source: AsyncIterable<string>): CancellableJob {
  const controller = new AbortController()
  const { signal } = controller
  const iterator = source[Symbol.asyncIterator]()
  const ended = new Promise<unknown>((resolve) => {
    signal.addEventListener('abort', () => resolve(iterator.return?.()), { once: true })
    void iterator.next().then(resolve)
  })
  return { cancel: () => controller.abort(), ended }
}

/** Jobs by id, each with a controller whose signal it is given; out of the map when they end. */
export class BareMap {
  readonly #jobs = new Map<string, { readonly controller: AbortController; readonly ended: Promise<unknown> }>()

  register<T>(id: string, job: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    const ended = job(controller.signal).finally(() => this.#jobs.delete(id))
    this.#jobs.set(id, { controller, ended })
    return ended
  }

  get size(): number {
    return this.#jobs.size
  }
}
