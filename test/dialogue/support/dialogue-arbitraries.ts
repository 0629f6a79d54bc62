import fc from 'fast-check'
import type { UnityChoiceContent, UnityDialogueResponse } from '../../../src/dialogue/unity-dialogue-schema.js'

/** A field that is missing, null or there. */
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const reference = optional(fc.constantFrom('', 'START', 'END'))
const text = optional(fc.string({ unit: 'grapheme' }))

const choice: fc.Arbitrary<UnityChoiceContent> = fc.record(
  {
    text: fc.string(),
    test: text,
    testCriticalFailureNode: reference,
    testFailureNode: reference,
    testSuccessNode: reference,
    testCriticalSuccessNode: reference,
    traitRequirements: optional(
      fc.array(fc.record({ trait: fc.string(), minValue: fc.integer({ min: -100, max: 100 }) }), {
        maxLength: 3,
      }),
    ),
    allowInfluenceForcing: optional(fc.boolean()),
    influenceThreshold: optional(fc.integer()),
    influenceDelta: optional(fc.integer()),
    respectDelta: optional(fc.integer()),
    condition: text,
  },
  { requiredKeys: ['text'] },
)

/** Any answer that the schema accepts and whose references lead somewhere. */
export const response: fc.Arbitrary<UnityDialogueResponse> = fc.record({
  title: fc.string(),
  node: fc.record(
    {
      displayName: text,
      speaker: text,
      line: text,
      test: text,
      consequences: optional(fc.record({ flag: fc.string(), description: text }, { requiredKeys: ['flag'] })),
      isLongRest: optional(fc.boolean()),
      startState: optional(fc.integer()),
      choices: optional(fc.array(choice, { maxLength: 12 })),
    },
    { requiredKeys: [] },
  ),
})
