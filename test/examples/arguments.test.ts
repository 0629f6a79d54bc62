import { describe, expect, it } from 'vitest'
import { parseArguments } from '../../examples/generate-dialogue/arguments.ts'

function run(...argv: string[]) {
  const parsed = parseArguments(argv)
  if (parsed.kind !== 'run') throw new Error(JSON.stringify(parsed))
  return parsed.arguments
}

function problem(...argv: string[]) {
  const parsed = parseArguments(['--locale', 'en', ...argv])
  return parsed.kind === 'wrong' ? parsed.problem : parsed.kind
}

describe('good arguments', () => {
  it('have a default for everything', () => {
    const { request, seed, ...rest } = run()
    expect(request).toMatchObject({
      characters: ['Mira', 'Old Tom'],
      instructions: expect.stringMatching(/river/),
    })
    expect(seed).not.toBe('')
    expect(rest).toEqual({
      directory: 'dialogues',
      locale: 'fr',
      json: false,
      local: false,
      tokensPerTick: 2,
      cacheDirectory: undefined,
    })
  })

  it('say everything about the scene', () => {
    const argv = [
      '--characters',
      ' Ada , Bob ,',
      '--npc=Bob',
      '--player',
      'Eve',
      '--max-choices',
      '0',
      '--choices-mode',
    ]
    expect(run(...argv, 'capped', 'a', 'quarrel').request).toEqual({
      characters: ['Ada', 'Bob'],
      npcSpeaker: 'Bob',
      playerCharacter: 'Eve',
      maxChoices: 0,
      choicesMode: 'capped',
      instructions: 'a quarrel',
    })
  })

  it('say how to run', () => {
    const argv = ['--out', 'there', '--seed', '7', '--pace=0.5', '--local', '--json', '--locale', 'en', '--cache', 'c']
    expect(run(...argv)).toMatchObject({
      directory: 'there',
      seed: '7',
      tokensPerTick: 0.5,
      local: true,
      json: true,
      locale: 'en',
      cacheDirectory: 'c',
    })
    expect(run('--fast', '--pace', '3').tokensPerTick).toBe(Number.POSITIVE_INFINITY)
  })

  it('take everything after -- as instructions', () => {
    expect(run('--', '--json').request.instructions).toBe('--json')
  })

  it('give another seed each time unless one is asked for', () => {
    expect(run().seed).not.toBe(run().seed)
  })

  it('ask for help in a language', () => {
    expect(parseArguments(['-h', '--locale', 'en'])).toEqual({ kind: 'help', locale: 'en' })
    expect(parseArguments(['--help', '--unknown'])).toEqual({ kind: 'help', locale: 'fr' })
  })
})

describe('wrong arguments', () => {
  it.each([
    [['--unknown'], 'Unknown option: --unknown'],
    [['-x'], 'Unknown option: -x'],
    [['--out'], '--out needs a value'],
    [['--out', '--json'], '--out needs a value'],
    [['--out', ' '], '--out needs a text that is not blank'],
    [['--json=yes'], '--json takes no value'],
    [['--max-choices', '1.5'], '--max-choices needs a whole number, 0 or more'],
    [['--max-choices=-1'], '--max-choices needs a whole number, 0 or more'],
    [['--max-choices', '1e99'], '--max-choices needs a whole number, 0 or more'],
    [['--pace', '0'], '--pace needs a number above 0'],
    [['--pace', 'fast'], '--pace needs a number above 0'],
    [['--choices-mode', 'strict'], '--choices-mode needs free or capped'],
    [['--npc', ''], '--npc needs a text that is not blank'],
    [['--characters', ' , ', ' '], 'Select at least one character or add instructions'],
  ])('%j: %s', (argv, message) => {
    expect(problem(...argv)).toBe(message)
  })

  it('are told in French unless English is asked for', () => {
    expect(parseArguments(['--characters', '', ''])).toEqual({
      kind: 'wrong',
      locale: 'fr',
      problem: 'Veuillez sélectionner au moins un personnage ou ajouter des instructions',
    })
    expect(parseArguments(['--locale', 'de'])).toMatchObject({
      kind: 'wrong',
      problem: '--locale attend fr ou en',
    })
  })
})
