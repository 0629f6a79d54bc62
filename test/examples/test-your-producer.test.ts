import { expect, it } from 'vitest'
import { temporaryDirectory } from '../dialogue/support/temporary-directory.js'
import { startExample } from './support/run-example.ts'

it('test-your-producer runs to its last line: the fault is found with its schedule, and the fixed producer passes', async () => {
  const example = startExample('test-your-producer/main.ts', [], { cwd: temporaryDirectory() })
  expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null })
  expect(example.stderr()).toBe('')
  const output = example.stdout()
  expect(output).toContain('naive: The scenario failed: Error: the reader was told "cancelled", and the story is saved')
  expect(output).toContain('schedule: model.next model.next model.next cancel save\n')
  expect(output).toMatch(/fixed: \d+ schedules, no violation\n$/)
})
