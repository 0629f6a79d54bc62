import type { Awaitable } from '../core/awaitable.js'
import { InvalidOptionsError, show } from '../core/errors.js'
import type { FinishReason, LanguageModel } from '../core/generation-source.js'
import { type ChunkLimits, checkChunkLimits } from './chunk-limits.js'
import { finishReasonOf } from './finish-reason.js'
import type { Reading } from './model-output.js'
import { type ModelRun, modelSource } from './model-source.js'
import { providerFailure, toProviderError } from './provider-failure.js'

/** What is needed of the result of `streamText`: its stream of parts, by the name of version 7 or of those before. */
export type AiSdkStream =
  | { readonly stream: AsyncIterable<{ readonly type: string }> }
  | { readonly fullStream: AsyncIterable<{ readonly type: string }> }

/** What is read of one part. */
interface Part {
  readonly type: string
  readonly text?: string
  readonly error?: unknown
  readonly finishReason?: string
  readonly rawFinishReason?: string | undefined
  readonly totalUsage?: { readonly inputTokens?: number | undefined; readonly outputTokens?: number | undefined }
}

/**
 * A model behind the AI SDK's `streamText`. Give it the signal as `abortSignal`: leaving its stream does not close the connection.
 * Give it an `onError` too, since by default it prints the provider's error, prompt included.
 *
 * @example
 * fromAiSdk(({ system, prompt }, { signal }) =>
 *   streamText({ model, system, prompt, abortSignal: signal, onError: () => {} }))
 *
 * @throws {InvalidOptionsError} when an argument is wrong
 */
export function fromAiSdk(
  call: (prompt: Parameters<LanguageModel>[0], run: ModelRun) => Awaitable<AiSdkStream>,
  limits?: ChunkLimits,
): LanguageModel {
  if (typeof call !== 'function') throw new InvalidOptionsError(`fromAiSdk: expected a function, got ${show(call)}.`)
  const checked = checkChunkLimits('fromAiSdk', limits)
  return (prompt, run) =>
    modelSource(run, checked, {
      open: async (signal) => partsOf(await call(prompt, { ...run, signal })),
      readItem: readPart,
    })
}

/** Each read of the property splits the stream, and the part that nobody reads is buffered: so one read. */
function partsOf(result: AiSdkStream): AsyncIterable<Part> {
  const isObject = typeof result === 'object' && result !== null
  const parts = isObject ? ('stream' in result ? result.stream : result.fullStream) : undefined
  if (typeof parts?.[Symbol.asyncIterator] !== 'function') {
    throw new InvalidOptionsError(
      `fromAiSdk: expected the function to give the result of streamText, got ${show(result)}.`,
    )
  }
  return parts
}

function readPart({ type, text, error, finishReason, rawFinishReason, totalUsage }: Part): Reading | undefined {
  switch (type) {
    case 'text-delta':
      return { text }
    case 'error':
      throw isSilentEnd(error) ? providerFailure('provider.truncated', { cause: error }) : toProviderError(error)
    case 'abort': // not by us: a time limit of the SDK, or another signal
      throw providerFailure('provider.truncated')
    case 'finish':
      return { finish: finishOf(finishReason, rawFinishReason), usage: totalUsage ?? {} }
    default:
      return undefined
  }
}

/** `other` (`unknown` in older versions) without the provider's own word: it gave none. */
function finishOf(reason = 'unknown', raw: string | undefined): FinishReason {
  if (reason !== 'other' && reason !== 'unknown') return finishReasonOf(reason)
  if (raw === undefined) throw providerFailure('provider.truncated')
  return finishReasonOf(raw)
}

/** How version 7 reports a stream that ended without a finish reason. */
function isSilentEnd(error: unknown): boolean {
  return error instanceof Error && /without a finish reason/.test(error.message)
}
