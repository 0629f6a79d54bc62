import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { root } from './markdown.ts'

/** The exported names of a source file, each with the names of its members. */
export function exportsOf(file: string): ReadonlyMap<string, ReadonlySet<string>> {
  const tree = ts.createSourceFile(file, readFileSync(root + file, 'utf8'), ts.ScriptTarget.Latest, true)
  const found = new Map<string, ReadonlySet<string>>()
  for (const statement of tree.statements) {
    if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
      for (const { name } of statement.exportClause.elements) found.set(name.text, new Set())
    } else if (isExported(statement)) {
      for (const name of declaredNames(statement)) found.set(name, new Set(memberNames(statement)))
    }
  }
  return found
}

/** The members of an exported interface or class. @throws {Error} when the file does not export it */
export function membersOf(file: string, name: string): ReadonlySet<string> {
  const members = exportsOf(file).get(name)
  if (!members) throw new Error(`${file} does not export ${name}`)
  return members
}

function isExported(statement: ts.Statement): boolean {
  return (
    ts.canHaveModifiers(statement) &&
    (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
  )
}

function declaredNames(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText())
  const { name } = statement as ts.Statement & { name?: ts.Node }
  return name ? [name.getText()] : []
}

function memberNames(statement: ts.Statement): string[] {
  if (!ts.isClassDeclaration(statement) && !ts.isInterfaceDeclaration(statement)) return []
  return [...statement.members].flatMap(({ name }) => (name ? [name.getText()] : []))
}
