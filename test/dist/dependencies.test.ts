import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, test } from 'vitest'
import { parseSource } from '../frame/source-files.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const manifest: Record<'dependencies' | 'peerDependencies', Record<string, string> | undefined> = JSON.parse(
  readFileSync(`${root}package.json`, 'utf8'),
)
const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })

describe.skipIf(inject('buildExitCode') !== 0)('built files', () => {
  // Ours are all installed here, so a bundled or development dependency left outside would only fail at a user's.
  test('import only what users get: declared dependencies and Node itself', () => {
    const imported = readdirSync(`${root}dist`)
      .filter((name) => /\.(js|cjs|d\.ts|d\.cts)$/.test(name))
      .flatMap((name) => parseSource(name, readFileSync(`${root}dist/${name}`, 'utf8')).imports)
      .map(({ from }) => from)
      .filter((from) => !from.startsWith('.') && !from.startsWith('node:'))
      .map((from) => from.split('/', from.startsWith('@') ? 2 : 1).join('/'))

    expect(imported).toContain('pino')
    expect([...new Set(imported)].filter((name) => !declared.includes(name))).toEqual([])
  })
})
