import { systemClock } from '../../core/system-clock.js'
import { GUARANTEES } from '../invariants/guarantees.js'
import type { Invariant } from '../invariants/invariant.js'
import { type Execution, type ExecutionOptions, execute, NO_STALL, type Scenario } from './execution.js'
import { ExplorerError } from './explorer-error.js'
import { DepthFirst, GivenPicks, RandomPicks } from './pickers.js'
import { formatSchedule, parseSchedule, type Schedule } from './schedule.js'
import { shrink } from './shrink.js'
import { hashOf } from './state-key.js'
import { type Trace, traceOf } from './trace.js'
import type { StoreAnswers } from './world-store.js'

export interface ExploreOptions {
  /** `exhaustive`: every schedule. `random`: `maxSchedules` of them. @defaultValue 'exhaustive' */
  mode?: 'exhaustive' | 'random' | undefined
  /** @defaultValue 1_000_000 when exhaustive, 1_000 at random */
  maxSchedules?: number | undefined
  /** For `random`; the same seed gives the same schedules. @defaultValue a new one, told in the result */
  seed?: number | undefined
  /** Largest distance of two things that happen in one tick, in microtasks; `false` for none. @defaultValue 8 */
  sameTick?: number | false | undefined
  /** Most such pairs in one schedule. @defaultValue 1 */
  maxPairs?: number | undefined
  /** Classes of events (the last part of their names) that may never happen: every set of them is tried. @defaultValue [] */
  stalls?: readonly string[] | undefined
  /** Whether events may answer with an error. @defaultValue true */
  errors?: boolean | undefined
  /** How often in one schedule a time limit may pass although something is still to come. @defaultValue 1 */
  timeSteps?: number | undefined
  /** How the store may answer, by operation. @defaultValue {}: at once */
  store?: StoreAnswers | undefined
  /** Most answers in one schedule that are not at once. @defaultValue 1 */
  maxStoreFaults?: number | undefined
  /** Do not go on from a state that was reached before: for jobs that run side by side. @defaultValue false */
  prune?: boolean | undefined
  /** What must hold after every step. @defaultValue {@link GUARANTEES} */
  invariants?: readonly Invariant[] | undefined
  /** Fails if the number of schedules is another: the space of what can happen has changed. */
  expectSchedules?: number | undefined
  /** Lease and heartbeat of the store. @defaultValue so long that no schedule sees one */
  leaseMs?: number | undefined
  heartbeatMs?: number | undefined
  /** The latest virtual time at which something may still happen. @defaultValue 3_600_000 */
  horizonMs?: number | undefined
  /** Most steps of a schedule. @defaultValue 200 */
  maxSteps?: number | undefined
  /** Retention of settled jobs, after which nothing may be left. @defaultValue 900_000 */
  retentionMs?: number | undefined
  /** Rejections that nobody handled since the last call; only the runtime knows them. */
  unhandled?: (() => readonly unknown[]) | undefined
}

/** An invariant that does not hold, and the shortest way to it that was found. */
export interface Violation {
  readonly invariant: string
  readonly message: string
  readonly schedule: Schedule
  readonly trace: Trace
  toString(): string
}

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
  const checked = resolve(options)
  const startedAt = systemClock.monotonic()
  await assertControlled(scenario, checked)
  const { mode = 'exhaustive', expectSchedules } = options
  const walk = mode === 'exhaustive' ? everySchedule : randomSchedules
  const { broken, ...counts } = await walk(scenario, options, checked)
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
  const picks = new GivenPicks(tokens, true)
  const execution = await execute(scenario, picks, resolve({ ...options, ...neededBy(tokens) }))
  if (execution.end === 'void') {
    throw new ExplorerError(`An impossible schedule: the second half of ${execution.tokens.at(-1)} could not happen any more.`)
  }
  if (picks.left.length > 0 && execution.end === 'complete') {
    throw new ExplorerError(`An impossible schedule: the scenario was over before ${JSON.stringify(formatSchedule(picks.left))}.`)
  }
  return { trace: traceOf(execution), violation: execution.broken && violationOf(execution) }
}

interface Walk {
  readonly schedules: number
  readonly steps: number
  readonly states: number
  readonly isComplete: boolean
  readonly seed: number | undefined
  readonly classes: ReadonlySet<string>
  readonly broken: Execution | undefined
}

