import type { FinishReason } from '../core/generation-source.js'
import {
  type PullRequest,
  type RecordedSource,
  recordedSource,
  type SourceChunk,
  type SourceFaults,
} from './recorded-source.js'

/** A source whose `next()` calls are answered by hand, to put an answer and a cancel into the same tick. */
export interface ControlledSource extends RecordedSource {
  /** Answers the oldest pending `next()` now, else is kept for the next one. `true`: a pending `next()` got it. */
  push(chunk: SourceChunk): boolean
  /** The source ends by itself, after what was pushed; with `finish`, a chunk that carries it comes first. */
  end(finish?: FinishReason | undefined): void
  /** The pending `next()`, or the one after what was pushed, rejects. */
  fail(error: unknown): void
}

/**
 * Makes a source that yields what the test pushes. Answers are synchronous: after `push` returned, the promise of the
 * pending `next()` is resolved and its reader runs in a coming microtask.
 */
export function controlledSource(faults: SourceFaults = {}): ControlledSource {
  const waiting: PullRequest[] = []
  const kept: Answer[] = []

  const source = recordedSource((request) => {
    const answer = kept.shift()
    if (answer) answer(request)
    else waiting.push(request)
  }, faults)

  function give(answer: Answer): boolean {
    for (let request = waiting.shift(); request; request = waiting.shift()) {
      if (request.answered) continue // the source was closed meanwhile
      answer(request)
      return true
    }
    kept.push(answer)
    return false
  }

  return Object.assign(source, {
    push: (chunk: SourceChunk) => give((request) => request.chunk(chunk)),
    end(finish?: FinishReason | undefined) {
      if (finish !== undefined) give((request) => request.chunk({ finish }))
      give((request) => request.end())
    },
    fail: (error: unknown) => void give((request) => request.fail(error)),
  })
}

type Answer = (request: PullRequest) => void
