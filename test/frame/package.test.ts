import { describe, expect, test } from 'vitest'
import { entries } from '../../tsup.config.ts'
import { filesBelow, readText } from './source-files.ts'

const manifest = JSON.parse(readText('package.json'))
const lock = JSON.parse(readText('package-lock.json'))

/** Rooms that have names for each other, not for users. */
const INTERNAL_ROOMS = ['core', 'protocol']

describe('package entries', () => {
  test('the exports map says what the build makes, and nothing else', () => {
    const built = Object.keys(entries).map((name) => [name === 'index' ? '.' : `./${name}`, exportOf(name)])
    expect(manifest.exports).toEqual({ ...Object.fromEntries(built), './package.json': './package.json' })
  })

  test('each entry is built from its own room', () => {
    const expected = Object.keys(entries).map((name) => [
      name,
      name === 'index' ? 'src/index.ts' : `src/${name}/index.ts`,
    ])
    expect(entries).toEqual(Object.fromEntries(expected))
  })

  test('each index file below src/ is an entry, and each entry has its file', () => {
    const indexes = filesBelow('src')
      .filter((path) => /^src\/([\w-]+\/)?index\.ts$/.test(path))
      .filter((path) => !INTERNAL_ROOMS.some((room) => path === `src/${room}/index.ts`))
    expect(Object.values(entries).sort()).toEqual(indexes.sort())
  })

  test('top-level fields for old tools point to the root entry', () => {
    const { main, module, types } = manifest
    expect({ main, module, types }).toEqual({
      main: './dist/index.cjs',
      module: './dist/index.js',
      types: './dist/index.d.ts',
    })
  })
})

describe('package-lock.json', () => {
  test('names no registry, so that it installs from any', () => {
    const resolved = Object.entries<{ resolved?: string }>(lock.packages).filter(([, entry]) => entry.resolved)
    expect(resolved).toEqual([])
    expect(readText('package-lock.json')).not.toContain('registry.')
  })

  test('belongs to this package.json', () => {
    const picked = ({ name, version, dependencies, devDependencies, engines }: Record<string, unknown>) => {
      return { name, version, dependencies, devDependencies, engines }
    }
    expect(picked(lock.packages[''])).toEqual(picked(manifest))
  })
})

function exportOf(name: string): object {
  return {
    import: { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` },
    require: { types: `./dist/${name}.d.cts`, default: `./dist/${name}.cjs` },
  }
}