async function everySchedule(scenario: Scenario, options: ExploreOptions, checked: ExecutionOptions): Promise<Walk> {
  const { maxSchedules = 1_000_000, prune = false } = options
  const picker = new DepthFirst(prune)
  const classes = new Set<string>()
  let schedules = 0
  let steps = 0
  for (let more = true; more; more = picker.next()) {
    const execution = await execute(scenario, picker, checked)
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

async function randomSchedules(scenario: Scenario, options: ExploreOptions, checked: ExecutionOptions): Promise<Walk> {
  const { maxSchedules = 1_000, seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 1 } = options
  const picker = new RandomPicks(seed)
  const seen = new Set<number>()
  const classes = new Set<string>()
  let steps = 0
  for (let count = 0; count < maxSchedules; count++) {
    const execution = await execute(scenario, picker, checked)
    if (execution.end === 'void') continue
    seen.add(hashOf(formatSchedule(execution.tokens)))
    steps += execution.steps
    if (execution.broken) return { schedules: seen.size, steps, states: 0, isComplete: false, seed, classes, broken: execution }
  }
  return { schedules: seen.size, steps, states: 0, isComplete: false, seed, classes, broken: undefined }
}

/** One schedule played twice, the second time with real pauses, must give one trace. */
async function assertControlled(scenario: Scenario, options: ExecutionOptions): Promise<void> {
  const first = traceOf(await execute(scenario, new GivenPicks([], false), options))
  const second = traceOf(await execute(scenario, new GivenPicks([], false), options, CONTROL_PAUSE_MS))
  const at = first.steps.findIndex((step, index) => !isSameStep(step, second.steps[index]))
  if (at < 0 && first.steps.length === second.steps.length) return
  const [before, after] = [first, second].map(({ steps }) => {
    const { step = '', facts = [] } = steps[at] ?? {}
    return `${step || '(no step)'} [${facts.join('; ')}]`
  })
  throw new ExplorerError(
    'One schedule played twice gave two traces: something moves the scenario that the world does not control (a real timer, I/O, ' +
      `a random number, another clock). Step ${at}: ${before}, then ${after}.`,
  )
}

const CONTROL_PAUSE_MS = 3

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
  throw new ExplorerError(`stalls: no event of this scenario is a ${unknown.join(', ')}; there are ${[...classes].join(', ')}.`)
}

/** What must be allowed so that these steps are possible. */
function neededBy(tokens: readonly string[]): ExploreOptions {
  const store: Record<string, string[]> = {}
  for (const token of tokens) {
    const [, operation, answer] = /^store\.(\w+)=([\w-]+)$/.exec(token) ?? []
    if (operation !== undefined && answer !== undefined) store[operation] = [...(store[operation] ?? []), answer]
  }
  const stall = /^stall=(.+)$/.exec(tokens[0] ?? '')?.[1]
  return {
    sameTick: 1_000,
    maxPairs: Number.POSITIVE_INFINITY,
    timeSteps: Number.POSITIVE_INFINITY,
    maxStoreFaults: Number.POSITIVE_INFINITY,
    errors: true,
    store: store as StoreAnswers,
    stalls: stall === undefined || stall === NO_STALL ? [] : stall.split(','),
  }
}

function resolve(options: ExploreOptions): ExecutionOptions {
  const { sameTick = 8, stalls = [], horizonMs = 3_600_000 } = options
  if (sameTick !== false && !(Number.isInteger(sameTick) && sameTick >= 0)) {
    throw new ExplorerError(`sameTick: expected false or a whole number of microtasks, got ${String(sameTick)}.`)
  }
  return {
    sameTick,
    maxPairs: options.maxPairs ?? 1,
    stalls: subsets(stalls).map((set) => set.join(',') || NO_STALL),
    errors: options.errors ?? true,
    timeSteps: options.timeSteps ?? 1,
    store: options.store ?? {},
    maxStoreFaults: options.maxStoreFaults ?? 1,
    leaseMs: options.leaseMs ?? NEVER_MS * 3,
    heartbeatMs: options.heartbeatMs ?? (options.leaseMs === undefined ? NEVER_MS : undefined),
    horizonMs,
    maxSteps: options.maxSteps ?? 200,
    retentionMs: options.retentionMs ?? 900_000,
    invariants: options.invariants ?? GUARANTEES,
    unhandled: options.unhandled,
  }
}

/** Eight days: three of them still fit into a timer. */
const NEVER_MS = 700_000_000

function subsets(items: readonly string[]): string[][] {
  return items.reduce<string[][]>((sets, item) => [...sets, ...sets.map((set) => [...set, item])], [[]])
}
