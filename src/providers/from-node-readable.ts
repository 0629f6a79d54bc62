import { InvalidOptionsError, show } from '../core/errors.js'
import type { GenerationSource } from '../core/generation-source.js'
import { type ChunkLimits, checkChunkLimits } from './chunk-limits.js'
import { LazySource } from './lazy-source.js'
import { isNodeReadable, type NodeReadable, readNode } from './source-iterator.js'
import { type StreamItem, Utf8Text } from './utf8-text.js'

/**
 * A Node `Readable` of text, of bytes (UTF-8), or of chunks, for instance an `IncomingMessage`. It is read from the first `next()`
 * on, and destroyed on every exit but its end.
 *
 * @throws {InvalidOptionsError} when an argument is wrong
 */
export function fromNodeReadable(stream: NodeReadable, limits?: ChunkLimits): GenerationSource {
  if (typeof stream !== 'object' || stream === null || !isNodeReadable(stream)) {
    throw new InvalidOptionsError(`fromNodeReadable: expected a Readable, got ${show(stream)}.`)
  }
  const checked = checkChunkLimits('fromNodeReadable', limits)
  // An error before the first read, or after the last, must not end the process; a read in between rejects with it.
  stream.on('error', () => {})
  return new LazySource({
    open: () => readNode(stream) as AsyncIterable<StreamItem>,
    discard: () => stream.destroy(),
    reader: new Utf8Text(),
    limits: checked,
  })
}
