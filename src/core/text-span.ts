import { TextBuffer } from './text-buffer.js'

/**
 * What one of several writers appends to a shared buffer. Its text stays in there as long as nobody else writes in between, which is
 * nearly always: kept twice, it would be the largest thing a running job holds.
 */
export class TextSpan {
  readonly #shared: TextBuffer
  #from = 0
  #length = 0
  #own: TextBuffer | undefined

  constructor(shared: TextBuffer) {
    this.#shared = shared
  }

  /** Takes in a part that was appended to the shared buffer just now. */
  noteAppended(part: string): void {
    if (this.#own) return this.#own.append(part)
    const startedAt = this.#shared.length - part.length
    if (this.#length === 0) this.#from = startedAt
    if (startedAt === this.#from + this.#length) this.#length += part.length
    else {
      const own = new TextBuffer()
      own.append(this.toString())
      own.append(part)
      this.#own = own
    }
  }

  toString(): string {
    return this.#own?.slice() ?? this.#shared.slice(this.#from, this.#from + this.#length)
  }
}
