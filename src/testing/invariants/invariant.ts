import type { History, JobFacts } from '../explorer/facts.js'

/** When an invariant looks: after each step, and once more when everything is closed. */
export interface Moment {
  /** Virtual time, milliseconds. */
  readonly now: number
  readonly isOver: boolean
  /** A node stood still, so nothing of it was in time. */
  readonly hadPause: boolean
  /** A node died, so nobody closed what it held. */
  readonly hadCrash: boolean
  /** Answers of the store came late or not at all. */
  readonly hadStoreFaults: boolean
}

/** What must hold after every step: so also for a process that crashes there. Says what is wrong, or nothing. */
export interface Invariant {
  /** The guarantee it belongs to: `G1`. */
  readonly id: string
  /** What holds, in one sentence. */
  readonly rule: string
  /** Looks at one job. */
  readonly job?: (facts: JobFacts, moment: Moment) => string | undefined
  /** Looks at everything. */
  readonly world?: (history: History, moment: Moment) => string | undefined
}
