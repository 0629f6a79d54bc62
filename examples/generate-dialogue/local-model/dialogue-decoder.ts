import { pick, type Random } from './random.ts'
import type { SentenceWriter } from './sentence-writer.ts'

/** What the decoder may write, beyond the shape of `unityDialogueSchema` itself. */
export interface DialogueGrammar {
  /** Who speaks the line; absent when nobody is known. */
  readonly speaker: string | undefined
  /** Who may be named. */
  readonly names: readonly string[]
  /** How many choices the node gets; `max: 0` writes none. */
  readonly choices: { readonly min: number; readonly max: number }
}

const TESTS = ['Raison+Rhétorique:8', 'Empathie+Intuition:6', 'Volonté+Autorité:10', 'Ruse+Tromperie:9']

/**
 * Writes a dialogue for `unityDialogueSchema`, token by token. Only what the schema allows at a place can be
 * written there: the text so far is a prefix of valid JSON after every token, and the whole text always validates.
 */
export function* decodeDialogue(
  writer: SentenceWriter,
  grammar: DialogueGrammar,
  random: Random,
): Generator<string, void, void> {
  const others = grammar.names.filter((name) => name !== grammar.speaker)
  yield '{"title":'
  yield* quoted(writer.write({ kind: 'heading', minWords: 2, maxWords: 6, names: grammar.names }))
  yield ',"node":{'
  if (grammar.speaker !== undefined) {
    yield '"speaker":'
    yield JSON.stringify(grammar.speaker)
    yield ','
  }
  yield '"line":'
  yield* quoted(paragraph(writer, 7 + Math.floor(random() * 4), others))
  const count = grammar.choices.min + Math.floor(random() * (grammar.choices.max - grammar.choices.min + 1))
  if (count > 0) {
    yield ',"choices":['
    for (let index = 0; index < count; index += 1) {
      if (index > 0) yield ','
      yield* choice(writer, grammar, random)
    }
    yield ']'
  }
  yield '}}'
}

function* choice(writer: SentenceWriter, grammar: DialogueGrammar, random: Random): Generator<string, void, void> {
  const names = grammar.speaker === undefined ? [] : [grammar.speaker]
  yield '{"text":'
  yield* quoted(writer.write({ kind: 'speech', minWords: 4, maxWords: 12, names }))
  const test = random() < 0.3 ? pick(TESTS, random) : undefined
  if (test !== undefined) {
    yield ',"test":'
    yield JSON.stringify(test)
  }
  if (random() < 0.5) {
    yield ',"influenceDelta":'
    yield String(Math.floor(random() * 5) - 2)
  }
  yield '}'
}

function* paragraph(
  writer: SentenceWriter,
  sentences: number,
  names: readonly string[],
): Generator<string, void, void> {
  for (let index = 0; index < sentences; index += 1) {
    if (index > 0) yield ' '
    yield* writer.write({ kind: 'speech', minWords: 5, maxWords: 22, names })
  }
}

/** A JSON string, one token for each piece. */
function* quoted(pieces: Iterable<string>): Generator<string, void, void> {
  yield '"'
  for (const piece of pieces) yield JSON.stringify(piece).slice(1, -1)
  yield '"'
}
