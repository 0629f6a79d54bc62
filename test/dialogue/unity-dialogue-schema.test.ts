import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unityDialogueSchema } from '../../src/dialogue/unity-dialogue-schema.js'
import { response } from './support/dialogue-arbitraries.js'

const parse = (node: unknown) => unityDialogueSchema.parse({ title: 'Le pont', node })
const issuesOf = (value: unknown) =>
  unityDialogueSchema.safeParse(value).error?.issues.map(({ path }) => path.join('.')) ?? []

describe('unityDialogueSchema', () => {
  it('needs a title and a node, and nothing else', () => {
    expect(issuesOf({})).toEqual(['title', 'node'])
    expect(issuesOf({ title: '', node: {} })).toEqual([])
  })

  it.each(['displayName', 'speaker', 'line', 'test', 'consequences', 'isLongRest', 'startState', 'choices'] as const)(
    'takes a missing and a null %s alike, and gives null',
    (field) => {
      expect(parse({}).node[field]).toBeNull()
      expect(parse({ [field]: null }).node[field]).toBeNull()
    },
  )

  it.each([
    'test',
    'testCriticalFailureNode',
    'testFailureNode',
    'testSuccessNode',
    'testCriticalSuccessNode',
    'traitRequirements',
    'allowInfluenceForcing',
    'influenceThreshold',
    'influenceDelta',
    'respectDelta',
    'condition',
  ] as const)('takes a missing and a null %s of a choice alike, and gives null', (field) => {
    expect(parse({ choices: [{ text: 'Oui' }] }).node.choices?.[0]?.[field]).toBeNull()
    expect(parse({ choices: [{ text: 'Oui', [field]: null }] }).node.choices?.[0]?.[field]).toBeNull()
  })

  it('drops unknown keys at every depth', () => {
    const parsed = unityDialogueSchema.parse({
      title: 'a',
      mood: 'dark',
      node: { id: 'X', consequences: { flag: 'F', extra: 1 }, choices: [{ text: 'b', targetNode: 'Z' }] },
    })
    expect(JSON.stringify(parsed)).not.toMatch(/mood|extra|targetNode|"id"/)
  })

  it('keeps empty strings and line breaks', () => {
    expect(parse({ line: 'one\ntwo', speaker: '' }).node).toMatchObject({ line: 'one\ntwo', speaker: '' })
  })

  it('takes the first of a list of consequences and ignores the others', () => {
    const consequences = [{ flag: 'MET' }, { not: 'a consequence' }]
    expect(parse({ consequences }).node.consequences).toEqual({ flag: 'MET', description: null })
  })

  it('takes an empty list of consequences as none', () => {
    expect(parse({ consequences: [] }).node.consequences).toBeNull()
  })

  it.each([
    ['a title that is no text', { title: 3, node: {} }, 'title'],
    ['a line that is no text', { title: '', node: { line: 3 } }, 'node.line'],
    [
      'consequences without a flag',
      { title: '', node: { consequences: { description: 'x' } } },
      'node.consequences.flag',
    ],
    ['a start state with a fraction', { title: '', node: { startState: 1.5 } }, 'node.startState'],
    ['a long rest that is no boolean', { title: '', node: { isLongRest: 'true' } }, 'node.isLongRest'],
    ['a choice without text', { title: '', node: { choices: [{}] } }, 'node.choices.0.text'],
    [
      'an influence with a fraction',
      { title: '', node: { choices: [{ text: '', influenceDelta: 0.5 }] } },
      'node.choices.0.influenceDelta',
    ],
    [
      'a trait above 100',
      { title: '', node: { choices: [{ text: '', traitRequirements: [{ trait: 'a', minValue: 101 }] }] } },
      'node.choices.0.traitRequirements.0.minValue',
    ],
    [
      'a trait below -100',
      { title: '', node: { choices: [{ text: '', traitRequirements: [{ trait: 'a', minValue: -101 }] }] } },
      'node.choices.0.traitRequirements.0.minValue',
    ],
    [
      'a trait that is not whole',
      { title: '', node: { choices: [{ text: '', traitRequirements: [{ trait: 'a', minValue: 1.5 }] }] } },
      'node.choices.0.traitRequirements.0.minValue',
    ],
  ])('refuses %s', (_what, value, path) => {
    expect(issuesOf(value)).toEqual([path])
  })

  it('takes traits from -100 to 100 and deltas of both signs', () => {
    const choice = {
      text: '',
      influenceDelta: -3,
      respectDelta: 4,
      traitRequirements: [
        { trait: 'a', minValue: -100 },
        { trait: 'b', minValue: 100 },
      ],
    }
    expect(parse({ choices: [choice] }).node.choices).toMatchObject([choice])
  })

  it('does not judge the form of a test', () => {
    expect(parse({ test: 'anything' }).node.test).toBe('anything')
  })

  it('accepts everything of its own shape', () => {
    fc.assert(fc.property(response, (value) => unityDialogueSchema.safeParse(value).success))
  })

  it('gives back what it gave', () => {
    fc.assert(
      fc.property(response, (value) => {
        const once = unityDialogueSchema.parse(value)
        expect(unityDialogueSchema.parse(once)).toEqual(once)
      }),
    )
  })
})
