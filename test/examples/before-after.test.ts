import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { temporaryDirectory } from '../dialogue/support/temporary-directory.js'
import { root } from '../docs/support/markdown.ts'
import { startExample } from './support/run-example.ts'

it('before-after prints the table that its README shows: what is true of the library, and of a cancel by hand', async () => {
  const example = startExample('before-after/main.ts', [], { cwd: temporaryDirectory() })
  expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null })
  expect(example.stderr()).toBe('')
  const readme = readFileSync(`${root}examples/before-after/README.md`, 'utf8')
  const shown = readme.split('\n').filter((line) => line.startsWith('|'))
  expect(shown.map(cells)).toEqual(example.stdout().trim().split('\n').map(cells))
})

/** The formatter pads tables. */
function cells(line: string): string[] {
  return line.split('|').map((cell) => cell.trim().replace(/^-+$/, '---'))
}
