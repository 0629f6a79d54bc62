import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { draftOf } from '../../examples/web/page/dialogue-draft.ts'
import { readHalfWrittenJson } from '../../examples/web/page/half-written-json.ts'

const anObject = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }))

describe('reading half-written JSON', () => {
  it('UI-10: whole JSON is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(anObject, fc.constantFrom(undefined, 2), (value, indent) => {
        const json = JSON.stringify(value, null, indent)
        expect(readHalfWrittenJson(json)).toEqual(JSON.parse(json))
      }),
    )
  })

  it('UI-10: every prefix is read without an exception, and strings only grow', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (line, text) => {
        const json = JSON.stringify({ title: 'T', node: { line, choices: [{ text }] } })
        let before = ''
        for (let end = 0; end <= json.length; end += 1) {
          const now = draftOf(readHalfWrittenJson(json.slice(0, end)))?.line ?? ''
          expect(now.startsWith(before)).toBe(true)
          before = now
        }
        expect(before).toBe(line.length > 0 ? line : '')
      }),
    )
  })

  it('UI-10: anything at all is read without an exception', () => {
    fc.assert(fc.property(fc.string(), (text) => void draftOf(readHalfWrittenJson(text))))
    fc.assert(fc.property(fc.string(), (text) => void draftOf(readHalfWrittenJson(`{${text}`))))
    const pieces = fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '\\', '\\u12', 'tru', '-', '1.', ' ', '"node"')
    fc.assert(fc.property(fc.array(pieces), (text) => void draftOf(readHalfWrittenJson(`{${text.join('')}`))))
  })

  it.each([
    ['', undefined],
    ['Il était une fois', undefined],
    ['```json\n{"title":"Le po', { title: 'Le po' }],
    ['{"title":"Le pont","node":{"li', { title: 'Le pont', node: { li: undefined } }],
    ['{"title":"Une \\u00e', { title: 'Une ' }],
    ['{"a":[1,2', { a: [1, 2] }],
    ['{"a":tru', {}],
  ])('%j', (text, expected) => {
    expect(readHalfWrittenJson(text)).toEqual(expected)
  })

  it('a million brackets do no harm', () => {
    expect(() => readHalfWrittenJson(`{"a":${'['.repeat(1_000_000)}`)).not.toThrow()
    expect(() => readHalfWrittenJson(`{"a":"${'\\n'.repeat(1_000_000)}`)).not.toThrow()
  })
})
