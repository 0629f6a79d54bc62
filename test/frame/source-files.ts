import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../', import.meta.url))

export interface SourceFile {
  /** From the repository's root, with forward slashes: `src/core/manager.ts`. */
  readonly path: string
  /** The folder below src/, `index` for src/index.ts. */
  readonly room: string
  readonly lines: number
  readonly imports: readonly { from: string; typeOnly: boolean }[]
  /** What the code refers to that it did not declare by that name: `setTimeout`, `Date.now`, `process.exit`. */
  readonly references: readonly string[]
}

export function sourceFiles(): SourceFile[] {
  return filesBelow('src').map((path) => parseSource(path, readText(path)))
}

export function filesBelow(folder: string): string[] {
  if (!existsSync(root + folder)) return []
  return readdirSync(root + folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replaceAll('\\', '/').slice(root.length))
    .sort()
}

export function readText(path: string): string {
  return readFileSync(root + path, 'utf8')
}

export function parseSource(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const imports: { from: string; typeOnly: boolean }[] = []
  const references: string[] = []

  const visit = (node: ts.Node): void => {
    const imported = importOf(node)
    if (imported) imports.push(imported)
    const reference = referenceOf(node)
    if (reference) references.push(reference)
    ts.forEachChild(node, visit)
  }
  visit(tree)

  const [, room = '', ...deeper] = path.split('/')
  return {
    path,
    room: deeper.length > 0 ? room : 'index',
    lines: text.split('\n').length - 1,
    imports,
    references,
  }
}

function importOf(node: ts.Node): { from: string; typeOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return {
      from: node.moduleSpecifier.text,
      typeOnly: node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword,
    }
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    return { from: node.moduleSpecifier.text, typeOnly: node.isTypeOnly }
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { from: node.argument.literal.text, typeOnly: true }
  }
  if (ts.isCallExpression(node) && (node.expression.kind === ts.SyntaxKind.ImportKeyword || isRequire(node))) {
    const [first] = node.arguments
    // A computed import cannot be checked, so it is shown as one that no rule allows.
    return { from: first && ts.isStringLiteral(first) ? first.text : '(computed)', typeOnly: false }
  }
  return undefined
}

function isRequire(node: ts.CallExpression): boolean {
  return ts.isIdentifier(node.expression) && node.expression.text === 'require'
}

const GLOBAL_OBJECTS = ['globalThis', 'window', 'self', 'global']

function referenceOf(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const object = node.expression.text
    return GLOBAL_OBJECTS.includes(object) ? node.name.text : `${object}.${node.name.text}`
  }
  // `const { setTimeout } = globalThis`, with or without another name
  if (ts.isBindingElement(node)) {
    const name = node.propertyName ?? node.name
    return ts.isIdentifier(name) && isGlobalObject(node.parent.parent) ? name.text : undefined
  }
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'Date') {
    return (node.arguments?.length ?? 0) === 0 ? 'new Date()' : undefined
  }
  return ts.isIdentifier(node) && isValue(node) ? node.text : undefined
}

function isGlobalObject(node: ts.Node): boolean {
  if (!ts.isVariableDeclaration(node) || !node.initializer) return false
  let value: ts.Expression = node.initializer
  while (ts.isAsExpression(value) || ts.isParenthesizedExpression(value)) value = value.expression
  return ts.isIdentifier(value) && GLOBAL_OBJECTS.includes(value.text)
}

/** False where an identifier only names something: a property, a declaration, a type. */
function isValue(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node
  if (ts.isShorthandPropertyAssignment(parent)) return true
  if (ts.isTypeNode(parent) || ts.isTypeElement(parent) || ts.isClassElement(parent)) return false
  if (ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isBindingElement(parent))
    return parent.initializer === node
  return !ts.isImportSpecifier(parent) && !ts.isExportSpecifier(parent)
}
