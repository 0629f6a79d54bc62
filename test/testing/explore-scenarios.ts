import { explore } from 'generation-jobs/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { unhandledRejections } from '../support/unhandled-rejections.js'
import { pinnedSchedules } from './scenarios/pinned-schedules.js'
import type { Explored } from './scenarios/scenario.js'

const MAX_MS = 60_000

/** Explores each scenario to its end and tells how many schedules that were, and how fast. */
export function exploreAll(title: string, scenarios: readonly Explored[]): void {
  const unhandled = unhandledRejections()
  const pinned = pinnedSchedules()
  const total = { schedules: 0, tookMs: 0 }

  describe(title, () => {
    it.each(scenarios)(
      'G1-G9, G11-G13: $name',
      async ({ name, play, options }) => {
        const expectSchedules = pinned[name]
        const { violation, schedules, tookMs } = await explore(play, { ...options, expectSchedules, unhandled })
        expect(violation && String(violation)).toBeUndefined()
        expect(schedules, 'npm run explore -- --pin').toBe(expectSchedules)
        total.schedules += schedules
        total.tookMs += tookMs
      },
      MAX_MS,
    )

    afterAll(() => {
      const seconds = total.tookMs / 1_000
      const rate = Math.round(total.schedules / seconds)
      process.stdout.write(`${title}: ${total.schedules} schedules in ${seconds.toFixed(1)} s, ${rate}/s\n`)
    })
  })
}
