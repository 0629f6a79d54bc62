import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Found } from './explore-all.js'
import { SCENARIOS } from './scenarios/index.js'
import { pinnedSchedules } from './scenarios/pinned-schedules.js'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** Two processes on two cores: in the test runner's own the same takes three times as long. */
const SHARES = ['1/2', '2/2']
const MAX_MS = 180_000

/** Explores a part of the scenarios to their ends, each as far as the list says. */
function exploreShare(share: string): Promise<Found[]> {
  const program = ['--import', path('../support/package-hooks.mjs'), path('explore-all.ts'), `--share=${share}`]
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(output))
      else reject(new Error(`the explorer ended with ${code}: ${errors}`))
    })
  })
}

describe('the core, in every order of what can happen', () => {
  const pinned = pinnedSchedules()
  const found = new Map<string, Found>()

  beforeAll(async () => {
    const startedAt = performance.now()
    for (const share of await Promise.all(SHARES.map(exploreShare))) for (const one of share) found.set(one.name, one)
    const seconds = (performance.now() - startedAt) / 1_000
    const schedules = [...found.values()].reduce((sum, one) => sum + one.schedules, 0)
    const rate = Math.round(schedules / seconds)
    process.stdout.write(`${schedules} schedules in ${seconds.toFixed(1)} s on two cores, ${rate}/s\n`)
  }, MAX_MS)

  // Another number says that what can happen has changed: look why, then `npm run explore -- --pin`.
  it.each(SCENARIOS)('G1-G9, G11-G13: $name', ({ name }) => {
    expect(found.get(name)?.violation).toBeUndefined()
    expect(found.get(name)?.schedules).toBe(pinned[name])
  })
})
