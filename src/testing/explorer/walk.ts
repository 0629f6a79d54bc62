import type { Execution, ExecutionOptions, Scenario } from './execution.js'
import { DepthFirst, RandomPicks } from './pickers.js'
import { play } from './player.js'
import { formatSchedule } from './schedule.js'
import { hashOf } from './state-key.js'

/** What a walk through the schedules of a scenario gave, up to the first violation. */
export interface Walk {
  readonly schedules: number
  readonly steps: number
  readonly states: number
  readonly isComplete: boolean
  readonly seed: number | undefined
  readonly classes: ReadonlySet<string>
  readonly broken: Execution | undefined
}

/** Plays one schedule after the other, until there is none or there were enough. */
export async function everySchedule(
  scenario: Scenario,
  limits: { maxSchedules: number; prune: boolean },
  options: ExecutionOptions,
): Promise<Walk> {
  const { maxSchedules, prune } = limits
  const picker = new DepthFirst(prune)
  const classes = new Set<string>()
  let schedules = 0
  let steps = 0
  for (let more = true; more; more = picker.next()) {
    const execution = await play(scenario, picker, options)
    for (const one of execution.classes) classes.add(one)
    const broken = execution.broken && execution
    if (execution.end === 'complete' || broken) {
      schedules++
      steps += execution.steps
    }
    if (broken || schedules >= maxSchedules) {
      return { schedules, steps, states: picker.states, isComplete: false, seed: undefined, classes, broken }
    }
  }
  return { schedules, steps, states: picker.states, isComplete: true, seed: undefined, classes, broken: undefined }
}

/** Plays schedules at random; the same one may come again and counts once. */
export async function randomSchedules(
  scenario: Scenario,
  limits: { maxSchedules: number; seed: number },
  options: ExecutionOptions,
): Promise<Walk> {
  const { maxSchedules, seed } = limits
  const picker = new RandomPicks(seed)
  const seen = new Set<number>()
  const classes = new Set<string>()
  let steps = 0
  for (let count = 0; count < maxSchedules; count++) {
    const execution = await play(scenario, picker, options)
    if (execution.end === 'void') continue
    seen.add(hashOf(formatSchedule(execution.tokens)))
    steps += execution.steps
    if (execution.broken)
      return { schedules: seen.size, steps, states: 0, isComplete: false, seed, classes, broken: execution }
  }
  return { schedules: seen.size, steps, states: 0, isComplete: false, seed, classes, broken: undefined }
}
