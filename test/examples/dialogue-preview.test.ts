import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDialoguePreview } from '../../examples/generate-dialogue/view/dialogue-preview.ts'
import { response } from '../dialogue/support/dialogue-arbitraries.js'

function show(...chunks: string[]) {
  const preview = createDialoguePreview()
  return chunks.map((chunk) => preview.push(chunk)).join('')
}

/** The text in pieces that end anywhere, inside an escape or a character too. */
const pieces = (text: string) =>
  fc
    .array(fc.nat(text.length), { maxLength: 8 })
    .map((cuts) => [0, ...cuts.sort((a, b) => a - b), text.length])
    .map((cuts) => cuts.slice(1).map((end, index) => text.slice(cuts[index], end)))

const scene = {
  title: 'Le pont',
  node: {
    displayName: 'hidden',
    speaker: 'Mira',
    line: 'Où est le "pont" ?\nParti. 🌉',
    consequences: { flag: 'HIDDEN' },
    choices: [{ text: 'Oui.', test: 'Raison+Rhétorique:8', influenceDelta: 1 }, { text: 'Non.' }],
  },
}
const shown = `
« Le pont »

Mira : Où est le "pont" ?
Parti. 🌉

  1. Oui. [Raison+Rhétorique:8]
  2. Non.`

describe('the preview of a dialogue', () => {
  it('shows title, speaker, line, choices and tests', () => {
    expect(show(JSON.stringify(scene))).toBe(shown)
    expect(show(JSON.stringify(scene, null, 2))).toBe(shown)
  })

  it('looks through a code fence', () => {
    expect(show(`\`\`\`json\n${JSON.stringify(scene)}\n\`\`\``)).toBe(shown)
  })

  it('reads escaped characters', () => {
    expect(show('{"title":"\\u00e9 \\ud83c\\udf09 \\"a\\" \\/ \\\\ \\n b"}')).toBe('\n« é 🌉 "a" / \\ \n b »\n')
  })

  it('shows a line without a speaker', () => {
    expect(show('{"node":{"line":"Bonjour."}}')).toBe('\nBonjour.\n')
  })

  it('shows the same however the text is cut', () => {
    const text = JSON.stringify(scene).replaceAll('é', '\\u00e9')
    fc.assert(
      fc.property(pieces(text), (chunks) => {
        expect(show(...chunks)).toBe(shown)
      }),
    )
  })

  it('shows text that is no JSON as it is', () => {
    expect(show('I cannot answer that.')).toBe('I cannot answer that.')
    expect(show('hello {"title":"a"}')).toBe('hello {"title":"a"}')
  })

  it('never lets a control character through, whatever comes', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      response.map((value) => JSON.stringify(value)),
    )
    fc.assert(
      fc.property(fc.array(anything), (chunks) => {
        expect(show(...chunks)).not.toMatch(/(?!\n)\p{Cc}/u)
      }),
    )
    expect(show('{"title":"\\u001b[2Jgone"}')).toBe('\n«  [2Jgone »\n')
  })
})
