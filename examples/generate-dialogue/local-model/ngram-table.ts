import { setImmediate as nextMacrotask } from 'node:timers/promises'
import { NAME, NAMES, type Sentence, type SentenceKind } from './brown-sentence.ts'

/** Longest sequence of words that the table tells apart. */
export const ORDER = 4

/** Words that are not in the text: how a sentence begins and ends, and a word that is too rare to keep. */
export const END = 0
const UNKNOWN = 1
export const START: Record<SentenceKind, number> = { speech: 2, narration: 3, heading: 4 }
const SPECIAL_WORDS = ['<end>', '<unknown>', '<speech>', '<narration>', '<heading>', NAME, NAMES]
/** Words are stored in 16 bits. */
const MAX_WORDS = 65_536
/** Spoken sentences are a tenth of the corpus and all of a dialogue, so each counts this often. */
const SPEECH_WEIGHT = 3

/**
 * The trained model: every position of the corpus, sorted by the four words that start there.
 * All places where a context occurs lie side by side, and so do the words that follow it.
 */
export interface NgramTable {
  readonly words: readonly string[]
  /** 1 where the word is mostly a common noun in the singular. */
  readonly nouns: Uint8Array
  readonly tokens: Uint16Array
  readonly positions: Uint32Array
}

/** The part of `positions` where one context occurs; `end` is exclusive. */
export interface ContextRange {
  readonly start: number
  readonly end: number
}

/**
 * Trains the table. Between two passes the event loop gets a turn, so that a cancel is seen.
 * @throws the signal's reason once it is aborted.
 */
export async function trainNgramTable(
  sentences: AsyncIterable<Sentence>,
  options: { signal: AbortSignal; onSorting?: ((share: number) => void) | undefined },
): Promise<NgramTable> {
  const { words, nouns, tokens } = await numberWords(sentences)
  let positions = new Uint32Array(tokens.length - ORDER)
  for (let index = 0; index < positions.length; index += 1) positions[index] = index
  // A stable sort by the last word first, then by the one before it: the order of the whole four in the end.
  for (let offset = ORDER - 1; offset >= 0; offset -= 1) {
    await nextMacrotask()
    options.signal.throwIfAborted()
    positions = sortByWordAt(tokens, positions, offset, words.length)
    options.onSorting?.((ORDER - offset) / ORDER)
  }
  return { words, nouns, tokens, positions }
}

/** Where the context (at most three words) occurs; empty when it never does. */
export function findContext(table: NgramTable, context: readonly number[]): ContextRange {
  const start = lowerBound(table, context, false)
  return { start, end: lowerBound(table, context, true) }
}

/** The word that follows the context at one place of its range. */
export function wordAfter(table: NgramTable, place: number, contextLength: number): number {
  return table.tokens[(table.positions[place] ?? 0) + contextLength] ?? END
}

async function numberWords(
  sentences: AsyncIterable<Sentence>,
): Promise<Pick<NgramTable, 'words' | 'nouns' | 'tokens'>> {
  const ids = new Map(SPECIAL_WORDS.map((word, id) => [word, id]))
  const nounCounts = new Map<number, number>()
  const counts = new Map<number, number>()
  const sequence: number[] = []
  const idOf = (word: string): number => {
    const known = ids.get(word)
    if (known !== undefined) return known
    if (ids.size >= MAX_WORDS) return UNKNOWN
    ids.set(word, ids.size)
    return ids.size - 1
  }
  for await (const { kind, words, nouns } of sentences) {
    const numbered = words.map(idOf)
    for (const id of numbered) counts.set(id, (counts.get(id) ?? 0) + 1)
    for (const noun of nouns) nounCounts.set(idOf(noun), (nounCounts.get(idOf(noun)) ?? 0) + 1)
    const times = kind === 'speech' ? SPEECH_WEIGHT : 1
    for (let time = 0; time < times; time += 1) sequence.push(START[kind], ...numbered, END)
  }
  const nouns = new Uint8Array(ids.size)
  for (const [id, count] of nounCounts) nouns[id] = 2 * count > (counts.get(id) ?? 0) ? 1 : 0
  for (let padding = 0; padding < ORDER; padding += 1) sequence.push(END)
  return { words: [...ids.keys()], nouns, tokens: Uint16Array.from(sequence) }
}

/** One pass of a counting sort: linear in the corpus, stable. */
function sortByWordAt(
  tokens: Uint16Array,
  positions: Uint32Array,
  offset: number,
  wordCount: number,
): Uint32Array<ArrayBuffer> {
  const next = new Uint32Array(wordCount + 1)
  for (const position of positions) {
    const slot = (tokens[position + offset] ?? END) + 1
    next[slot] = (next[slot] ?? 0) + 1
  }
  for (let slot = 1; slot <= wordCount; slot += 1) next[slot] = (next[slot] ?? 0) + (next[slot - 1] ?? 0)
  const sorted = new Uint32Array(positions.length)
  for (const position of positions) {
    const word = tokens[position + offset] ?? END
    const place = next[word] ?? 0
    sorted[place] = position
    next[word] = place + 1
  }
  return sorted
}

/** First place whose words are not before the context (`after`: not before and not equal to it). */
function lowerBound(table: NgramTable, context: readonly number[], after: boolean): number {
  let low = 0
  let high = table.positions.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = compareAt(table, table.positions[middle] ?? 0, context)
    if (order < 0 || (after && order === 0)) low = middle + 1
    else high = middle
  }
  return low
}

function compareAt(table: NgramTable, position: number, context: readonly number[]): number {
  for (let index = 0; index < context.length; index += 1) {
    const difference = (table.tokens[position + index] ?? END) - (context[index] ?? END)
    if (difference !== 0) return difference
  }
  return 0
}
