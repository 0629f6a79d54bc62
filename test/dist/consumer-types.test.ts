import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, inject, test } from 'vitest'
import { entries } from '../../tsup.config.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const dist = fileURLToPath(new URL('../../dist/', import.meta.url))

const strict: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: false,
}

/** How users' projects read our declarations. The package resolves by its own name, as in their node_modules. */
const consumers: [string, ts.CompilerOptions & { extension: string }][] = [
  ['an ES module under nodenext', { ...strict, module: ts.ModuleKind.NodeNext, extension: 'mts' }],
  ['a CommonJS module under node16', { ...strict, module: ts.ModuleKind.Node16, extension: 'cts' }],
  [
    'a bundled project with DOM types',
    {
      ...strict,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      extension: 'ts',
    },
  ],
]

describe.skipIf(inject('buildExitCode') !== 0)('declarations', () => {
  test.each(consumers)('type-check in %s', (_, { extension, ...options }) => {
    const file = `${here}consumer.${extension}`
    const host = ts.createCompilerHost(options)
    const { fileExists, readFile } = host
    host.fileExists = (path) => path === file || fileExists(path)
    host.readFile = (path) => (path === file ? consumerText() : readFile(path))

    const program = ts.createProgram([file], options, host)

    // Only the consumer's file and ours: to check what our dependencies declare takes seconds and is not our matter.
    const checked = program.getSourceFiles().filter(({ fileName }) => fileName === file || fileName.startsWith(dist))
    expect(checked.length).toBeGreaterThan(Object.keys(entries).length)
    expect(checked.flatMap((source) => faultsIn(source, program))).toEqual([])
  })
})

function consumerText(): string {
  const imports = Object.keys(entries).map(
    (name, at) => `import * as entry${at} from 'generation-jobs${name === 'index' ? '' : `/${name}`}'`,
  )
  return [...imports, `export const all = [${imports.map((_, at) => `entry${at}`).join(', ')}]`].join('\n')
}

function faultsIn(source: ts.SourceFile, program: ts.Program): string[] {
  const faults = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
  return faults.map(({ start = 0, messageText }) => {
    const line = source.getLineAndCharacterOfPosition(start).line + 1
    return `${source.fileName}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
}
