import { hostile } from './hostile-source.js'
import { recordedSource } from './recorded-source.js'
import { scriptedSource } from './scripted-source.js'

/** Async iterables that fail in unusual places or whose results are not what the protocol says. */
export function hostileResults() {
  return {
    throwsOnOpen: hostile('T05', 'fails', '[Symbol.asyncIterator]() throws', () =>
      scriptedSource(['never'], { syncThrowOnOpen: true }),
    ),
    nextThrows: hostile('T05', 'fails', 'the second next() throws synchronously; return() must still be called', () => {
      let calls = 0
      return withNext(() => {
        if (++calls > 1) throw new Error('next() threw')
        return Promise.resolve({ done: false, value: 'a' })
      })
    }),
    rejectsWithUndefined: hostile(
      'T11',
      'fails',
      'next() rejects with undefined, which a truthiness test overlooks',
      () => scriptedSource(['a', { do: 'throw', error: undefined }]),
    ),
    thenableResults: hostile('T13', ['completes', 'ab'], 'next() returns a bare thenable: no catch, no finally', () =>
      scriptedSource(['a', 'b'], { thenableResults: true }),
    ),
    thenableHangs: hostile(
      'T13',
      'cancelled-or-forced',
      'next() returns a thenable that never calls back; return() works',
      () => withNext(() => thenable(() => {})),
    ),
    plainResults: hostile('T13', ['completes', 'ab'], 'next() returns the result itself, no promise', () => {
      const results = [
        { done: false, value: 'a' },
        { done: false, value: 'b' },
      ]
      return withNext(() => results.shift() ?? { done: true, value: undefined })
    }),
    nonObjectResult: hostile('T13', 'fails', 'next() resolves to a number', () => withNext(() => Promise.resolve(42))),
    thenableChunk: hostile(
      'T13',
      'completes-or-fails',
      'a chunk is a thenable that never calls back: never await it',
      () => {
        const chunks = [thenable(() => {})]
        return recordedSource((request) => {
          const chunk = chunks.shift()
          if (chunk) request.chunk(chunk)
          else request.end()
        })
      },
    ),
  }
}

/** An iterator with a `next` of any kind. It is typed as what a reader has been promised. */
function withNext(next: () => unknown): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: next as () => Promise<IteratorResult<string>>,
      return: () => Promise.resolve({ done: true, value: undefined }),
    }),
  }
}

function thenable(then: () => void): object {
  return Object.defineProperty({}, 'then', { value: then })
}
