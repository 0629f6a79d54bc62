import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { endianness } from 'node:os'
import path from 'node:path'
import type { NgramTable } from './ngram-table.ts'

/** Rises with every change of the table or of how it is trained: an older file is then trained again. */
const FORMAT = 1

interface Header {
  /** Everything the table depends on. */
  readonly key: string
  readonly sha256: string
  readonly sizes: readonly number[]
}

export interface TableCache {
  /** The stored table; `undefined` when there is none, when it is of another version or when it is damaged. */
  read(): Promise<NgramTable | undefined>
  /** Stores the table, whole or not at all. A cache that cannot be written is no error: the next start trains again. */
  write(table: NgramTable): Promise<void>
}

/** Keeps the trained table in one file of the directory: a line of JSON, then the four parts as they are in memory. */
export function createTableCache(directory: string, corpusVersion: string): TableCache {
  const key = `format ${FORMAT}, corpus ${corpusVersion}, ${endianness()}`
  const file = path.join(directory, 'brown.ngrams')
  return {
    async read() {
      try {
        return decode(await readFile(file), key)
      } catch {
        return undefined
      }
    },
    async write(table) {
      const temporary = `${file}.${randomUUID()}.tmp`
      try {
        await mkdir(directory, { recursive: true })
        await writeFile(temporary, encode(table, key))
        await rename(temporary, file)
      } catch {
        await rm(temporary, { force: true }).catch(() => {})
      }
    },
  }
}

function encode(table: NgramTable, key: string): Uint8Array {
  const parts = [
    new TextEncoder().encode(table.words.join('\n')),
    table.nouns,
    bytes(table.tokens),
    bytes(table.positions),
  ]
  const header: Header = {
    key,
    sha256: digest(Buffer.concat(parts)),
    sizes: parts.map(({ length }) => length),
  }
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...parts])
}

function decode(stored: Buffer, key: string): NgramTable | undefined {
  const end = stored.indexOf('\n')
  const header = JSON.parse(stored.toString('utf8', 0, end)) as Header
  const content = stored.subarray(end + 1)
  if (header.key !== key || header.sha256 !== digest(content)) return undefined
  let start = 0
  const [words, nouns, tokens, positions] = header.sizes.map((size) => {
    start += size
    // A copy, because the parts of the file are not aligned to 2 and 4 bytes.
    return new Uint8Array(content.subarray(start - size, start)).buffer
  })
  if (!words || !nouns || !tokens || !positions) return undefined
  return {
    words: new TextDecoder().decode(words).split('\n'),
    nouns: new Uint8Array(nouns),
    tokens: new Uint16Array(tokens),
    positions: new Uint32Array(positions),
  }
}

function bytes(array: Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

function digest(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
