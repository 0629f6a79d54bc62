import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, it } from 'vitest'
import { temporaryDirectory } from '../dialogue/support/temporary-directory.js'
import { startExample } from './support/run-example.ts'

const dashboard = readFileSync(fileURLToPath(new URL('../../examples/metrics/dashboard.json', import.meta.url)), 'utf8')

describe.skipIf(inject('buildExitCode') !== 0)('examples/metrics', () => {
  it('shows every metric that its dashboard asks for, and ends by itself', async () => {
    const example = startExample('metrics/main.ts', ['--once'], { cwd: temporaryDirectory() })
    expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null })
    const stdout = example.stdout()
    const asked = new Set(dashboard.match(/\b(?:generation_jobs|gen_ai)_\w+?(?=\[|\{)|generation_jobs_live/g))
    expect(asked.size).toBeGreaterThan(6)
    const shown = new Set(stdout.match(/^\w+(?=\{)/gm))
    expect([...asked].filter((name) => !shown.has(name))).toEqual([])
    expect(stdout).toMatch(/generation_jobs_settled_total\{.*status="cancelled".*kind="user".*\} 8/)
    expect(stdout).toMatch(/generation_jobs_forced_total\{.*\} 1/)
  })
})
