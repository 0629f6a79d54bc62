import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { entries } from '../../tsup.config.ts'
import { readMarkdown } from '../docs/support/markdown.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const tsc = path.join(root, 'node_modules/typescript/bin/tsc')

/** What an entry needs besides the package itself: its users have it installed anyway. */
const PEERS: Readonly<Record<string, string>> = {
  react: 'react',
  node: '@whatwg-node/server',
  otel: '@opentelemetry/api',
}
const specifiers = Object.keys(entries).map((name) =>
  name === 'index' ? 'generation-jobs' : `generation-jobs/${name}`,
)
const withoutPeers = specifiers.filter((specifier) => !((specifier.split('/')[1] ?? '') in PEERS))

const STRICT = '--strict --exactOptionalPropertyTypes --target es2022 --lib es2022,dom'.split(' ')

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, timeout: 100_000, shell: command === 'npm' }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    )
  })
}

/** A project of somebody else, with the package as `npm publish` would send it and nothing besides. */
describe.skipIf(inject('buildExitCode') !== 0)('the packed package in a project of its own', () => {
  const project = mkdtempSync(path.join(tmpdir(), 'generation-jobs-consumer-'))
  afterAll(() => rmSync(project, { recursive: true, force: true }))
  let installed: Ended

  const write = (name: string, text: string): void => writeFileSync(path.join(project, name), text)
  const node = (...args: string[]) => run(process.execPath, args, project)

  beforeAll(async () => {
    const packed = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', project, '--json'], root)
    const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }]
    write('package.json', JSON.stringify({ name: 'consumer', private: true, version: '1.0.0' }))
    installed = await run('npm', ['install', `./${filename}`, '--prefer-offline', '--no-audit', '--no-fund'], project)
  }, 120_000)

  it('installs without a warning, and brings nothing but its three libraries and what they need', () => {
    expect(installed).toMatchObject({ code: 0, stderr: '' })
    const { packages } = JSON.parse(readFileSync(path.join(project, 'package-lock.json'), 'utf8'))
    const direct = Object.keys(packages['node_modules/generation-jobs'].dependencies)
    expect(direct.sort()).toEqual(['@standard-schema/spec', 'eventemitter3', 'pino', 'zod'])
    for (const peer of ['react', 'redis', 'ioredis', 'openai', 'ai'])
      expect(packages).not.toHaveProperty(`node_modules/${peer}`)
  })

  it("runs the README's first program as pasted", async () => {
    const [first] = readMarkdown('README.md').blocks.filter(({ language }) => language === 'ts')
    write('first.mjs', first?.text ?? '')
    const { code, stdout, stderr } = await node('first.mjs')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('cancelled none clean {')
  })

  it('runs as CommonJS, the same program', async () => {
    write(
      'first.cjs',
      `const { GenerationJobManager } = require('generation-jobs')
       const manager = new GenerationJobManager({ logger: false })
       async function* model() { for (;;) { yield 'word '; await new Promise((resolve) => setTimeout(resolve, 1)) } }
       manager.register((run) => run.stream(model())).then(async (job) => {
         for await (const event of job.events()) if (event.seq === 3) await job.cancel()
         console.log((await job.settled).status)
         await manager.close()
       })`,
    )
    expect(await node('first.cjs')).toEqual({ code: 0, stdout: 'cancelled\n', stderr: '' })
  })

  it.each(withoutPeers)('%s loads as ES module and with require()', async (specifier) => {
    write('load.mjs', `import * as entry from '${specifier}'; console.log(Object.keys(entry).length > 0)`)
    write('load.cjs', `console.log(Object.keys(require('${specifier}')).length > 0)`)
    expect(await node('load.mjs')).toEqual({ code: 0, stdout: 'true\n', stderr: '' })
    expect(await node('load.cjs')).toEqual({ code: 0, stdout: 'true\n', stderr: '' })
  })

  it.each(Object.entries(PEERS))('generation-jobs/%s names %s, where it is not installed', async (entry, peer) => {
    const { code, stderr } = await node('--input-type=module', '--eval', `import 'generation-jobs/${entry}'`)
    expect(code).toBe(1)
    expect(stderr).toContain(`Cannot find package '${peer}'`)
  })

  it.each([
    ['nodenext', ['--module', 'nodenext'], 'first.mts'],
    ['bundler', ['--module', 'esnext', '--moduleResolution', 'bundler'], 'bundled.ts'],
  ])('compiles in a strict TypeScript project (%s), without declarations of Node', async (_, options, file) => {
    write(
      file,
      `import { GenerationJobManager, type JobOutcome } from 'generation-jobs'
       import { createVirtualClock } from 'generation-jobs/testing'
       import { createGenerationClient } from 'generation-jobs/client'
       const clock = createVirtualClock()
       const manager = new GenerationJobManager({ logger: false, clock })
       const job = await manager.register(async (run) => { run.emit('text'); return 42 })
       const outcome: JobOutcome<number> = await job.settled
       export const client = createGenerationClient<{ topic: string }, { title: string }>({ baseUrl: 'http://127.0.0.1/' })
       // @ts-expect-error a stream is no result
       void manager.register(async () => (async function* () { yield 'text' })())
       export default outcome
       await manager.close()`,
    )
    const compiled = await node(tsc, '--noEmit', '--skipLibCheck', ...STRICT, ...options, file)
    expect(compiled).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it('runs what TypeScript compiled', async () => {
    const compiled = await node(tsc, '--skipLibCheck', ...STRICT, '--module', 'nodenext', 'first.mts')
    expect(compiled).toMatchObject({ code: 0 })
    expect(await node('first.mjs')).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})
