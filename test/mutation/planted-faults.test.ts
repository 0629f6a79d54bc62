import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { PLANTED_FAULTS } from './planted-faults.js'

// `npm run mutation` takes minutes; that each fault still fits the source is seen with every test run.
it.each(PLANTED_FAULTS.map(({ name, edits }) => [name, edits] as const))('can be planted: %s', (_, edits) => {
  for (const { file, find } of edits) {
    const source = readFileSync(fileURLToPath(new URL(`../../src/${file}`, import.meta.url)), 'utf8')
    expect(source.split(find).length - 1, `${file}: ${find}`).toBe(1)
  }
})
