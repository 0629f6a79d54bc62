import fc from 'fast-check'
import { expect, it } from 'vitest'
import { InvalidResultError } from '../../src/core/errors.js'
import { parseDialogue } from '../../src/dialogue/parse-dialogue.js'
import { unityDialogueSchema } from '../../src/dialogue/unity-dialogue-schema.js'
import { response } from './support/dialogue-arbitraries.js'

it('reads the JSON of a dialogue, with or without a code fence around it', () => {
  fc.assert(
    fc.property(response, fc.constantFrom('', '```json\n', '```\n'), (value, fence) => {
      const text = `\n${fence}${JSON.stringify(value, null, 2)}${fence && '\n```\n'}`
      expect(parseDialogue(text)).toEqual(unityDialogueSchema.parse(value))
    }),
  )
})

it.each(['', 'I cannot answer that.', '{"title":"secret', '{"title":"a","node":{}} and more', '[1, 2'])(
  'refuses the text %j without repeating it',
  (text) => {
    expect(() => parseDialogue(text)).toThrow(InvalidResultError)
    expect(() => parseDialogue(text)).toThrow(/^The dialogue is invalid: expected JSON, received other text\.$/)
  },
)

it('names the places that do not fit, and not what stands there', () => {
  const text = JSON.stringify({ title: ['secret'], node: { startState: 'secret' } })
  expect(() => parseDialogue(text)).toThrow(/^(?!.*secret).*title: .*node\.startState: /)
})
