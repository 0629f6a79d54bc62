import type { GenerationSource, ModelChunk } from '../core/generation-source.js'

/** What is needed of a Node `Readable`. */
export interface NodeReadable extends AsyncIterable<unknown> {
  readonly readable: boolean
  destroy(error?: Error): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** Any source as an iterator whose `return()` lets go of a pending `next()`. */
export function iterateSource(source: GenerationSource): AsyncIterator<string | ModelChunk, unknown> {
  if ('getReader' in source) return readStream(source)[Symbol.asyncIterator]()
  if (isNodeReadable(source)) {
    return readNode(source)[Symbol.asyncIterator]() as AsyncIterator<string | ModelChunk, unknown>
  }
  return source[Symbol.asyncIterator]()
}

/** The stream's own iterator would wait for a pending read on `return()`; a reader's `cancel()` settles it. */
export function readStream<Item>(stream: ReadableStream<Item>): AsyncIterable<Item> {
  return {
    [Symbol.asyncIterator]: () => {
      const reader = stream.getReader()
      return {
        next: () => reader.read() as Promise<IteratorResult<Item, undefined>>,
        return: async () => {
          await reader.cancel()
          return { done: true, value: undefined }
        },
      }
    },
  }
}

/** Likewise with a Node Readable and `destroy()`. */
export function readNode(stream: NodeReadable): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = stream[Symbol.asyncIterator]()
      return {
        next: () => iterator.next(),
        return: async () => {
          stream.destroy()
          return { done: true, value: undefined }
        },
      }
    },
  }
}

export function isNodeReadable(source: object): source is NodeReadable {
  const { destroy, readable } = source as Partial<NodeReadable>
  return typeof destroy === 'function' && typeof readable === 'boolean'
}
