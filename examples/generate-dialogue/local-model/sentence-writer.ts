import { NAME, NAMES, type SentenceKind } from './brown-sentence.ts'
import { END, type NgramTable, START } from './ngram-table.ts'
import { pick, type Random } from './random.ts'
import { readTopic } from './topic.ts'
import { createWordSampler } from './word-sampler.ts'

/** How much likelier a word of the instructions is than the corpus alone would make it. */
const TOPIC_WEIGHT = 8
/** Share of the common nouns that a noun of the instructions replaces. */
const COPY_SHARE = 0.2
/** So many sentences are drawn for each one that is written. */
const DRAFTS = 5

export interface SentenceOptions {
  readonly kind: SentenceKind
  readonly minWords: number
  readonly maxWords: number
  /** Who a name in the sentence may be; with none, the sentence names nobody. */
  readonly names: readonly string[]
}

export interface SentenceWriter {
  /** Writes one sentence piece by piece: a word with the space before it, or a punctuation mark. */
  write(options: SentenceOptions): Generator<string, void, void>
}

interface Draft {
  readonly words: readonly number[]
  readonly score: number
}

/** Writes sentences with the trained table, drawn towards the words of a topic. */
export function createSentenceWriter(table: NgramTable, options: { topic: string; random: Random }): SentenceWriter {
  const { random } = options
  const topic = readTopic(table, options.topic)
  const sampler = createWordSampler(table, {
    random,
    weigh: (word) => (topic.ids.has(word) ? TOPIC_WEIGHT : 1),
  })

  /** One attempt; its score says how well it hangs together, whether it came to an end, and how near the topic it is. */
  function draft({ kind, minWords, maxWords, names }: SentenceOptions): Draft {
    const words: number[] = []
    let named = names.length === 0
    let contexts = 0
    let ended = false
    while (words.length < maxWords && !ended) {
      const drawn = sampler.next([START[kind], ...words], (candidate) => {
        if (candidate === END) return words.length >= minWords
        const text = table.words[candidate] ?? ''
        if (text === NAME || text === NAMES) return !named
        return !text.startsWith('<') && (words.length > 0 || !isMark(text))
      })
      if (drawn === undefined) break
      contexts += drawn.contextLength
      ended = drawn.word === END
      named ||= isName(table.words[drawn.word])
      if (!ended) words.push(drawn.word)
    }
    const hits = new Set(words.filter((word) => topic.ids.has(word))).size
    return { words, score: contexts / (words.length + 1) + (ended ? 2 : 0) + Math.min(hits, 2) / 2 }
  }

  function best(sentence: SentenceOptions): readonly number[] {
    let chosen = draft(sentence)
    for (let count = 1; count < DRAFTS; count += 1) {
      const next = draft(sentence)
      if (next.score > chosen.score) chosen = next
    }
    return chosen.words
  }

  function surface(id: number, names: readonly string[], before: string): string {
    const word = table.words[id] ?? ''
    if (word === NAME) return pick(names, random) ?? ''
    if (word === NAMES) return `${pick(names, random) ?? ''}'s`
    if (table.nouns[id] !== 1 || random() >= COPY_SHARE) return word
    return (
      pick(
        topic.nouns.filter((noun) => followsArticle(before, noun)),
        random,
      ) ?? word
    )
  }

  return {
    *write(sentence) {
      let before = ''
      // Held back until the next word shows that the sentence goes on: its last mark is ours to choose.
      let mark = ''
      for (const id of best(sentence)) {
        const word = surface(id, sentence.names, before)
        if (isMark(word)) {
          mark = word
          continue
        }
        if (mark) yield mark
        const begins = before === '' || /[.?!]/.test(mark)
        yield `${before === '' ? '' : ' '}${begins ? capitalise(word) : word}`
        before = word
        mark = ''
      }
      if (sentence.kind !== 'heading') yield /[.?!]/.test(mark) ? mark : '.'
    },
  }
}

function isMark(word: string): boolean {
  return /^[.,:;?!]$/.test(word)
}

function isName(word: string | undefined): boolean {
  return word === NAME || word === NAMES
}

function followsArticle(before: string, noun: string): boolean {
  if (before !== 'a' && before !== 'an') return true
  return /^[aeiou]/.test(noun) === (before === 'an')
}

function capitalise(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
