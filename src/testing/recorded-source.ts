import type { ModelChunk } from '../core/generation-source.js'
import { systemClock } from '../core/system-clock.js'
import type { Clock } from '../protocol/clock.js'

/** What a source of the kit can yield. */
export type SourceChunk = string | ModelChunk

/** What a source did wrong; each one was seen in a provider SDK or follows from the language. They combine. */
export interface SourceFaults {
  /** `return()` and `abort()` are recorded and change nothing: whoever pulls gets the next chunk. */
  deaf?: boolean | undefined
  /** `return()` never settles and closes nothing, as an async generator's behind a pending `next()`. */
  returnHangs?: boolean | undefined
  /** `return()` throws synchronously and closes nothing. */
  returnThrows?: boolean | undefined
  /** `return()` rejects and closes nothing. */
  returnRejects?: boolean | undefined
  /** A `next()` that is pending when the source is closed rejects one macrotask later, when nobody may be looking. */
  nextRejectsLate?: boolean | undefined
  /** `next()` returns a bare thenable: no `catch`, no `finally`, not a promise. */
  thenableResults?: boolean | undefined
  /** `[Symbol.asyncIterator]()` throws. */
  syncThrowOnOpen?: boolean | undefined
  /** Serves the macrotask of `nextRejectsLate`. @defaultValue the system clock */
  clock?: Clock | undefined
}

/** What was done to a source so far; read it at any time. */
export interface SourceRecord {
  /** How many iterators were asked for. */
  readonly opened: number
  readonly nextCalls: number
  /** `next()` calls made while an earlier one was pending. A pump must never do that. */
  readonly overlappingNextCalls: number
  /** `next()` calls that are pending now. */
  readonly pendingNext: number
  readonly returnCalls: number
  /** The reasons given to `abort`, in order. */
  readonly abortReasons: readonly unknown[]
  /** The source ended, failed, or was closed by a `return()` or `abort()` that it heeds. */
  readonly closed: boolean
  /** Chunks handed to a `next()`; whether the reader used them is not known here. */
  readonly deliveredCount: number
}

export interface RecordedSource extends SourceRecord, AsyncIterable<SourceChunk, undefined> {
  abort(reason: unknown): void
}

/** One pending `next()`. The first answer counts, later ones are ignored. */
export interface PullRequest {
  readonly answered: boolean
  chunk(value: SourceChunk): boolean
  end(): void
  fail(error: unknown): void
  /** Runs if the source is closed before the answer. */
  onClose(release: () => void): void
}

/**
 * The iterator behind the scripted and the controlled source: counts every call, commits the faults asked for, and
 * else behaves well (`return()` or `abort()` settles a pending `next()` as done, at once). `pull` answers each `next()`.
 */
export function recordedSource(pull: (request: PullRequest) => void, faults: SourceFaults = {}): RecordedSource {
  const clock = faults.clock ?? systemClock
  const pending = new Set<Pending>()
  const abortReasons: unknown[] = []
  let opened = 0
  let nextCalls = 0
  let overlappingNextCalls = 0
  let returnCalls = 0
  let deliveredCount = 0
  let closed = false

  function request(): Promise<IteratorResult<SourceChunk, undefined>> {
    return new Promise((resolve, reject) => {
      const releases: Array<() => void> = []
      const answer = (): boolean => pending.delete(entry)
      const entry: Pending = {
        get answered() {
          return !pending.has(entry)
        },
        chunk(value) {
          if (!answer()) return false
          deliveredCount++
          resolve({ done: false, value })
          return true
        },
        end() {
          if (!answer()) return
          closed = true
          resolve(DONE)
        },
        fail(error) {
          if (!answer()) return
          closed = true
          reject(error)
        },
        onClose: (release) => void releases.push(release),
        close() {
          for (const release of releases) release()
          if (!faults.nextRejectsLate) return entry.end()
          answer()
          void clock.yieldMacrotask().then(() => reject(new Error('next() rejected late')))
        },
      }
      pending.add(entry)
      pull(entry)
    })
  }

  function close(): void {
    if (faults.deaf || closed) return
    closed = true
    for (const entry of [...pending]) entry.close()
  }

  const iterator: AsyncIterator<SourceChunk, undefined> = {
    next() {
      nextCalls++
      if (pending.size > 0) overlappingNextCalls++
      const result = closed ? Promise.resolve(DONE) : request()
      return faults.thenableResults ? bareThenable(result) : result
    },
    return() {
      returnCalls++
      if (faults.returnThrows) throw new Error('return() threw')
      if (faults.returnRejects) return Promise.reject(new Error('return() rejected'))
      if (faults.returnHangs) return new Promise(() => {})
      close()
      return Promise.resolve(DONE)
    },
  }

  return {
    [Symbol.asyncIterator]() {
      opened++
      if (faults.syncThrowOnOpen) throw new Error('[Symbol.asyncIterator]() threw')
      return iterator
    },
    abort(reason) {
      abortReasons.push(reason)
      close()
    },
    get opened() {
      return opened
    },
    get nextCalls() {
      return nextCalls
    },
    get overlappingNextCalls() {
      return overlappingNextCalls
    },
    get pendingNext() {
      return pending.size
    },
    get returnCalls() {
      return returnCalls
    },
    get abortReasons() {
      return [...abortReasons]
    },
    get closed() {
      return closed
    },
    get deliveredCount() {
      return deliveredCount
    },
  }
}

interface Pending extends PullRequest {
  close(): void
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** Typed as the promise that it is not: that a reader may rely on `then` alone is the fault. */
function bareThenable<T>(promise: Promise<T>): Promise<T> {
  const thenable: PromiseLike<T> = {
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what this makes
    then: (onFulfilled, onRejected) => promise.then(onFulfilled, onRejected),
  }
  return thenable as Promise<T>
}
