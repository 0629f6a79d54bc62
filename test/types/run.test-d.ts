import type { Readable } from 'node:stream'
import type {
  CancelReason,
  CancelToken,
  CommitFence,
  FinishReason,
  GenerationSource,
  LanguageModel,
  Logger,
  ModelChunk,
  NotIterable,
  Producer,
  ProducerEvent,
  RunContext,
  RunEnd,
  StreamResult,
  Usage,
} from 'generation-jobs'
import { describe, expectTypeOf, test } from 'vitest'

type Fence = { readonly jobId: string; readonly fencingToken: number; readonly signal: AbortSignal }

describe('RunContext', () => {
  test('has these members', () => {
    expectTypeOf<keyof RunContext>().toEqualTypeOf<
      | 'jobId'
      | 'fencingToken'
      | 'token'
      | 'signal'
      | 'logger'
      | 'step'
      | 'emit'
      | 'tryEmit'
      | 'stream'
      | 'defer'
      | 'commit'
    >()
    expectTypeOf<Pick<RunContext, 'jobId' | 'fencingToken' | 'token' | 'signal' | 'logger'>>().toEqualTypeOf<{
      readonly jobId: string
      readonly fencingToken: number
      readonly token: CancelToken
      readonly signal: AbortSignal
      readonly logger: Logger
    }>()
  })

  test('has the verbs of the contract', () => {
    expectTypeOf<RunContext['step']>().toEqualTypeOf<(name: string) => void>()
    expectTypeOf<RunContext['emit']>().toEqualTypeOf<(event: ProducerEvent) => void>()
    expectTypeOf<RunContext['tryEmit']>().toEqualTypeOf<(event: ProducerEvent) => boolean>()
    expectTypeOf<RunContext['stream']>().parameters.toEqualTypeOf<[source: GenerationSource]>()
    expectTypeOf<RunContext['stream']>().returns.toEqualTypeOf<Promise<StreamResult>>()
    expectTypeOf<RunContext['defer']>().toEqualTypeOf<
      (cleanup: (end: RunEnd) => void | Promise<void>, label?: string) => void
    >()
  })

  test('stream answers the text, its finish and the usage', () => {
    expectTypeOf<StreamResult>().toEqualTypeOf<{
      readonly text: string
      readonly finish: FinishReason
      readonly usage?: Usage
    }>()
  })

  test('commit gives save a fence and answers what save answers', () => {
    expectTypeOf<CommitFence>().toEqualTypeOf<Fence>()
    const commit = async (run: RunContext): Promise<void> => {
      const row = await run.commit(async (fence) => {
        expectTypeOf(fence).toEqualTypeOf<CommitFence>()
        return { rowId: 7 }
      })
      expectTypeOf(row).toEqualTypeOf<{ rowId: number }>()
      expectTypeOf(await run.commit(() => 'sync')).toEqualTypeOf<string>()
      expectTypeOf(await run.commit(() => {})).toEqualTypeOf<void>()
    }
    expectTypeOf(commit).toBeFunction()
  })

  test('defer tells the cleanup how the run ended, with a signal of its own', () => {
    const look = (end: RunEnd): void => {
      expectTypeOf(end.signal).toEqualTypeOf<AbortSignal>()
      switch (end.status) {
        case 'completed':
          return void expectTypeOf<keyof typeof end>().toEqualTypeOf<'signal' | 'status'>()
        case 'cancelled':
          return void expectTypeOf(end.reason).toEqualTypeOf<CancelReason>()
        case 'failed':
          return void expectTypeOf(end.error).toEqualTypeOf<unknown>()
      }
    }
    expectTypeOf(look).toBeFunction()
  })
})

describe('CancelToken', () => {
  test('is a flag with a reason, a throw and a listener', () => {
    expectTypeOf<CancelToken>().toEqualTypeOf<{
      readonly isCancelled: boolean
      readonly reason: CancelReason | undefined
      throwIfCancelled(): void
      onCancel(listener: (reason: CancelReason) => void): () => void
    }>()
  })
})

