import { explore } from 'generation-jobs/testing'
import { expect, it } from 'vitest'
import { unhandledRejections } from '../support/unhandled-rejections.js'
import { reEntrantJobs } from './scenarios/re-entrant.js'

const unhandled = unhandledRejections()

it('G1-G9, G11-G13, C11: four jobs whose callbacks cancel, register and wait, at random', async () => {
  const options = { mode: 'random', maxSchedules: 1_500, maxPairs: 3, timeSteps: 2, unhandled } as const
  const { violation, schedules, seed, tookMs } = await explore(reEntrantJobs, options)
  process.stdout.write(`at random, seed ${seed}: ${schedules} schedules in ${(tookMs / 1_000).toFixed(1)} s\n`)
  expect(violation && `seed ${seed}\n${violation}`).toBeUndefined()
  expect(schedules).toBeGreaterThan(1_000)
}, 60_000)
