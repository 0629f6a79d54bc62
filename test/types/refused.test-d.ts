// What must not compile. Each directive fails the type check if the line below it compiles after all.
import type { Readable } from 'node:stream'
import {
  type CancelResult,
  type CancelToken,
  GenerationJobError,
  type GenerationJobManager,
  GenerationOrchestrator,
  type GenerationSource,
  type JobEvent,
  type JobOutcome,
  type JobSnapshot,
  type RunContext,
  type WaitResult,
} from 'generation-jobs'
import { describe, test } from 'vitest'
import { z } from 'zod'

declare const manager: GenerationJobManager
declare const source: GenerationSource
interface Scene {
  readonly place: string
}
interface Page {
  readonly nodes: readonly string[]
}

describe('register refuses', () => {
  test('a producer that resolves to a stream instead of passing it to run.stream', () => {
    // @ts-expect-error an async iterable is no value
    void manager.register(async () => source)
    // @ts-expect-error an async generator object is no value
    void manager.register(async () => generator())
    // @ts-expect-error a web stream is no value
    void manager.register(async () => new ReadableStream<string>())
    // @ts-expect-error a Node stream is no value
    void manager.register(async (): Promise<Readable> => readable)
    // @ts-expect-error one of two possible values is a stream
    void manager.register(async () => (Math.random() > 0.5 ? 'text' : generator()))
  })

  test('a producer that is no function, or neither a promise nor an async generator', () => {
    // @ts-expect-error no function
    void manager.register(Promise.resolve('text'))
    // @ts-expect-error a plain value
    void manager.register(() => 'text')
    // @ts-expect-error a synchronous generator
    void manager.register(function* () {
      yield 'text'
    })
  })

  test('a generator that yields what is no event', () => {
    // @ts-expect-error a number
    void manager.register(async function* () {
      yield 42
    })
    // @ts-expect-error no such event
    void manager.register(async function* () {
      yield { type: 'complete' as const }
    })
  })

  test('unknown options and values', () => {
    const producer = async (): Promise<string> => 'text'
    // @ts-expect-error no such option
    void manager.register(producer, { id: 'a' })
    // @ts-expect-error no such conflict rule
    void manager.register(producer, { onConflict: 'queue' })
    // @ts-expect-error a limit is turned off with false
    void manager.register(producer, { deadlineMs: null })
    // @ts-expect-error metadata is an object
    void manager.register(producer, { metadata: 'text' })
  })
})

describe('cancel refuses', () => {
  test('kinds that only the library gives', () => {
    // @ts-expect-error a deadline is the manager's
    void manager.cancel('id', { kind: 'deadline' })
    // @ts-expect-error no such kind
    void manager.cancel('id', { kind: 'stopped' })
    // @ts-expect-error a job is named by a string
    void manager.cancel(7)
  })

  test('a missing filter for many', () => {
    // @ts-expect-error ending everything is drain()
    void manager.cancelMany()
    // @ts-expect-error a list of statuses
    void manager.cancelMany({ status: 'running' })
  })
})

describe('a manager event refuses', () => {
  test('an unknown name, and a listener of another payload', () => {
    // @ts-expect-error no such event
    manager.on('cancelled', () => {})
    // @ts-expect-error a step carries a string
    manager.on('step', ({ step }: { step: number }) => step)
    // @ts-expect-error only a step carries a step
    manager.on('started', ({ step }) => step)
  })
})

describe('a run refuses', () => {
  test('events that a producer may not emit, and sources of other things', () => {
    const use = (run: RunContext): void => {
      // @ts-expect-error the end is the manager's to write
      run.emit({ type: 'complete' })
      // @ts-expect-error content is a string
      run.emit({ type: 'chunk', content: 1 })
      // @ts-expect-error no such event
      run.tryEmit({ type: 'text', content: 'a' })
      // @ts-expect-error an array is not asynchronous
      void run.stream(['a', 'b'])
      // @ts-expect-error chunks are strings or objects of known members
      void run.stream(numbers())
      // @ts-expect-error the token cannot be cancelled by the producer
      run.token.cancel({ kind: 'user', at: 0 })
      // @ts-expect-error read-only
      run.jobId = 'other'
    }
    void use
  })
})

