import { InvalidOptionsError, show } from '../core/errors.js'
import type { GenerationSource } from '../core/generation-source.js'
import { type ChunkLimits, checkChunkLimits } from './chunk-limits.js'
import { LazySource } from './lazy-source.js'
import { readStream } from './source-iterator.js'
import { type StreamItem, Utf8Text } from './utf8-text.js'

/**
 * A web stream of text, of bytes (UTF-8), or of chunks, for instance the body of a response. It is read from the first `next()` on,
 * and cancelled on every exit but its end.
 *
 * @throws {InvalidOptionsError} when an argument is wrong
 */
export function fromReadableStream(
  stream: ReadableStream<string> | ReadableStream<Uint8Array> | ReadableStream<StreamItem>,
  limits?: ChunkLimits,
): GenerationSource {
  if (typeof stream?.getReader !== 'function') {
    throw new InvalidOptionsError(`fromReadableStream: expected a ReadableStream, got ${show(stream)}.`)
  }
  if (stream.locked) throw new InvalidOptionsError('fromReadableStream: the stream is locked; give it unread.')
  const items = stream as ReadableStream<StreamItem>
  return new LazySource({
    open: () => readStream(items),
    discard: () => items.cancel(),
    reader: new Utf8Text(),
    limits: checkChunkLimits('fromReadableStream', limits),
  })
}
