import { describe, expect, it } from 'vitest'
import { InvalidResultError } from '../../src/core/errors.js'
import { applyChoiceRules } from '../../src/dialogue/choice-rules.js'

const withChoices = (count: number | null) => ({
  title: 'a',
  node: {
    line: 'b',
    choices: count === null ? null : Array.from({ length: count }, (_, index) => ({ text: `${index}` })),
  },
})
const texts = (count: number | null, rules: Parameters<typeof applyChoiceRules>[1]) =>
  applyChoiceRules(withChoices(count), rules).node.choices?.map(({ text }) => text) ?? null
const upTo = (count: number) => Array.from({ length: count }, (_, index) => `${index}`)

describe('free mode', () => {
  const free = { maxChoices: undefined, choicesMode: 'free' } as const

  it('accepts a node without choices as the end of the dialogue', () => {
    expect(texts(null, free)).toBeNull()
    expect(applyChoiceRules({ title: '', node: {} }, free)).toEqual({ title: '', node: {} })
  })

  it.each([0, 1])('refuses a list of %d', (count) => {
    expect(() => texts(count, free)).toThrow(InvalidResultError)
    expect(() => texts(count, free)).toThrow(`node.choices: expected null or 2 to 8 choices, received ${count}`)
  })

  it.each([2, 8])('keeps %d', (count) => {
    expect(texts(count, free)).toEqual(upTo(count))
  })

  it('cuts off what is above 8', () => {
    expect(texts(9, free)).toEqual(upTo(8))
  })
})

describe('maxChoices', () => {
  it.each(['free', 'capped'] as const)('wins over %s mode', (choicesMode) => {
    expect(texts(9, { maxChoices: 3, choicesMode })).toEqual(upTo(3))
    expect(texts(9, { maxChoices: 10, choicesMode })).toEqual(upTo(9))
    expect(texts(1, { maxChoices: 3, choicesMode })).toEqual(['0'])
    expect(texts(0, { maxChoices: 3, choicesMode })).toBeNull()
  })

  it('of 0 removes all choices', () => {
    expect(texts(4, { maxChoices: 0, choicesMode: 'free' })).toBeNull()
    expect(texts(null, { maxChoices: 0, choicesMode: 'free' })).toBeNull()
  })
})

describe('capped mode without a number', () => {
  const capped = { maxChoices: undefined, choicesMode: 'capped' } as const

  it('has no minimum', () => {
    expect(texts(0, capped)).toBeNull()
    expect(texts(1, capped)).toEqual(['0'])
  })

  it('cuts off what is above 8', () => {
    expect(texts(12, capped)).toEqual(upTo(8))
  })
})

it('leaves the response it was given as it is', () => {
  const response = withChoices(4)
  applyChoiceRules(response, { maxChoices: 1, choicesMode: 'free' })
  expect(response).toEqual(withChoices(4))
})
