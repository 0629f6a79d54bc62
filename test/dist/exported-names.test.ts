import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { entries } from '../../tsup.config.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const listFile = fileURLToPath(new URL('exported-names.json', import.meta.url))

/** All names a user can import: `values` exist at run time, `types` only for the compiler. */
interface ExportedNames {
  values: string[]
  types: string[]
}

const names = Object.keys(entries)

test('the build succeeds', () => {
  expect(inject('buildExitCode')).toBe(0)
})

describe.skipIf(inject('buildExitCode') !== 0)('built entries', () => {
  let esm: Record<string, string[]>
  let cjs: Record<string, string[]>
  let listed: Record<string, ExportedNames>

  beforeAll(() => {
    esm = loadModules(process.execPath)
    cjs = loadCommonJs(process.execPath)
    if (process.env.UPDATE_NAMES) updateList(esm)
    listed = existsSync(listFile) ? JSON.parse(readFileSync(listFile, 'utf8')) : {}
  })

  // The list is reviewed with the change that makes a name public: UPDATE_NAMES=1 npm test -- test/dist
  test('the checked-in list has these entries', () => {
    expect(Object.keys(listed)).toEqual(names)
  })

  test.each(names)('%s exports the listed names as an ES module', (name) => {
    expect(esm[name]).toEqual(listed[name]?.values)
  })

  test.each(names)('%s exports the listed names to require()', (name) => {
    expect(cjs[name]).toEqual(listed[name]?.values)
  })

  // Where development runs on a newer Node than the machine's own, this is the older one.
  test('load alike in the Node that npm runs on', () => {
    const node = process.env.npm_node_execpath ?? process.execPath
    expect(loadModules(node)).toEqual(esm)
    expect(loadCommonJs(node)).toEqual(cjs)
  })

  test.each(names)('%s declares the listed names in .d.ts', (name) => {
    expect(declaredNames(`${name}.d.ts`)).toEqual(listed[name])
  })

  test.each(names)('%s declares the listed names in .d.cts', (name) => {
    expect(declaredNames(`${name}.d.cts`)).toEqual(listed[name])
  })

  function updateList(values: Record<string, string[]>): void {
    const list = names.map((name) => [name, { values: values[name], types: declaredNames(`${name}.d.ts`).types }])
    writeFileSync(listFile, `${JSON.stringify(Object.fromEntries(list), null, 2)}\n`)
  }
})

function specifier(name: string): string {
  return name === 'index' ? 'generation-jobs' : `generation-jobs/${name}`
}

function loadModules(node: string): Record<string, string[]> {
  return load(node, 'module', (name) => `await import('${specifier(name)}')`)
}

function loadCommonJs(node: string): Record<string, string[]> {
  return load(node, 'commonjs', (name) => `require('${specifier(name)}')`)
}

/** In a process of its own: the test runner would resolve and transform the imports itself. */
function load(
  node: string,
  format: 'module' | 'commonjs',
  importOf: (name: string) => string,
): Record<string, string[]> {
  const script = `
    const loaded = [${names.map((name) => `[${JSON.stringify(name)}, ${importOf(name)}]`).join(', ')}]
    console.log(JSON.stringify(Object.fromEntries(loaded.map(([name, all]) => [name, Object.keys(all).sort()]))))`
  const args = [`--input-type=${format}`, '--eval', script]
  return JSON.parse(execFileSync(node, args, { cwd: root, encoding: 'utf8' }))
}

let program: ts.Program | undefined

function declaredNames(file: string): ExportedNames {
  const path = (name: string): string => `${root}dist/${name}`
  program ??= ts.createProgram(
    names.flatMap((name) => [path(`${name}.d.ts`), path(`${name}.d.cts`)]),
    { module: ts.ModuleKind.NodeNext, skipLibCheck: true, types: ['node'] },
  )
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(path(file))
  const module = source && checker.getSymbolAtLocation(source)
  if (!module) return { values: [], types: [] }
  const exported = checker.getExportsOfModule(module)
  const isValue = (symbol: ts.Symbol): boolean => hasValue(symbol, checker)
  return {
    values: sortedNames(exported.filter(isValue)),
    types: sortedNames(exported.filter((symbol) => !isValue(symbol))),
  }
}

function hasValue(symbol: ts.Symbol, checker: ts.TypeChecker): boolean {
  const declared = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  return Boolean(declared.flags & ts.SymbolFlags.Value)
}

function sortedNames(symbols: ts.Symbol[]): string[] {
  return symbols.map(({ name }) => name).sort()
}
