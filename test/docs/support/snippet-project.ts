import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { type CodeBlock, root } from './markdown.ts'

/** The names of prelude.ts. A snippet that declares one itself means its own. */
const PRELUDE = ['manager', 'model', 'database', 'openai', 'anthropic']

/** What a reader installs besides the package, for the snippets that import it. */
const INSTALLED = [
  ...['zod', 'ai', 'bullmq', 'express', 'ioredis', 'pg', 'react', 'redis', '@whatwg-node/server'],
  ...['@types/express', '@types/node', '@types/pg', '@types/react'],
]

export interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A project as a reader of the documents has it: the package and what is installed in node_modules, each snippet a file. */
export interface SnippetProject {
  /** What the compiler says to each snippet, by `README.md:<line>`. */
  compile(): ReadonlyMap<string, readonly string[]>
  run(name: string): Promise<Run>
  /** Runs a snippet as JavaScript, in this Node: what a reader does who pastes it into a file of that name. */
  runPasted(name: string, file: string, node: string): Promise<Run>
  remove(): void
}

export function snippetName(document: string, { line }: CodeBlock): string {
  return `${document}:${line}`
}

export function makeSnippetProject(snippets: ReadonlyMap<string, string>): SnippetProject {
  const directory = mkdtempSync(path.join(tmpdir(), 'generation-jobs-snippets-'))
  const fileOf = (name: string) => path.join(directory, `${name.replaceAll(/\W/g, '-')}.ts`)
  const modules = path.join(directory, 'node_modules')
  for (const scope of ['@types', '@whatwg-node']) mkdirSync(path.join(modules, scope), { recursive: true })
  symlinkSync(root, path.join(modules, 'generation-jobs'))
  for (const name of INSTALLED) symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name))
  writeFileSync(path.join(directory, 'package.json'), '{ "type": "module" }')
  cpSync(fileURLToPath(new URL('prelude.ts', import.meta.url)), path.join(directory, 'prelude.ts'))
  cpSync(path.join(root, 'examples/frameworks/story.ts'), path.join(directory, 'story.ts'))
  for (const [name, text] of snippets) writeFileSync(fileOf(name), withPrelude(text))

  return {
    compile() {
      const files = [...snippets.keys()].map(fileOf)
      const program = ts.createProgram([...files, path.join(directory, 'prelude.ts')], {
        target: ts.ScriptTarget.ES2022,
        lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
        types: ['node'],
        typeRoots: [path.join(modules, '@types')],
        module: ts.ModuleKind.NodeNext,
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        verbatimModuleSyntax: true,
        allowImportingTsExtensions: true,
        noEmit: true,
        skipLibCheck: true,
      })
      return new Map([...snippets.keys()].map((name) => [name, faultsIn(fileOf(name), program)]))
    },
    run: (name) => execute(process.execPath, fileOf(name), directory),
    runPasted(name, file, node) {
      writeFileSync(path.join(directory, file), snippets.get(name) ?? '')
      return execute(node, path.join(directory, file), directory)
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function execute(node: string, file: string, cwd: string): Promise<Run> {
  return new Promise((resolve) => {
    execFile(node, [file], { cwd, timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    )
  })
}

/** On the first line, so that the compiler's line numbers stay those of the snippet. */
function withPrelude(text: string): string {
  const needed = PRELUDE.filter((name) => new RegExp(`\\b${name}\\b`).test(text) && !declares(text, name))
  return needed.length > 0 ? `import { ${needed.join(', ')} } from './prelude.ts'; ${text}` : text
}

function declares(text: string, name: string): boolean {
  return new RegExp(`\\b(?:const|function\\*?) ${name}\\b`).test(text)
}

function faultsIn(file: string, program: ts.Program): string[] {
  const source = program.getSourceFile(file)
  if (!source) return ['not compiled']
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
    ({ start = 0, messageText }) => {
      const line = source.getLineAndCharacterOfPosition(start).line + 1
      return `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
    },
  )
}
