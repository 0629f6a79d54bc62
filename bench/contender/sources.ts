const TEXT = 'word '
/** 59 bytes: what some models send at once, and what Redis is measured with. */
export const LINE = 'The quick brown fox jumps over the lazy dog, once and again'

/** A source whose chunks are always ready: each `next()` returns a settled promise. The worst case for any loop. */
export function readySource(chunks: number, text = TEXT): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      let left = chunks
      return {
        next: (): Promise<IteratorResult<string, undefined>> =>
          Promise.resolve(left-- > 0 ? { done: false, value: text } : { done: true, value: undefined }),
        return: () => Promise.resolve({ done: true as const, value: undefined }),
      }
    },
  }
}

/** The same in packets of 64 with a macrotask between them, as a socket delivers. */
function packetSource(chunks: number): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      let left = chunks
      return {
        next(): Promise<IteratorResult<string, undefined>> {
          if (left-- <= 0) return Promise.resolve({ done: true, value: undefined })
          const chunk = { done: false as const, value: TEXT }
          if (left % 64 !== 0) return Promise.resolve(chunk)
          return new Promise((resolve) => setImmediate(resolve, chunk))
        },
        return: () => Promise.resolve({ done: true as const, value: undefined }),
      }
    },
  }
}

/** One macrotask before each chunk, as a slow model writes. */
export function pacedSource(chunks: number): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      let left = chunks
      return {
        next(): Promise<IteratorResult<string, undefined>> {
          if (left-- <= 0) return Promise.resolve({ done: true, value: undefined })
          return new Promise((resolve) => setImmediate(resolve, { done: false, value: TEXT }))
        },
        return: () => Promise.resolve({ done: true as const, value: undefined }),
      }
    },
  }
}

/** Counts the sources that were let go. */
export interface Released {
  count: number
}

/** A source whose first `next()` never settles; its finalizer is `return()`. */
export function stuckSource(released: Released): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      return() {
        released.count++
        return Promise.resolve({ done: true as const, value: undefined })
      },
    }),
  }
}

export const SOURCES = { 'ready source': readySource, 'packets of 64': packetSource } as const
