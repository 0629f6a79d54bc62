import { posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseSource, type SourceFile, sourceFiles } from './source-files.ts'

/** Which rooms a room may import from, besides itself. A room that is not listed here does not exist yet. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  protocol: [],
  core: ['protocol'],
  index: ['core', 'protocol'],
  dialogue: ['core', 'protocol'],
  providers: ['core', 'protocol'],
  http: ['core', 'protocol'],
  redis: ['core', 'protocol'],
  bullmq: ['core', 'protocol'],
  otel: ['core', 'protocol'],
  testing: ['core', 'protocol'],
  node: ['http'],
  client: ['protocol'],
  react: ['client', 'protocol'],
}

/** Where a package may be imported; `types` homes only with `import type`. */
const DEPENDENCY_HOMES: Record<string, { runtime?: RegExp; types?: RegExp }> = {
  pino: { runtime: /^src\/core\/default-logger\.ts$/ },
  eventemitter3: { runtime: /^src\/core\/manager-events\.ts$/ },
  'p-timeout': { runtime: /^src\/core\// },
  zod: { runtime: /^src\/(core\/(option-schemas|check-options)\.ts|dialogue\/.*)$/ },
  '@standard-schema/spec': { types: /^src\/(?!protocol\/)/ },
  'eventsource-parser': { runtime: /^src\/client\/event-connection\.ts$/, types: /^src\/client\// },
  '@opentelemetry/api': { runtime: /^src\/otel\// },
  react: { runtime: /^src\/react\// },
  '@whatwg-node/server': { runtime: /^src\/node\/to-node-handler\.ts$/ },
}

/** These end up in a browser. */
const BROWSER_ROOMS = ['protocol', 'client', 'react']

const CLOCKS = ['src/core/system-clock.ts', 'src/client/system-clock.ts']

/** Time has one home on each side, so that a virtual clock sees all of it; the console and the process belong to the application. */
const REFERENCE_HOMES: Record<string, readonly string[]> = {
  setTimeout: CLOCKS,
  clearTimeout: CLOCKS,
  setInterval: ['src/core/system-clock.ts'],
  clearInterval: ['src/core/system-clock.ts'],
  setImmediate: ['src/core/system-clock.ts'],
  'Date.now': CLOCKS,
  'new Date()': ['src/core/system-clock.ts'],
  'performance.now': CLOCKS,
  console: [],
  'process.exit': [],
  'process.abort': [],
  // Signal 0 only asks whether a process is alive.
  'process.kill': ['src/dialogue/temp-files.ts'],
  'process.on': [],
  'process.once': [],
  'process.addListener': [],
  'process.exitCode': [],
  'process.env': [],
}
/** Modules that bring the same things under another name. */
const FORBIDDEN_MODULES = ['timers', 'timers/promises', 'process', 'perf_hooks', 'console']

function layoutFaults(file: SourceFile): string[] {
  const allowed = MAY_IMPORT[file.room]
  if (!allowed) return [`${file.path}: room "${file.room}" is not in the layout`]
  return file.imports
    .filter(({ from }) => from.startsWith('.'))
    .map(({ from }) => ({ from, room: roomOf(posix.join(posix.dirname(file.path), from)) }))
    .filter(({ room }) => room !== file.room && !allowed.includes(room))
    .map(({ from, room }) => `${file.path}: "${from}" (${file.room} must not import from ${room})`)
}

function roomOf(path: string): string {
  const [src, room = '', ...deeper] = path.split('/')
  if (src !== 'src') return `outside src: ${path}`
  return deeper.length > 0 ? room : 'index'
}

function dependencyFaults(file: SourceFile): string[] {
  return file.imports
    .filter(({ from }) => !from.startsWith('.'))
    .filter(({ from, typeOnly }) => !isPackageAllowed(file, from, typeOnly))
    .map(({ from }) => `${file.path}: "${from}" is not at home here`)
}

function isPackageAllowed(file: SourceFile, from: string, typeOnly: boolean): boolean {
  if (from.startsWith('node:')) {
    return !BROWSER_ROOMS.includes(file.room) && !FORBIDDEN_MODULES.includes(from.slice('node:'.length))
  }
  const name = from.split('/', from.startsWith('@') ? 2 : 1).join('/')
  const home = DEPENDENCY_HOMES[name]
  return Boolean(home?.runtime?.test(file.path) || (typeOnly && home?.types?.test(file.path)))
}

function referenceFaults(file: SourceFile): string[] {
  return file.references
    .filter((name) => name in REFERENCE_HOMES && !REFERENCE_HOMES[name]?.includes(file.path))
    .map((name) => `${file.path}: ${name}`)
}

const files = sourceFiles()

describe('layout of src/', () => {
  test('rooms import only from the rooms below them', () => {
    expect(files.flatMap(layoutFaults)).toEqual([])
  })

  test('each dependency is imported only in its home', () => {
    expect(files.flatMap(dependencyFaults)).toEqual([])
  })

  test('p-timeout is imported by one file at most', () => {
    const users = files.filter(({ imports }) => imports.some(({ from }) => from === 'p-timeout'))
    expect(users.length, users.map(({ path }) => path).join(', ')).toBeLessThanOrEqual(1)
  })

  test('time, console and the process are touched only in their homes', () => {
    expect(files.flatMap(referenceFaults)).toEqual([])
  })

  // The design aims at about 3,000; two nodes, bounded store calls and replay took more than was thought. It may not grow further.
  test('core/ stays within 7,600 lines, and no file of it above 660', () => {
    const core = files.filter(({ room }) => room === 'core')
    expect(core.reduce((sum, file) => sum + file.lines, 0)).toBeLessThanOrEqual(7_600)
    expect(core.filter((file) => file.lines > 660).map(({ path }) => path)).toEqual([])
  })
})

// The rules above pass on an empty folder; these show that each of them can fail.
describe('the layout rules', () => {
  test.each([
    ['src/protocol/wire.ts', "import { a } from '../core/a.js'"],
    ['src/core/run.ts', "export type { A } from '../http/a.js'"],
    ['src/core/run.ts', "import { a } from '../index.js'"],
    ['src/dialogue/a.ts', "type A = import('../testing/a.js').A"],
    ['src/node/a.ts', "const a = await import('../core/a.js')"],
    ['src/client/a.ts', "import '../core/a.js'"],
    ['src/react/a.ts', "import { a } from '../http/a.js'"],
    ['src/testing/a.ts', "import { a } from '../../test/support.js'"],
    ['src/utils/a.ts', ''],
  ])('refuse in %s: %s', (path, text) => {
    expect(layoutFaults(parseSource(path, text))).toHaveLength(1)
  })

  test.each([
    ['src/core/manager.ts', "import { pino } from 'pino'"],
    ['src/core/manager.ts', "import type { Logger } from 'pino'"],
    ['src/core/manager.ts', "import { EventEmitter } from 'eventemitter3'"],
    ['src/dialogue/a.ts', "import pTimeout from 'p-timeout'"],
    ['src/protocol/a.ts', "import type { z } from 'zod'"],
    ['src/http/a.ts', "import { z } from 'zod/mini'"],
    ['src/core/orchestrator.ts', "import { StandardSchemaV1 } from '@standard-schema/spec'"],
    ['src/protocol/a.ts', "import type { StandardSchemaV1 } from '@standard-schema/spec'"],
    ['src/core/a.ts', "import lodash from 'lodash'"],
    ['src/core/a.ts', 'const a = require(name)'],
    ['src/protocol/a.ts', "import { randomUUID } from 'node:crypto'"],
    ['src/core/a.ts', "import { setTimeout } from 'node:timers/promises'"],
    ['src/core/a.ts', "import fs from 'fs'"],
  ])('refuse the dependency in %s: %s', (path, text) => {
    expect(dependencyFaults(parseSource(path, text))).toHaveLength(1)
  })

  test.each([
    ['src/core/run.ts', 'setTimeout(f, 1)', 'setTimeout'],
    ['src/core/run.ts', 'globalThis.setInterval(f, 1)', 'setInterval'],
    ['src/core/run.ts', 'const { setTimeout: later } = globalThis', 'setTimeout'],
    ['src/core/run.ts', 'const timers = { setTimeout }', 'setTimeout'],
    ['src/core/run.ts', 'const a = Date.now()', 'Date.now'],
    ['src/core/run.ts', 'const a = new Date()', 'new Date()'],
    ['src/testing/a.ts', 'const clock = { now: performance.now }', 'performance.now'],
    ['src/core/run.ts', "console.log('x')", 'console'],
    ['src/core/run.ts', 'process.exit(1)', 'process.exit'],
    ['src/core/run.ts', "process.on('SIGTERM', f)", 'process.on'],
  ])('refuse in %s: %s', (path, text, name) => {
    expect(referenceFaults(parseSource(path, text))).toEqual([`${path}: ${name}`])
  })

  test.each([
    ['src/core/system-clock.ts', 'setTimeout(f, Date.now())'],
    ['src/core/run.ts', 'clock.setTimeout(f, 1); new Date(at).toISOString() // Date.now()'],
    ['src/core/run.ts', 'const timers = { setTimeout: clock.later, console: 1 }'],
    ['src/core/run.ts', 'interface A { setTimeout(): void; console: string }'],
  ])('accept in %s: %s', (path, text) => {
    expect(referenceFaults(parseSource(path, text))).toEqual([])
  })
})
