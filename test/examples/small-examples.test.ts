import { readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { temporaryDirectory } from '../dialogue/support/temporary-directory.js'
import { startExample } from './support/run-example.ts'

async function runToEnd(path: string) {
  const cwd = temporaryDirectory()
  const example = startExample(path, [], { cwd })
  expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null })
  expect(example.stderr()).toBe('')
  expect(readdirSync(cwd)).toEqual([])
  return example.stdout()
}

it('in-memory runs to its last line: registered, streamed, cancelled, settled, nothing left running', async () => {
  const output = await runToEnd('in-memory/main.ts')
  expect(output).toContain('5 sheep, ')
  expect(output).not.toContain('6 sheep, ')
  expect(output).toContain('Generation cancelled by user - job_id: ')
  expect(output).toMatch(/cancelled clean \{[^}]*running: 0[^}]*\}\s*$/)
})

it('own-producer runs to its last line: a cancelled job leaves no file, a completed one the whole file', async () => {
  expect(await runToEnd('own-producer/main.ts')).toBe(
    [
      'cancelled []',
      '[Summarising]',
      '- The bridge is gone.',
      '- Nobody was hurt.',
      '- The ferry runs again tomorrow.',
      '[Saving]',
      "completed done [ 'summary.md' ]",
      '- The bridge is gone.',
      '- Nobody was hurt.',
      '- The ferry runs again tomorrow.',
      '',
      '',
    ].join('\n'),
  )
})
