import type { GenerationSource, ModelChunk } from 'generation-jobs'

/** What was done to a source, in order: `open`, `next`, `abort`, `return` (`cancel` for a web stream). */
export interface ObservedSource {
  readonly source: GenerationSource
  readonly calls: readonly string[]
  /** `next()` calls made while an earlier one was pending. */
  readonly overlaps: number
  count(call: 'open' | 'next' | 'abort' | 'return'): number
}

/** Writes down every call on a source and changes nothing else about it. */
export function observedSource(source: GenerationSource): ObservedSource {
  const calls: string[] = []
  let pending = 0
  let overlaps = 0
  const note = (): void => void pending--

  function observedIterator(open: () => AsyncIterator<string | ModelChunk>): AsyncIterator<string | ModelChunk> {
    calls.push('open')
    const iterator = open()
    const { return: close } = iterator
    return {
      next() {
        calls.push('next')
        if (pending > 0) overlaps++
        pending++
        let result: unknown
        try {
          result = iterator.next()
        } catch (error) {
          pending--
          throw error
        }
        if (result instanceof Promise) result.then(note, note)
        else if (isThenable(result)) result = observedThenable(result, note)
        else pending--
        return result as Promise<IteratorResult<string | ModelChunk>>
      },
      ...(close && {
        return(...args: [value?: unknown]) {
          calls.push('return')
          return close.apply(iterator, args)
        },
      }),
    }
  }

  const observed = {
    [Symbol.asyncIterator]: () =>
      observedIterator(() => (source as AsyncIterable<string | ModelChunk>)[Symbol.asyncIterator]()),
    abort(reason: unknown) {
      calls.push('abort')
      source.abort?.(reason)
    },
  }
  return {
    source: source instanceof ReadableStream ? observedStream(source, calls) : observed,
    calls,
    get overlaps() {
      return overlaps
    },
    count: (call) => calls.filter((one) => one === call).length,
  }
}

function observedStream(
  stream: ReadableStream<string | ModelChunk>,
  calls: string[],
): ReadableStream<string | ModelChunk> {
  const getReader = stream.getReader.bind(stream) as () => ReadableStreamDefaultReader<string | ModelChunk>
  return Object.defineProperty(stream, 'getReader', {
    value() {
      calls.push('open')
      const reader = getReader()
      const cancel = reader.cancel.bind(reader)
      reader.cancel = (reason) => {
        calls.push('return')
        return cancel(reason)
      }
      return reader
    },
  })
}

/** `then` is called no more often than the reader calls it: a thenable may answer differently each time. */
function observedThenable(thenable: PromiseLike<unknown>, onAnswer: () => void): PromiseLike<unknown> {
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what this makes
  return { then: (onFulfilled, onRejected) => thenable.then(noting(onFulfilled), noting(onRejected)) }

  function noting<T, R>(handler: ((value: T) => R) | null | undefined) {
    return (
      handler &&
      ((value: T): R => {
        onAnswer()
        return handler(value)
      })
    )
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}
