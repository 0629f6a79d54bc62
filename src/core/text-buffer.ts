/** Parts are joined in blocks: one array slot per chunk would outweigh the text of short chunks. */
const BLOCK = 512

/** Text that grows chunk by chunk and is read as a whole, if at all. */
export class TextBuffer {
  #joined = ''
  #parts: string[] = []
  #length = 0

  /** Characters so far (UTF-16 units). */
  get length(): number {
    return this.#length
  }

  append(part: string): void {
    this.#length += part.length
    if (this.#parts.push(part) < BLOCK) return
    this.#joined += this.#parts.join('')
    this.#parts = []
  }

  /** Forgets what it has; nobody reads it any more. */
  clear(): void {
    this.#joined = ''
    this.#parts = []
    this.#length = 0
  }

  /** The text between two lengths that the buffer had; without them, all of it. */
  slice(from = 0, to = this.#length): string {
    return (this.#joined + this.#parts.join('')).slice(from, to)
  }
}
