import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { entries } from '../../tsup.config.ts'
import { root } from './support/markdown.ts'

const parse = (file: string) =>
  ts.createSourceFile(file, readFileSync(root + file, 'utf8'), ts.ScriptTarget.Latest, true)

it('the reference has all entries of the package', () => {
  const { entryPoints } = JSON.parse(readFileSync(`${root}typedoc.json`, 'utf8'))
  expect(entryPoints).toEqual([...Object.values(entries), 'docs/parts.ts'])
})

// typedoc sees to classes, interfaces, types and constants. Asked for functions too, it wants a word about every method
// of the interfaces that describe other people's clients.
it('each exported function says what it does', () => {
  const functions = Object.values(entries).flatMap(functionsOf)
  expect(functions.length).toBeGreaterThan(30)
  expect(functions.filter(({ isDocumented }) => !isDocumented).map(({ name }) => name)).toEqual([])
})

/** The functions that an entry exports from the files of its room. */
function functionsOf(entry: string): { name: string; isDocumented: boolean }[] {
  return parse(entry)
    .statements.filter(ts.isExportDeclaration)
    .flatMap(({ moduleSpecifier, exportClause }) => {
      if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier) || !exportClause) return []
      const file = posix.join(posix.dirname(entry), moduleSpecifier.text)
      const exported = ts.isNamedExports(exportClause) ? exportClause.elements.map(({ name }) => name.text) : []
      return parse(sourceOf(file))
        .statements.filter(ts.isFunctionDeclaration)
        .filter(({ name }) => name && exported.includes(name.text))
        .map((declaration) => ({
          name: `${file}: ${declaration.name?.text}`,
          isDocumented: ts.getJSDocCommentsAndTags(declaration).length > 0,
        }))
    })
}

function sourceOf(file: string): string {
  return file.replace(/\.js$/, '.ts')
}