describe('results refuse', () => {
  test('to be read before they are narrowed', () => {
    const read = (
      event: JobEvent,
      cancelled: CancelResult,
      waited: WaitResult<number>,
      outcome: JobOutcome<number>,
    ): unknown[] => [
      // @ts-expect-error only chunks have content
      event.content,
      // @ts-expect-error only a cancelled job has a reason
      cancelled.reason,
      // @ts-expect-error only a settled wait has an outcome
      waited.outcome,
      // @ts-expect-error only a completed job has a value
      outcome.value,
      // @ts-expect-error a cancel is not a failure
      outcome.status === 'cancelled' && outcome.error,
    ]
    void read
  })

  test('a completed value to be taken without a look at valueOmitted', () => {
    const value = (outcome: Extract<JobOutcome<number>, { status: 'completed' }>): number =>
      // @ts-expect-error it may have been omitted
      outcome.value
    void value
  })

  test('to be changed', () => {
    const change = (snapshot: JobSnapshot, event: JobEvent): void => {
      // @ts-expect-error read-only
      snapshot.status = 'completed'
      // @ts-expect-error read-only
      event.seq = 1
    }
    void change
  })
})

describe('an orchestrator refuses', () => {
  test('a commit of another result than the text when nothing validates', () => {
    const save = (_page: Page): void => {}
    // @ts-expect-error without validate the result is a string
    new GenerationOrchestrator({ generate: (_scene: Scene) => source, commit: save })
  })

  test('a commit of another result than validate gives', () => {
    const generate = (_scene: Scene): GenerationSource => source
    const save = (_page: Page): void => {}
    // @ts-expect-error validate decides what the result is
    new GenerationOrchestrator({ generate, validate: () => ({ nodes: [7] }), commit: save })
    // @ts-expect-error an async validate too
    new GenerationOrchestrator({ generate, validate: async () => ({ nodes: [7] }), commit: save })
    // @ts-expect-error the schema decides what the result is
    new GenerationOrchestrator({ generate, validate: z.object({ nodes: z.array(z.number()) }), commit: save })
  })

  test('a generate that takes another prompt than prompt gives', () => {
    const generate = (_prompt: { prompt: number }): GenerationSource => source
    // @ts-expect-error prompt decides what the prompt is
    new GenerationOrchestrator({ prompt: (scene: Scene) => ({ prompt: scene.place }), generate })
    // @ts-expect-error an async prompt too
    new GenerationOrchestrator({ prompt: async (scene: Scene) => ({ prompt: scene.place }), generate })
  })

  test('a result type without a validate, and a prompt type without a prompt', () => {
    // @ts-expect-error without validate the result is a string
    new GenerationOrchestrator<Scene, Page>({ generate: () => source })
    // @ts-expect-error without prompt the prompt is the request
    new GenerationOrchestrator<Scene, string, { prompt: string }>({ generate: () => source })
  })

  test('stages that give no source, are missing, or are unknown', () => {
    // @ts-expect-error an array is no source
    new GenerationOrchestrator({ generate: (_scene: Scene) => ['text'] })
    // @ts-expect-error nothing generates
    new GenerationOrchestrator({ validate: (text: string) => text })
    // @ts-expect-error no such stage
    new GenerationOrchestrator({ generate: (_scene: Scene) => source, retry: 3 })
  })

  test('a request of another type, and a token of another kind', () => {
    const orchestrator = new GenerationOrchestrator({ generate: (_scene: Scene) => source })
    // @ts-expect-error the request is a scene
    orchestrator.producer({ town: 'a tavern' })
    // @ts-expect-error a flag is no token
    orchestrator.generateWithEvents({ place: 'a tavern' }, true)
    const token: CancelToken | undefined = undefined
    orchestrator.generateWithEvents({ place: 'a tavern' }, token)
  })
})

describe('the base of all errors refuses', () => {
  test('to be constructed, and other codes', () => {
    // @ts-expect-error abstract
    new GenerationJobError('job.exists', 'text')
    class OwnError extends GenerationJobError {
      constructor() {
        // @ts-expect-error codes are a closed union
        super('my.own', 'text')
      }
    }
    void OwnError
  })
})

declare function generator(): AsyncGenerator<string, void, void>
declare function numbers(): AsyncGenerator<number, void, void>
declare const readable: Readable
