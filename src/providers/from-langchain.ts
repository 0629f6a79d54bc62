import type { Awaitable } from '../core/awaitable.js'
import { InvalidOptionsError, show } from '../core/errors.js'
import type { LanguageModel } from '../core/generation-source.js'
import { type ChunkLimits, checkChunkLimits } from './chunk-limits.js'
import { LangChainOutput } from './langchain-output.js'
import { type ModelRun, modelSource } from './model-source.js'

/** What is needed of a LangChain `Runnable`. */
export interface LangChainRunnable {
  stream(input: never, options: never): PromiseLike<AsyncIterable<unknown>>
}

type Prompt = Parameters<LanguageModel>[0]
type Stream = (prompt: Prompt, run: ModelRun) => Awaitable<AsyncIterable<unknown>>

interface Runnable {
  stream(input: readonly [role: string, content: string][], options: object): PromiseLike<AsyncIterable<unknown>>
}

/**
 * A model behind LangChain: a runnable that takes messages (a chat model, also with a parser behind it), or a function that calls
 * `stream` or `streamEvents` (version 2) with the signal, for every other input.
 *
 * A runnable's finish reason and usage are taken from its model's own end, since parsers drop them. A function whose stream is of
 * bare strings has none, so it ends as `provider.truncated`: use `streamEvents` there. LangChain's own retries ask no more after a
 * cancel, but the timer of their wait runs out: set `maxRetries: 0` where that matters.
 *
 * @example
 * fromLangChain(({ prompt }, { signal }) => chain.streamEvents({ topic: prompt }, { version: 'v2', signal }))
 *
 * @throws {InvalidOptionsError} when an argument is wrong
 */
export function fromLangChain(runnable: LangChainRunnable | Stream, limits?: ChunkLimits): LanguageModel {
  const isRunnable = typeof (runnable as Partial<LangChainRunnable> | null)?.stream === 'function'
  if (typeof runnable !== 'function' && !isRunnable) {
    throw new InvalidOptionsError(`fromLangChain: expected a Runnable or a function, got ${show(runnable)}.`)
  }
  const checked = checkChunkLimits('fromLangChain', limits)
  return (prompt, run) => {
    const output = new LangChainOutput()
    return modelSource(run, checked, {
      open: async (signal) =>
        isRunnable
          ? (runnable as unknown as Runnable).stream(messagesOf(prompt), { signal, callbacks: [output.callbacks] })
          : (runnable as Stream)(prompt, { ...run, signal }),
      readItem: (item) => output.read(item),
      readEnd: () => output.end(),
    })
  }
}

function messagesOf({ system, prompt }: Prompt): [string, string][] {
  return [...(system ? [['system', system] as [string, string]] : []), ['human', prompt]]
}
