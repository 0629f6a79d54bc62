import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { UnityDialogueRequest } from 'generation-jobs/dialogue'
import { type Locale, type Words, wordsOf } from './words.ts'

/** What the command line asks for. */
export interface Arguments {
  readonly request: UnityDialogueRequest
  readonly directory: string
  readonly locale: Locale
  readonly json: boolean
  /** The local model, whatever the environment says. */
  readonly local: boolean
  readonly seed: string
  /** Tokens of the local model in 10 ms. */
  readonly tokensPerTick: number
  readonly cacheDirectory: string | undefined
}

export type ParsedArguments =
  | { readonly kind: 'run'; readonly arguments: Arguments }
  | { readonly kind: 'help'; readonly locale: Locale }
  | { readonly kind: 'wrong'; readonly locale: Locale; readonly problem: string }

/** The local model knows English only, so this is English in both languages. */
const DEFAULT_INSTRUCTIONS = 'The river took the bridge last night, and the letter is still on the other side.'
const DEFAULT_CHARACTERS = 'Mira,Old Tom'
const DEFAULT_DIRECTORY = 'dialogues'
const DEFAULT_PACE = 2

const LOCALES = ['fr', 'en'] as const
const MODES = ['free', 'capped'] as const

const OPTIONS = {
  characters: { type: 'string' },
  npc: { type: 'string' },
  player: { type: 'string' },
  'max-choices': { type: 'string' },
  'choices-mode': { type: 'string' },
  out: { type: 'string' },
  seed: { type: 'string' },
  pace: { type: 'string' },
  cache: { type: 'string' },
  locale: { type: 'string' },
  fast: { type: 'boolean' },
  local: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

type OptionName = keyof typeof OPTIONS

/** Reads the command line; a wrong one is told in the language it asks for, as far as that can be known. */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  // Not strict, because the parser's own errors are English only.
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const given = new Map<OptionName, string>()
  const problems: ((words: Words) => string)[] = []
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const { name, rawName, value, inlineValue } = token
    if (!isOption(name)) problems.push((words) => words.unknownOption(rawName))
    else if (OPTIONS[name].type === 'boolean') {
      if (value !== undefined) problems.push((words) => words.unexpectedValue(rawName))
      given.set(name, '')
    } else if (value === undefined || (value.startsWith('-') && !inlineValue)) {
      problems.push((words) => words.missingValue(rawName))
    } else given.set(name, value)
  }
  const locale = oneOf(LOCALES, given.get('locale')) ?? 'fr'
  if (given.has('help')) return { kind: 'help', locale }
  const words = wordsOf(locale)
  const [problem] = problems
  if (problem) return { kind: 'wrong', locale, problem: problem(words) }
  try {
    return { kind: 'run', arguments: readArguments(given, positionals, words) }
  } catch (error) {
    if (error instanceof WrongArgument) return { kind: 'wrong', locale, problem: error.message }
    throw error
  }
}

class WrongArgument extends Error {}

function readArguments(
  given: ReadonlyMap<OptionName, string>,
  positionals: readonly string[],
  words: Words,
): Arguments {
  function read<T>(name: OptionName, convert: (value: string) => T | undefined, expected: string): T | undefined {
    const value = given.get(name)
    if (value === undefined) return undefined
    const converted = convert(value)
    if (converted === undefined) throw new WrongArgument(words.wrongValue(`--${name}`, expected))
    return converted
  }
  const text = (name: OptionName) => read(name, (value) => value.trim() || undefined, words.notBlank)
  const choice = <T extends string>(name: OptionName, values: readonly T[]) =>
    read(name, (value) => oneOf(values, value), words.oneOf(values))

  const characters = splitNames(given.get('characters') ?? DEFAULT_CHARACTERS)
  const instructions = positionals.length > 0 ? positionals.join(' ').trim() : DEFAULT_INSTRUCTIONS
  if (characters.length === 0 && instructions === '') throw new WrongArgument(words.needsSubject)
  const pace = read('pace', positiveNumber, words.positiveNumber) ?? DEFAULT_PACE
  return {
    request: {
      instructions,
      characters,
      npcSpeaker: text('npc'),
      playerCharacter: text('player'),
      maxChoices: read('max-choices', wholeNumber, words.wholeNumber),
      choicesMode: choice('choices-mode', MODES),
    },
    directory: text('out') ?? DEFAULT_DIRECTORY,
    locale: choice('locale', LOCALES) ?? 'fr',
    json: given.has('json'),
    local: given.has('local'),
    seed: text('seed') ?? randomUUID().slice(0, 8),
    tokensPerTick: given.has('fast') ? Number.POSITIVE_INFINITY : pace,
    cacheDirectory: text('cache'),
  }
}

function isOption(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name)
}

function oneOf<T extends string>(values: readonly T[], value: string | undefined): T | undefined {
  return values.find((known) => known === value)
}

function splitNames(value: string): readonly string[] {
  return value
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
}

function wholeNumber(value: string): number | undefined {
  const number = Number(value)
  return /^\d+$/.test(value) && Number.isSafeInteger(number) ? number : undefined
}

function positiveNumber(value: string): number | undefined {
  const number = Number(value)
  return value.trim() !== '' && Number.isFinite(number) && number > 0 ? number : undefined
}
