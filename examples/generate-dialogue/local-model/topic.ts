import { findContext, type NgramTable } from './ngram-table.ts'

/** A word that the corpus has more often than this says nothing about a topic. */
const FREQUENT = 500

/** What the instructions are about, in the model's own words. */
export interface Topic {
  /** Ids of the words that the model knows. */
  readonly ids: ReadonlySet<number>
  /** Nouns, and words that the model does not know: what a sentence can be made to be about. */
  readonly nouns: readonly string[]
}

/** Takes the words that carry meaning out of the instructions. */
export function readTopic(table: NgramTable, instructions: string): Topic {
  const idOf = new Map(table.words.map((word, id) => [word, id]))
  const ids = new Set<number>()
  const nouns = new Set<string>()
  for (const word of instructions.toLowerCase().match(/[\p{L}'’-]{3,}/gu) ?? []) {
    const id = idOf.get(word)
    if (id === undefined) {
      nouns.add(word)
      continue
    }
    const { start, end } = findContext(table, [id])
    if (end - start > FREQUENT) continue
    ids.add(id)
    if (table.nouns[id] === 1) nouns.add(word)
  }
  return { ids, nouns: [...nouns] }
}
