import { replay, type Scenario } from 'generation-jobs/testing'
import { expect, it } from 'vitest'
import { SCENARIOS } from './scenarios/index.js'
import { reEntrantJobs } from './scenarios/re-entrant.js'

/** Faults of the core that the explorer found, each with the schedule on which it broke. They stay fixed. */
const FOUND: readonly (readonly [fault: string, scenario: string, schedule: string])[] = [
  [
    'G13: the only canceller is not told that another came first, when the reply is slow',
    'one job on a store that answers late, twice or not at all',
    'cancel store.requestCancel=slow-reply s.next cleanup',
  ],
  [
    'G13: nor when no reply ever comes',
    'one job on a store that is away while it claims, cancels or settles',
    'work store.claimCommit=never cancel store.requestCancel=lost-reply time store.claimCommit=now ' +
      'store.requestCancel=lost-reply time store.requestCancel=lost-reply cleanup',
  ],
  [
    'G11: an end that could not be recorded, behind a cancel that was, leaves its job to the reaper',
    'one job on a store that is away while it claims, cancels or settles',
    'time store.requestCancel=lost-reply work! cleanup store.settle=lost-reply time store.requestCancel=now ' +
      'store.settle=lost-reply time store.settle=lost-reply time',
  ],
  [
    'G13: a cancel that the store took late is not told that the job had ended before, when that end is not recorded',
    'one job on a store that is away while it claims, cancels or settles',
    'cancel store.requestCancel=lost-reply work! cleanup store.settle=lost-reply time store.requestCancel=now ' +
      'store.settle=lost-reply time store.settle=lost-reply time',
  ],
  [
    'G12, C12: a stalled owner does not tell the end of another job that got its id',
    'an owner that stands still past its lease, and its id is used again',
    'writes=events time time time work again.work again.save cleanup',
  ],
]

it.each(FOUND)('%s', async (_, name, schedule) => {
  const { play, options } = scenario(name)
  const { violation } = await replay(play, schedule, options)
  expect(violation && String(violation)).toBeUndefined()
})

it('C11: a cancel from within a listener of a pending job’s cancel does not call itself for ever', async () => {
  const { violation, trace } = await replay(reEntrantJobs, '')
  expect(violation && String(violation)).toBeUndefined()
  expect(String(trace)).toContain('c: pending → cancelled (user by cleanup of b)')
})

function scenario(name: string): { play: Scenario; options: object } {
  const found = SCENARIOS.find((one) => one.name === name)
  if (!found) throw new Error(`There is no scenario ${JSON.stringify(name)}.`)
  return { play: found.play, options: found.further ?? found.options }
}
