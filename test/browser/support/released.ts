import { expect } from 'vitest'
import type { Inside } from './faulty-server.ts'

/** The browser closes its connections in its own time, and a cancel that is repeated waits a second or two. */
const LIMIT_MS = 15_000

/** Waits until the server holds nothing of any generation but the log of those that have ended. */
export async function expectReleased(server: {
  inside(): Promise<Pick<Inside, 'stats' | 'openCalls'>>
}): Promise<void> {
  await expect
    .poll(
      async () => {
        const { stats, openCalls } = await server.inside()
        const { jobs, subscriptions, viewers, timers, listeners, cleanups, waiters } = stats
        const live = jobs.pending + jobs.running + jobs.cancelling + jobs.committing
        return { openCalls, live, subscriptions, viewers, timers, listeners, cleanups, waiters }
      },
      { timeout: LIMIT_MS },
    )
    .toEqual({
      openCalls: 0,
      live: 0,
      subscriptions: 0,
      viewers: 0,
      timers: 0,
      listeners: 0,
      cleanups: 0,
      waiters: 0,
    })
}
