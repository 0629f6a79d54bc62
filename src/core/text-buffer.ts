/** Parts are joined in blocks: one array slot per chunk would outweigh the text of short chunks. */
const BLOCK = 512

/** Text that grows chunk by chunk and is read as a whole, if at all. */
export class TextBuffer {
  readonly #blocks: string[] = []
  #parts: string[] = []

  append(part: string): void {
    this.#parts.push(part)
    if (this.#parts.length < BLOCK) return
    this.#blocks.push(this.#parts.join(''))
    this.#parts = []
  }

  toString(): string {
    return this.#blocks.join('') + this.#parts.join('')
  }
}
