import { GUARANTEES } from '../invariants/guarantees.js'
import type { Invariant } from '../invariants/invariant.js'
import { type ExecutionOptions, NO_STALL } from './execution.js'
import { ExplorerError } from './explorer-error.js'
import type { StoreAnswers } from './world-store.js'

/** Of {@link explore}. */
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

/** What must be allowed so that these steps are possible. */
export function neededBy(tokens: readonly string[]): ExploreOptions {
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

/** The options with all defaults. @throws {ExplorerError} when one is wrong */
export function resolveOptions(options: ExploreOptions): ExecutionOptions {
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
  let sets: string[][] = [[]]
  for (const item of items) sets = sets.concat(sets.map((set) => set.concat(item)))
  return sets
}
