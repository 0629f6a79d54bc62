import { GenerationOrchestrator, type GenerationSource, type Producer, type RunContext } from 'generation-jobs'
import { controlledSource, type RecordingStore, recordingStore } from 'generation-jobs/testing'
import { tap } from './tap.js'

/** One fresh producer that waits for the test between its chunks, and commits what it generated when it comes so far. */
export interface SteeredProducer {
  readonly producer: Producer<unknown>
  /** One more chunk. Before a cancel it is delivered; after it, this is the late answer of the model. */
  feed(): void
  /** The model comes to a good end, late or not. */
  finish(): void
  readonly store: RecordingStore<unknown>
}

export interface ProducerBehaviour {
  readonly name: string
  /** What must happen after a cancel until it lets go: nothing, a late chunk of the model, or it never does. */
  readonly letsGo: 'by itself' | 'at a late chunk' | 'never'
  make(): SteeredProducer
}

/** The text of every chunk: a word that no log line may show. */
export const CHUNK = 'generated-text'

/** How producers were seen to behave around a cancel. */
export const PRODUCER_BEHAVIOURS: readonly ProducerBehaviour[] = [
  {
    name: 'reads a source with run.stream',
    letsGo: 'by itself',
    make: () =>
      overSource((source, store) => async (run) => {
        const { text } = await run.stream(source)
        return run.commit((fence) => store.save(text, fence))
      }),
  },
  {
    name: 'is an orchestrator',
    letsGo: 'by itself',
    make: () =>
      overSource((source, store) =>
        new GenerationOrchestrator({
          generate: () => source,
          validate: (text: string) => ({ text }),
          commit: (result, fence) => store.save(result, fence),
        }).producer('a prompt'),
      ),
  },
  {
    name: 'emits in a loop of its own that ignores the signal',
    letsGo: 'at a late chunk',
    make: () =>
      overTap((next, store) => async (run) => {
        for (let chunk = await next(); chunk !== undefined; chunk = await next()) run.emit(chunk)
        return run.commit((fence) => store.save('whole', fence))
      }),
  },
  {
    name: 'is an async generator',
    letsGo: 'at a late chunk',
    make: () =>
      overTap(
        (next, store) =>
          async function* (run) {
            for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk
            return await run.commit((fence) => store.save('whole', fence))
          },
      ),
  },
  {
    name: 'awaits something that never answers',
    letsGo: 'never',
    make: () =>
      overTap((next, store) => async (run) => {
        for (let count = 0; count < 3; count++) run.emit((await next()) ?? '')
        await new Promise(() => {})
        return run.commit((fence) => store.save('whole', fence))
      }),
  },
  {
    name: 'swallows the abort, tries again and returns a value',
    letsGo: 'by itself',
    make: () =>
      overSource((source, store) => async (run) => {
        await run.stream(source).catch(() => undefined)
        await run.stream(controlledSource()).catch(() => undefined)
        await run.commit((fence) => store.save('whole', fence)).catch(() => undefined)
        return 'a value'
      }),
  },
  {
    name: 'throws an ordinary Error on abort',
    letsGo: 'by itself',
    make: () =>
      overTap((next, store) => async (run) => {
        await Promise.race([emitAll(run, next), rejectsOnAbort(run.signal)])
        return run.commit((fence) => store.save('whole', fence))
      }),
  },
  {
    name: 'throws late',
    letsGo: 'at a late chunk',
    make: () =>
      overTap((next, store) => async (run) => {
        for (;;) {
          const chunk = await next()
          if (run.token.isCancelled) throw new Error('socket hang up')
          if (chunk === undefined) return run.commit((fence) => store.save('whole', fence))
          run.emit(chunk)
        }
      }),
  },
  {
    name: 'has a model that ends silently on abort',
    letsGo: 'by itself',
    make: () =>
      overTap((next, store) => async (run) => {
        const { text } = await run.stream(endsSilently(next, run.signal))
        return run.commit((fence) => store.save(text, fence))
      }),
  },
  {
    name: 'loops over a model that ends silently on abort, by hand',
    letsGo: 'by itself',
    make: () =>
      overTap((next, store) => async (run) => {
        for await (const chunk of endsSilently(next, run.signal)) run.emit(chunk)
        return run.commit((fence) => store.save('whole', fence))
      }),
  },
  {
    name: 'has a model that reports the abort as an error of its own',
    letsGo: 'by itself',
    make: () =>
      overTap((next, store) => async (run) => {
        const { text } = await run.stream(failsOnAbort(next, run.signal))
        return run.commit((fence) => store.save(text, fence))
      }),
  },
]

type Next = () => Promise<string | undefined>

function overSource(
  make: (source: GenerationSource, store: RecordingStore<unknown>) => Producer<unknown>,
): SteeredProducer {
  const source = controlledSource()
  const store = recordingStore()
  return {
    producer: make(source, store),
    feed: () => void source.push(CHUNK),
    finish: () => source.end('stop'),
    store,
  }
}

function overTap(make: (next: Next, store: RecordingStore<unknown>) => Producer<unknown>): SteeredProducer {
  const chunks = tap<string | undefined>()
  const store = recordingStore()
  return {
    producer: make(chunks.next, store),
    feed: () => chunks.give(CHUNK),
    finish: () => chunks.give(undefined),
    store,
  }
}

async function emitAll(run: RunContext, next: Next): Promise<void> {
  for (let chunk = await next(); chunk !== undefined; chunk = await next()) run.tryEmit(chunk)
}

function rejectsOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('socket hang up'))))
}

/** As raw OpenAI and Anthropic streams: on abort the loop is just over. */
function endsSilently(next: Next, signal: AbortSignal): AsyncIterable<string> {
  const done = { done: true, value: undefined } as const
  const aborted = new Promise<typeof done>((resolve) => signal.addEventListener('abort', () => resolve(done)))
  return iterable(() => Promise.race([result(next), aborted]))
}

/** As SDK convenience classes: on abort the loop rejects with a class of theirs, whose name says nothing. */
function failsOnAbort(next: Next, signal: AbortSignal): AsyncIterable<string> {
  class APIUserAbortError extends Error {}
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(new APIUserAbortError('Request was aborted.'))),
  )
  aborted.catch(() => undefined)
  return iterable(() => Promise.race([result(next), aborted]))
}

async function result(next: Next): Promise<IteratorResult<string, undefined>> {
  const chunk = await next()
  return chunk === undefined ? { done: true, value: undefined } : { done: false, value: chunk }
}

function iterable(next: () => Promise<IteratorResult<string, undefined>>): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]: () => ({ next, return: () => Promise.resolve({ done: true, value: undefined }) }),
  }
}
