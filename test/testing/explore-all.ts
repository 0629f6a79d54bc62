// `npm run explore`: all scenarios, further than with each pull request. `--pin` explores as far as those do and writes the numbers
// of schedules down; `--only=words` takes the scenarios that have these words in their names.
import { stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { explore } from 'generation-jobs/testing'
import { SCENARIOS } from './scenarios/index.ts'
import { pinSchedules } from './scenarios/pinned-schedules.ts'
import { reEntrantJobs } from './scenarios/re-entrant.ts'

const { values } = parseArgs({
  options: {
    pin: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    random: { type: 'string', default: '10000' },
  },
})

const rejections: unknown[] = []
process.on('unhandledRejection', (error) => void rejections.push(error))
const unhandled = () => rejections.splice(0)

const pinned: Record<string, number> = {}
const total = { schedules: 0, steps: 0, tookMs: 0, violations: 0 }

for (const { name, play, options, further = options } of SCENARIOS) {
  if (!name.includes(values.only)) continue
  const found = await explore(play, { ...(values.pin ? options : further), unhandled })
  report(name, found)
  pinned[name] = found.schedules
}
if (!values.pin && 'at random'.includes(values.only)) {
  const options = { mode: 'random', maxSchedules: Number(values.random), maxPairs: 3, timeSteps: 2, unhandled } as const
  const found = await explore(reEntrantJobs, options)
  report(`four jobs at random, seed ${found.seed}`, found)
}
if (values.pin && values.only === '') pinSchedules(pinned)

stdout.write(`${line(total.schedules, total.steps, total.tookMs)}  all, ${total.violations} violations\n`)
process.exitCode = total.violations > 0 ? 1 : 0

function report(name: string, found: Awaited<ReturnType<typeof explore>>): void {
  total.schedules += found.schedules
  total.steps += found.steps
  total.tookMs += found.tookMs
  stdout.write(`${line(found.schedules, found.steps, found.tookMs)}  ${name}\n`)
  if (!found.violation) return
  total.violations++
  stdout.write(`${found.violation}\n`)
}

function line(schedules: number, steps: number, tookMs: number): string {
  const rate = Math.round((schedules / tookMs) * 1_000)
  const parts = [`${schedules} schedules`, `${steps} steps`, `${(tookMs / 1_000).toFixed(1)} s`, `${rate}/s`]
  return parts.map((part, index) => part.padStart([18, 16, 9, 8][index] ?? 0)).join('')
}
