// Explores the scenarios on the copy of src/ that GENERATION_JOBS_ROOT names, until an invariant breaks. Prints what broke as JSON.
import { exit, stdout } from 'node:process'
import { explore } from 'generation-jobs/testing'
import { SCENARIOS } from '../testing/scenarios/index.ts'
import { reEntrantJobs } from '../testing/scenarios/re-entrant.ts'

/** Most faults show early in some scenario, so all are tried a little before one is tried to its end. */
const PASSES = [60, 300, 2_000, Number.POSITIVE_INFINITY]

const rejections: unknown[] = []
process.on('unhandledRejection', (error) => void rejections.push(error))
const unhandled = () => rejections.splice(0)

let schedules = 0
for (const maxSchedules of PASSES) {
  for (const { name, play, options } of SCENARIOS)
    tell(name, await explore(play, { ...options, maxSchedules, unhandled }))
}
const random = { mode: 'random', seed: 1, maxSchedules: 1_500, maxPairs: 3, timeSteps: 2, unhandled } as const
tell('four jobs at random', await explore(reEntrantJobs, random))
stdout.write(JSON.stringify({ schedules }))

function tell(scenario: string, found: Awaited<ReturnType<typeof explore>>): void {
  schedules += found.schedules
  if (!found.violation) return
  const { invariant, schedule, message } = found.violation
  stdout.write(JSON.stringify({ schedules, scenario, invariant, schedule, message }))
  exit()
}