describe('Producer', () => {
  test('takes the run and answers a promise of the value or a generator of events', () => {
    expectTypeOf<Producer<number>>().parameters.toEqualTypeOf<[run: RunContext]>()
    expectTypeOf<Producer<number>>().returns.toEqualTypeOf<
      Promise<number> | AsyncGenerator<ProducerEvent, number, void>
    >()
    expectTypeOf<(run: RunContext) => Promise<number>>().toExtend<Producer<number>>()
    expectTypeOf<() => AsyncGenerator<string, number, void>>().toExtend<Producer<number>>()
  })

  test('takes these events; what goes in is looser than what comes out', () => {
    expectTypeOf<ProducerEvent>().toEqualTypeOf<
      | string
      | { type: 'chunk'; content: string }
      | { type: 'step'; step: string }
      | { type: 'metadata'; data: object }
      | { type: 'data'; name: string; data: unknown }
    >()
  })

  test('a stream as its value becomes a type error that names run.stream', () => {
    type Hint = { error: 'pass it to run.stream(source)' }
    expectTypeOf<NotIterable<AsyncIterable<string>>>().toEqualTypeOf<Hint>()
    expectTypeOf<NotIterable<ReadableStream<string>>>().toEqualTypeOf<Hint>()
    expectTypeOf<NotIterable<AsyncGenerator<string, void, void>>>().toEqualTypeOf<Hint>()
    expectTypeOf<NotIterable<Readable>>().toEqualTypeOf<Hint>()
  })

  test('any other value is left as it is', () => {
    expectTypeOf<NotIterable<string>>().toEqualTypeOf<string>()
    expectTypeOf<NotIterable<{ text: string } | undefined>>().toEqualTypeOf<{ text: string } | undefined>()
    expectTypeOf<NotIterable<string[]>>().toEqualTypeOf<string[]>()
    expectTypeOf<NotIterable<void>>().toEqualTypeOf<void>()
    expectTypeOf<NotIterable<unknown>>().toEqualTypeOf<unknown>()
  })
})

describe('GenerationSource', () => {
  test('is anything that can be iterated, a web stream, or a Node stream', () => {
    expectTypeOf<AsyncIterable<string>>().toExtend<GenerationSource>()
    expectTypeOf<AsyncIterable<ModelChunk>>().toExtend<GenerationSource>()
    expectTypeOf<AsyncGenerator<string | ModelChunk, void, void>>().toExtend<GenerationSource>()
    expectTypeOf<ReadableStream<string>>().toExtend<GenerationSource>()
    expectTypeOf<ReadableStream<ModelChunk>>().toExtend<GenerationSource>()
    expectTypeOf<Readable>().toExtend<GenerationSource>()
    expectTypeOf<AsyncIterable<string> & { abort(reason: unknown): void }>().toExtend<GenerationSource>()
    expectTypeOf<AsyncIterable<string> & { abort(): void }>().toExtend<GenerationSource>()
    expectTypeOf<AsyncIterable<string> & { abort: undefined }>().toExtend<GenerationSource>()
  })

  test('gives text or chunks, whose members may be missing, undefined or (text, finish) null', () => {
    expectTypeOf<ModelChunk>().toEqualTypeOf<{
      readonly text?: string | null | undefined
      readonly metadata?: object | undefined
      readonly usage?: Usage | undefined
      readonly finish?: FinishReason | null | undefined
    }>()
    expectTypeOf<FinishReason>().toEqualTypeOf<
      'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'unknown'
    >()
  })

  test('comes from a language model, at once or later', () => {
    expectTypeOf<LanguageModel>().parameters.toEqualTypeOf<
      [prompt: { system?: string | undefined; prompt: string }, run: { signal: AbortSignal; jobId: string }]
    >()
    expectTypeOf<LanguageModel>().returns.toEqualTypeOf<GenerationSource | Promise<GenerationSource>>()
    const model: LanguageModel = async (prompt, { signal }) => {
      expectTypeOf(prompt.system).toEqualTypeOf<string | undefined>()
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      return new ReadableStream<string>()
    }
    expectTypeOf(model).toBeFunction()
  })

  test('a run and a stage can be handed to a language model as they are', () => {
    expectTypeOf<RunContext>().toExtend<Parameters<LanguageModel>[1]>()
  })
})
