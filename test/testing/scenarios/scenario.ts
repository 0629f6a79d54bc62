import type { ExploreOptions, Scenario } from 'generation-jobs/testing'

/** A system under test in a world, and how far it is explored. */
export interface Explored {
  readonly name: string
  readonly play: Scenario
  readonly options: ExploreOptions
}
