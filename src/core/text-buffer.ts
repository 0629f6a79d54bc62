/** Parts are joined in blocks: one array slot per chunk would outweigh the text of short chunks. */
const BLOCK = 512

/** Text that grows chunk by chunk and is read as a whole, if at all. */
export class TextBuffer {
  #joined = ''
  #parts: string[] = []

  append(part: string): void {
    if (this.#parts.push(part) < BLOCK) return
    this.#joined += this.#parts.join('')
    this.#parts = []
  }

  toString(): string {
    return this.#joined + this.#parts.join('')
  }
}
