// `npm run explore`: all scenarios, further than with each pull request.
//   --pin           only as far as with each pull request, and writes the numbers of schedules down
//   --share=1/2     only as far as with each pull request, one half of the scenarios, and answers as JSON
//   --only=words    the scenarios that have these words in their names
import { stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { type Exploration, explore } from 'generation-jobs/testing'
import { SCENARIOS } from './scenarios/index.ts'
import { pinnedSchedules, pinSchedules } from './scenarios/pinned-schedules.ts'
import { reEntrantJobs } from './scenarios/re-entrant.ts'
import type { Explored } from './scenarios/scenario.ts'

/** What one share answers. */
export interface Found {
  readonly name: string
  readonly schedules: number
  readonly tookMs: number
  readonly violation: string | undefined
}

const { values } = parseArgs({
  options: {
    pin: { type: 'boolean', default: false },
    share: { type: 'string' },
    only: { type: 'string', default: '' },
    random: { type: 'string', default: '10000' },
  },
})

const rejections: unknown[] = []
process.on('unhandledRejection', (error) => void rejections.push(error))
const unhandled = () => rejections.splice(0)

if (values.share === undefined) await exploreFurther()
else stdout.write(JSON.stringify(await exploreShare(values.share)))

async function exploreShare(share: string): Promise<Found[]> {
  const [part = 1, parts = 1] = share.split('/').map(Number)
  const pinned = pinnedSchedules()
  // The largest first, dealt out in turn, so that all shares take about as long.
  const dealt = SCENARIOS.toSorted((a, b) => (pinned[b.name] ?? 0) - (pinned[a.name] ?? 0))
  const found: Found[] = []
  for (const { name, play, options } of dealt.filter((_, index) => index % parts === part - 1)) {
    const { schedules, tookMs, violation } = await explore(play, { ...options, unhandled })
    found.push({ name, schedules, tookMs, violation: violation && String(violation) })
  }
  return found
}

async function exploreFurther(): Promise<void> {
  const total = { schedules: 0, steps: 0, tookMs: 0, violations: 0 }
  const pinned: Record<string, number> = {}
  const report = (name: string, { schedules, steps, tookMs, violation }: Exploration): void => {
    total.schedules += schedules
    total.steps += steps
    total.tookMs += tookMs
    stdout.write(`${line(schedules, steps, tookMs)}  ${name}\n`)
    if (violation) total.violations++
    if (violation) stdout.write(`${violation}\n`)
  }
  const optionsOf = ({ options, further = options }: Explored) => (values.pin ? options : further)

  for (const scenario of SCENARIOS.filter(({ name }) => name.includes(values.only))) {
    const found = await explore(scenario.play, { ...optionsOf(scenario), unhandled })
    report(scenario.name, found)
    pinned[scenario.name] = found.schedules
  }
  if (!values.pin && 'at random'.includes(values.only)) {
    const options = {
      mode: 'random',
      maxSchedules: Number(values.random),
      maxPairs: 3,
      timeSteps: 2,
      unhandled,
    } as const
    const found = await explore(reEntrantJobs, options)
    report(`four jobs at random, seed ${found.seed}`, found)
  }
  if (values.pin) pinSchedules({ ...pinnedSchedules(), ...pinned })
  stdout.write(`${line(total.schedules, total.steps, total.tookMs)}  all, ${total.violations} violations\n`)
  process.exitCode = total.violations > 0 ? 1 : 0
}

function line(schedules: number, steps: number, tookMs: number): string {
  const rate = Math.round((schedules / tookMs) * 1_000)
  const parts = [`${schedules} schedules`, `${steps} steps`, `${(tookMs / 1_000).toFixed(1)} s`, `${rate}/s`]
  return parts.map((part, index) => part.padStart([18, 16, 9, 8][index] ?? 0)).join('')
}
