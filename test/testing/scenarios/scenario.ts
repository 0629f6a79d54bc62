import type { ExploreOptions, Scenario } from 'generation-jobs/testing'

/** A system under test in a world, and how far it is explored. */
export interface Explored {
  readonly name: string
  readonly play: Scenario
  /** With each pull request; the number of schedules is pinned in `schedules.json`. */
  readonly options: ExploreOptions
  /** What `npm run explore` does instead. */
  readonly further?: ExploreOptions
}
