import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, test } from 'vitest'
import { parseSource } from '../frame/source-files.ts'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))

/** Everything that a file imports, directly or through our own chunks, and is not ours. */
function foreignImports(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return []
  seen.add(file)
  return parseSource(file, readFileSync(dist + file, 'utf8')).imports.flatMap(({ from }) =>
    from.startsWith('./') ? foreignImports(from.slice(2), seen) : from,
  )
}

describe.skipIf(inject('buildExitCode') !== 0)('generation-jobs/providers', () => {
  // The SDKs are in the application's hands; zod and pino would come with the rest of the library.
  test.each(['providers.js', 'providers.cjs'])('%s imports no package at all', (file) => {
    expect(foreignImports(file)).toEqual([])
  })

  test.each(['providers.d.ts', 'providers.d.cts'])('%s declares its types without those of an SDK', (file) => {
    const text = readFileSync(dist + file, 'utf8')
    expect(parseSource(file, text).imports.filter(({ from }) => !from.startsWith('./'))).toEqual([])
  })

  test('the rule sees what the root entry imports', () => {
    expect(foreignImports('index.js')).toContain('pino')
  })
})
