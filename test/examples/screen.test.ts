import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createScreen } from '../../examples/generate-dialogue/view/screen.ts'
import { terminalRows } from './support/terminal.ts'

function output(columns?: number) {
  let written = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += chunk
      done()
    },
  })
  if (columns !== undefined) Object.assign(stream, { isTTY: true, columns })
  return { stream, written: () => written, rows: () => terminalRows(written) }
}

describe('a screen on a terminal', () => {
  it('keeps the status line below text that grows', () => {
    const { stream, rows } = output(40)
    const screen = createScreen(stream)
    screen.status('working')
    screen.write('one ')
    screen.write('two')
    expect(rows()).toEqual(['one two', 'working'])
    screen.status('still working')
    expect(rows()).toEqual(['one two', 'still working'])
    screen.line('▸ Step')
    expect(rows()).toEqual(['one two', '▸ Step', 'still working'])
    screen.close()
    expect(rows()).toEqual(['one two', '▸ Step', ''])
  })

  it('wraps at words, and inside a word that is longer than a row', () => {
    const { stream, rows } = output(21)
    const screen = createScreen(stream)
    screen.status('s')
    for (const character of 'The river took the bridge. Donaudampfschifffahrtsgesellschaft') screen.write(character)
    expect(rows()).toEqual(['The river took the', 'bridge.', 'Donaudampfschifffahr', 'tsgesellschaft', 's'])
  })

  it('counts two columns for wide characters', () => {
    const { stream, rows } = output(21)
    const screen = createScreen(stream)
    screen.write('漢字漢字漢字漢字漢字漢字')
    screen.close()
    expect(rows()).toEqual(['漢字漢字漢字漢字漢字', '漢字', ''])
  })

  it('cuts a status line that is longer than a row', () => {
    const { stream, rows } = output(21)
    createScreen(stream).status('x'.repeat(50))
    expect(rows()).toEqual(['x'.repeat(20)])
  })

  it('prints on another stream without tearing the text', () => {
    const { stream, rows } = output(40)
    const errors = output()
    const screen = createScreen(stream)
    screen.status('working')
    screen.write('one')
    screen.aside(errors.stream, 'a line of the log')
    expect(errors.written()).toBe('a line of the log\n')
    expect(rows()).toEqual(['one', 'working'])
  })
})

describe('a screen elsewhere', () => {
  it('prints text and lines, and no status', () => {
    const { stream, written } = output()
    const screen = createScreen(stream)
    screen.status('working')
    screen.write('one ')
    screen.write('two')
    screen.line('▸ Step')
    screen.write('three')
    screen.close()
    expect(written()).toBe('one two\n▸ Step\nthree\n')
  })
})
