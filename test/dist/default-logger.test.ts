import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, inject, test } from 'vitest'

const run = promisify(execFile)
const cwd = fileURLToPath(new URL('../..', import.meta.url))

/** What a program prints that imports the package and does nothing else. */
async function linesOf(program: string, type: 'module' | 'commonjs'): Promise<{ event: string; name: string }[]> {
  const { stdout } = await run(process.execPath, [`--input-type=${type}`, '--eval', program], { cwd })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const PROGRAM = `{
  const manager = new GenerationJobManager()
  manager.register(async () => 'done').then(({ settled }) => settled).then(() => manager.close())
}`

describe.skipIf(inject('buildExitCode') !== 0)('a manager that was given no logger', () => {
  test.each([
    ['module', `import { GenerationJobManager } from 'generation-jobs'\n${PROGRAM}`],
    ['commonjs', `const { GenerationJobManager } = require('generation-jobs')\n${PROGRAM}`],
  ] as const)(
    'writes every line of its first job in order, though pino is loaded meanwhile (%s)',
    async (type, program) => {
      const lines = await linesOf(program, type)
      expect(lines.map(({ event }) => event)).toEqual(['job.registered', 'job.started', 'job.completed'])
      expect(new Set(lines.map(({ name }) => name))).toEqual(new Set(['generation-jobs']))
    },
  )

  test('PERF: is what loads pino; an import of the root entry loads neither pino nor the whole of zod', async () => {
    const loaded = `console.log(JSON.stringify(Object.keys(require.cache).filter((file) => /node_modules.(pino|zod)/.test(file))))`
    const { stdout } = await run(process.execPath, ['--eval', `require('generation-jobs'); ${loaded}`], { cwd })
    expect(JSON.parse(stdout)).toEqual([])
    const control = await run(process.execPath, ['--eval', `require('pino'); ${loaded}`], { cwd })
    expect(JSON.parse(control.stdout)).not.toEqual([])
  })
})
