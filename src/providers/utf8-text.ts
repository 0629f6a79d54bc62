import type { ModelChunk } from '../core/generation-source.js'
import type { SourceReader } from './lazy-source.js'
import { providerFailure } from './provider-failure.js'

/** One item of a stream of text: text, its bytes in UTF-8, or a chunk. */
export type StreamItem = string | Uint8Array | ModelChunk

/** Reads strings, bytes and chunks. A character whose bytes come in two items is put together. */
export class Utf8Text implements SourceReader<StreamItem> {
  readonly #decoder = new TextDecoder()

  read(item: StreamItem): ModelChunk | undefined {
    if (typeof item === 'string') return textChunk(item)
    if (item instanceof Uint8Array) return textChunk(this.#decoder.decode(item, { stream: true }))
    if (typeof item === 'object' && item !== null) return item
    throw providerFailure('provider.malformed')
  }

  end(): ModelChunk | undefined {
    return textChunk(this.#decoder.decode())
  }
}

function textChunk(text: string): ModelChunk | undefined {
  return text === '' ? undefined : { text }
}
