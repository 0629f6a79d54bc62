import { systemClock } from '../../core/system-clock.js'
import type { Execution, ExecutionOptions, Scenario } from './execution.js'
import { type ExploreOptions, neededBy, resolveOptions } from './explore-options.js'
import { ExplorerError } from './explorer-error.js'
import { GivenPicks } from './pickers.js'
import { play } from './player.js'
import { formatSchedule, parseSchedule, type Schedule } from './schedule.js'
import { shrink } from './shrink.js'
import { type Trace, traceOf } from './trace.js'
import { everySchedule, randomSchedules } from './walk.js'

/** An invariant that does not hold, and the shortest way to it that was found. */
export interface Violation {
  readonly invariant: string
  readonly message: string
  readonly schedule: Schedule
  readonly trace: Trace
  toString(): string
}

/** What {@link explore} played, and the first violation it met. */
export interface Exploration {
  /** Different schedules that were played to their end, up to a violation. */
  readonly schedules: number
  /** Steps of all of them. */
  readonly steps: number
  /** With `prune`: different states that were seen. */
  readonly states: number
  /** Whether these are all schedules there are. */
  readonly isComplete: boolean
  readonly seed: number | undefined
  readonly tookMs: number
  readonly violation: Violation | undefined
}

/**
 * Plays a scenario along every schedule, or many at random, and checks after every step that the invariants hold. Stops at the
 * first violation and shrinks it. A scenario that never settles is a violation.
 *
 * @throws {ExplorerError} when something moves the scenario that its world does not control, when one schedule played twice gives two
 *   traces, or when there are not as many schedules as expected
 */
export async function explore(scenario: Scenario, options: ExploreOptions = {}): Promise<Exploration> {
  const { mode = 'exhaustive', prune = false, seed = newSeed(), expectSchedules } = options
  const checked = resolveOptions(options)
  const startedAt = systemClock.monotonic()
  await assertControlled(scenario, checked)
  const { broken, ...counts } =
    mode === 'exhaustive'
      ? await everySchedule(scenario, { maxSchedules: options.maxSchedules ?? 1_000_000, prune }, checked)
      : await randomSchedules(scenario, { maxSchedules: options.maxSchedules ?? 1_000, seed }, checked)
  const violation = broken && violationOf(await shrink(scenario, broken, checked))
  if (!violation && expectSchedules !== undefined && counts.schedules !== expectSchedules) {
    throw new ExplorerError(
      `Expected ${expectSchedules} schedules, explored ${counts.schedules}: what can happen has changed. Look why, then write the new number.`,
    )
  }
  if (!violation && counts.isComplete) assertClasses(options.stalls ?? [], counts.classes)
  const { classes, ...told } = counts
  return { ...told, tookMs: systemClock.monotonic() - startedAt, violation }
}

/**
 * Plays one schedule, as it was printed, and the first way after its end.
 *
 * @throws {ExplorerError} when the schedule is not possible
 */
export async function replay(
  scenario: Scenario,
  schedule: Schedule,
  options: ExploreOptions = {},
): Promise<{ trace: Trace; violation: Violation | undefined }> {
  const tokens = parseSchedule(schedule)
  const needed = neededBy(tokens)
  const picks = new GivenPicks(tokens, true)
  const execution = await play(scenario, picks, resolveOptions({ ...options, ...needed }))
  if (execution.end === 'void') {
    throw new ExplorerError(
      `An impossible schedule: the second half of ${execution.tokens.at(-1)} could not happen any more.`,
    )
  }
  if (picks.left.length > 0 && execution.end === 'complete') {
    throw new ExplorerError(
      `An impossible schedule: the scenario was over before ${JSON.stringify(formatSchedule(picks.left))}.`,
    )
  }
  if (execution.end === 'complete') assertClasses(needed.stalls ?? [], execution.classes)
  return { trace: traceOf(execution), violation: execution.broken && violationOf(execution) }
}

function newSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 1
}

/** One schedule played twice, the second time with real pauses, must give one trace. */
async function assertControlled(scenario: Scenario, options: ExecutionOptions): Promise<void> {
  const first = traceOf(await play(scenario, new GivenPicks([], false), options))
  const second = traceOf(await play(scenario, new GivenPicks([], false), options, CONTROL_PAUSE_MS))
  const at = first.steps.findIndex((step, index) => !isSameStep(step, second.steps[index]))
  if (at < 0 && first.steps.length === second.steps.length) return
  const [before, after] = [first, second].map(({ steps }) => {
    const { step = '', facts = [] } = steps[at] ?? {}
    return `${step || '(no step)'} [${shortened(facts.join('; '))}]`
  })
  throw new ExplorerError(
    'One schedule played twice gave two traces: something moves the scenario that the world does not control (a real timer, I/O, ' +
      `a random number, another clock). Step ${at}: ${before}, then ${after}.`,
  )
}

const CONTROL_PAUSE_MS = 3

function shortened(text: string): string {
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}

function isSameStep(a: Trace['steps'][number], b: Trace['steps'][number] | undefined): boolean {
  return a.step === b?.step && a.at === b.at && a.facts.join('\n') === b.facts.join('\n')
}

function violationOf(execution: Execution): Violation {
  const { invariant, message } = execution.broken ?? { invariant: '', message: '' }
  const trace = traceOf(execution)
  return { invariant, message, schedule: trace.schedule, trace, toString: () => `${message}\n${trace}` }
}

function assertClasses(stalls: readonly string[], classes: ReadonlySet<string>): void {
  const unknown = stalls.filter((one) => !classes.has(one))
  if (unknown.length === 0) return
  throw new ExplorerError(
    `stalls: no event of this scenario is a ${unknown.join(', ')}; there are ${[...classes].join(', ')}.`,
  )
}
