import { describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/core/errors.js'
import { buildDialoguePrompt } from '../../src/dialogue/dialogue-prompt.js'
import { resolveDialogueRequest, type UnityDialogueRequest } from '../../src/dialogue/dialogue-request.js'

const resolve = (request: Partial<UnityDialogueRequest>, defaults = {}) =>
  resolveDialogueRequest({ instructions: '', characters: [], ...request }, defaults)

describe('resolveDialogueRequest', () => {
  it('needs at least one character or instructions', () => {
    expect(() => resolve({})).toThrow(InvalidOptionsError)
    expect(() => resolve({ instructions: '  ' })).toThrow('select at least one character or add instructions')
    expect(resolve({ instructions: 'Une dispute' }).npcSpeaker).toBeUndefined()
    expect(resolve({ characters: ['Mira'] }).instructions).toBe('')
  })

  it('lets the first character speak unless another is named', () => {
    expect(resolve({ characters: ['Mira', 'Tom'] }).npcSpeaker).toBe('Mira')
    expect(resolve({ characters: ['Mira', 'Tom'], npcSpeaker: 'Tom' }).npcSpeaker).toBe('Tom')
  })

  it('puts its own limits before the defaults, and free mode before nothing', () => {
    expect(resolve({ characters: ['a'] })).toMatchObject({ maxChoices: undefined, choicesMode: 'free' })
    expect(resolve({ characters: ['a'] }, { maxChoices: 4, choicesMode: 'capped' })).toMatchObject({
      maxChoices: 4,
      choicesMode: 'capped',
    })
    expect(resolve({ characters: ['a'], maxChoices: 0, choicesMode: 'free' }, { maxChoices: 4 })).toMatchObject({
      maxChoices: 0,
      choicesMode: 'free',
    })
  })

  it.each([
    ['no request at all', undefined],
    ['no list of characters', { instructions: '', characters: 'Mira' }],
    ['a blank character', { instructions: 'x', characters: [' '] }],
    ['a negative number of choices', { instructions: 'x', characters: [], maxChoices: -1 }],
    ['half a choice', { instructions: 'x', characters: [], maxChoices: 2.5 }],
    ['an unknown mode', { instructions: 'x', characters: [], choicesMode: 'strict' }],
    ['an unknown key', { instructions: 'x', characters: [], mood: 'dark' }],
  ])('refuses %s', (_what, request) => {
    expect(() => resolveDialogueRequest(request as UnityDialogueRequest, {})).toThrow(InvalidOptionsError)
  })

  it('reports everything at once', () => {
    const request = { instructions: 3, characters: [''], maxChoices: -1 } as unknown as UnityDialogueRequest
    expect(() => resolveDialogueRequest(request, {})).toThrow(/instructions: .*characters\.0: .*maxChoices: /)
  })
})

describe('buildDialoguePrompt', () => {
  it('says what to write about, and leaves out what is not known', () => {
    const { prompt } = buildDialoguePrompt(
      resolve({ characters: ['Mira', 'Tom'], playerCharacter: 'Léa', instructions: 'Une dispute' }),
    )
    expect(prompt).toBe('Characters: Mira, Tom\nSpeaker: Mira\nPlayer: Léa\nInstructions: Une dispute')
    expect(buildDialoguePrompt(resolve({ instructions: 'Une dispute' })).prompt).toBe('Instructions: Une dispute')
  })

  it.each([
    [{}, 'Number of choices: 2 to 8,'],
    [{ choicesMode: 'capped' }, 'Number of choices: 1 to 8,'],
    [{ maxChoices: 3 }, 'Number of choices: 1 to 3,'],
    [{ maxChoices: 1 }, 'Number of choices: 1,'],
    [{ maxChoices: 0 }, 'The node has no choices'],
  ] as const)('asks for the number of choices that %o allows', (limits, sentence) => {
    expect(buildDialoguePrompt(resolve({ instructions: 'x', ...limits })).system).toContain(sentence)
  })
})
