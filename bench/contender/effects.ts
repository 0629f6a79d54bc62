import { Effect, Fiber, Stream } from 'effect'
import type { CancellableJob } from './cancellable-job.ts'

const toError = (cause: unknown): Error => new Error('the source failed', { cause })

export async function effectLoop(source: AsyncIterable<string>): Promise<number> {
  let characters = 0
  await Effect.runPromise(
    Stream.runForEach(Stream.fromAsyncIterable(source, toError), (chunk) =>
      Effect.sync(() => {
        characters += chunk.length
      }),
    ),
  )
  return characters
}

/** A stream in a fiber; its interrupt closes the source without waiting for it. */
export function effectJob(source: AsyncIterable<string>): CancellableJob {
  return forked(Stream.runDrain(Stream.fromAsyncIterable(source, toError)))
}

export function effectRegister(job: () => Promise<number>): Promise<unknown> {
  return forked(Effect.promise(job)).ended
}

function forked(effect: Effect.Effect<unknown, unknown>): CancellableJob {
  const fiber = Effect.runFork(effect)
  const ended = new Promise((resolve) => fiber.addObserver(resolve))
  return { cancel: () => Effect.runFork(Fiber.interrupt(fiber)), ended }
}
