/** What a piece of the corpus is: the model learns how each kind begins and ends. */
export type SentenceKind = 'speech' | 'narration' | 'heading'

export interface Sentence {
  readonly kind: SentenceKind
  /** Words in order; `NAME` and `NAMES` stand for whoever is talked about. */
  readonly words: readonly string[]
  /** The words of this sentence that are common nouns in the singular. */
  readonly nouns: readonly string[]
}

/** Stands where the corpus has a proper name. The decoder puts a character's name there. */
export const NAME = '<name>'
/** The same, in the possessive. */
export const NAMES = "<name>'s"

/** Fiction of 1961 has words that a demonstration should not say by chance. */
const COARSE =
  /^(?:ass$|bastard|bitch|breast|fuck|goddam|jap|jew|naked|naz|negro|nigg|queer|rape|savage|sex|shit|tits?$|whore)/i

interface TaggedWord {
  readonly word: string
  readonly tag: string
}

/**
 * Splits one tagged text of the Brown corpus into what was said, what was told and headings.
 * Names become `NAME`, the capital of a first word goes, doubled punctuation and brackets go.
 * @param fiction whether the text is a story: elsewhere a quote is a citation, not speech.
 */
export function* parseBrownText(text: string, fiction: boolean): Generator<Sentence, void, void> {
  let quoted = false
  for (const line of text.split('\n')) {
    const tagged = [...parseTags(line)]
    // Speech goes on over several sentences of a paragraph; a new paragraph opens its quotes again.
    if (tagged.length === 0) quoted = false
    const heading = tagged.every(({ tag }) => tag.endsWith('-hl'))
    let piece: TaggedWord[] = []
    for (const entry of tagged) {
      if (!isQuote(entry.word)) {
        piece.push(entry)
        continue
      }
      yield* toSentence(kindOf(piece, { heading, spoken: fiction && quoted }), piece)
      piece = []
      quoted = entry.word === '``'
    }
    yield* toSentence(kindOf(piece, { heading, spoken: fiction && quoted }), piece)
  }
}

function kindOf(
  piece: readonly TaggedWord[],
  { heading, spoken }: { heading: boolean; spoken: boolean },
): SentenceKind {
  if (heading) return 'heading'
  // «..., and so on» after «he said» does not begin a sentence.
  const begins = /^[A-Z]/.test(piece[0]?.word ?? '')
  return spoken && begins ? 'speech' : 'narration'
}

function* parseTags(line: string): Generator<TaggedWord> {
  for (const entry of line.trim().split(/\s+/)) {
    const slash = entry.lastIndexOf('/')
    if (slash > 0) yield { word: entry.slice(0, slash), tag: entry.slice(slash + 1) }
  }
}

function* toSentence(kind: SentenceKind, tagged: readonly TaggedWord[]): Generator<Sentence> {
  const words: string[] = []
  const nouns: string[] = []
  for (const { word, tag } of tagged) {
    if (!isPlainWord(word) || COARSE.test(word)) return
    const next = plainWord(word, tag, words.length === 0)
    const previous = words.at(-1)
    // The corpus writes `?`, `!`, `;` twice, and a name of three words is still one name.
    if (next === previous && (next === NAME || !/\w/.test(next))) continue
    words.push(next)
    if (/^nn(-tl|-hl)?$/.test(tag) && next === next.toLowerCase()) nouns.push(next)
  }
  if (words.length > 1) yield { kind, words, nouns }
}

function isQuote(word: string): boolean {
  return word === '``' || word === "''"
}

/** Formulas, foreign letters, numbers with units: a sentence with one of these is left out. */
function isPlainWord(word: string): boolean {
  return /^(?:[A-Za-z]+(?:[-'.][A-Za-z]+)*[.']?|[.,;:!?]|--|\d{1,4}|'[a-z]+)$/.test(word)
}

function plainWord(word: string, tag: string, first: boolean): string {
  if (tag.startsWith('np')) return tag.includes('$') ? NAMES : NAME
  const keepsItsCapital = /^I(?:'|$)/.test(word) || tag.includes('-tl') || tag.startsWith('nr')
  return first && !keepsItsCapital ? word.toLowerCase() : word
}
