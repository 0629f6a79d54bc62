import type { Invariant } from '../invariants/invariant.js'
import type { History } from './facts.js'
import type { Decision } from './schedule.js'
import type { StateKey } from './state-key.js'
import type { World } from './world.js'
import type { StoreAnswers } from './world-store.js'

/** Builds a system under test in a world, and resolves when it has come to its end. */
export type Scenario = (world: World) => unknown

/** How an execution may go; see `ExploreOptions`. */
export interface ExecutionOptions {
  readonly sameTick: number | false
  readonly maxPairs: number
  /** Sets of classes of events that never happen, comma-separated; {@link NO_STALL} for the empty one. */
  readonly stalls: readonly string[]
  readonly errors: boolean
  readonly timeSteps: number
  readonly store: StoreAnswers
  readonly maxStoreFaults: number
  readonly leaseMs: number
  readonly heartbeatMs: number | undefined
  readonly horizonMs: number
  readonly maxSteps: number
  readonly retentionMs: number
  readonly invariants: readonly Invariant[]
  readonly unhandled: (() => readonly unknown[]) | undefined
}

/** The value of the stall choice that stalls nothing. */
export const NO_STALL = 'none'

/** Who decides. */
export interface Picker {
  pick(decision: Decision): number
  /** Asked at each step with the state it would start from; `true`: everything from here on is known. */
  isKnown?(state: () => StateKey): boolean
}

export interface Broken {
  /** Id of the invariant, `scenario` for its own failure, `settles` for one that never ends, `unhandled` for a rejection. */
  readonly invariant: string
  readonly message: string
}

/** A scenario, played once. */
export interface Execution {
  /**
   * `known`: the rest was played before. `void`: the second half of a pair could not happen any more, so this is no schedule of
   * its own.
   */
  readonly end: 'complete' | 'broken' | 'known' | 'void'
  readonly tokens: readonly string[]
  /** The step of the history in which each of them was decided. */
  readonly tokenSteps: readonly number[]
  readonly history: History
  readonly steps: number
  /** Classes of all events that were waited for. */
  readonly classes: ReadonlySet<string>
  readonly broken: Broken | undefined
}

export function neverSettles(because: string, waiting: readonly string[]): Broken {
  const owed = waiting.length > 0 ? `it waits for ${waiting.join(', ')}` : 'the world owes it nothing'
  return {
    invariant: 'settles',
    message:
      `The scenario never settles: ${because}, and ${owed}. Either the system under test hangs, or the scenario waits for ` +
      'something that does not come from its world (a real timer, I/O, a promise of its own).',
  }
}
