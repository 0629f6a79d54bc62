import { GenerationJobManager, type GenerationJobManagerOptions, type ManagerStats } from 'generation-jobs'
import { createVirtualClock, type VirtualClock } from 'generation-jobs/testing'
import { expect, onTestFinished } from 'vitest'
import { type CapturedLogs, captureLogs } from './captured-logs.js'

export interface FixtureOptions extends GenerationJobManagerOptions {
  clock?: VirtualClock | undefined
}

/** What a test of the core works with: one virtual clock, managers on it, and all their log lines. */
export interface Fixture {
  readonly clock: VirtualClock
  /** Made when first read, with the options given to `fixture()`. */
  readonly manager: GenerationJobManager
  /** The lines of all managers that were given no `logger` of their own. */
  readonly logs: CapturedLogs
  /** Another manager on the same clock, with a retention of 60 s; on a store of its own unless one is given. */
  newManager(options?: GenerationJobManagerOptions): GenerationJobManager
}

/** Shorter than the library's 900_000, because each test waits it out heartbeat by heartbeat. */
const DEFAULT_RETENTION_MS = 60_000
/** Longer than any heartbeat, and than a forced end with the default grace period and commit limit. */
const SLACK_MS = 60_000

/**
 * Call it in a test, not around tests. When the test has passed, its managers must hold nothing: after retention and a sweep
 * `stats()` is all zeros, and after `close()` no timer stands on the clock. A live job that the test forgot is found too.
 */
export function fixture(options: FixtureOptions = {}): Fixture {
  const { clock = createVirtualClock(), ...defaults } = options
  const logs = captureLogs()
  const managers: GenerationJobManager[] = []
  let retentionMs = 0
  let first: GenerationJobManager | undefined

  function newManager(own: GenerationJobManagerOptions = {}): GenerationJobManager {
    const options = { logger: logs, clock, retentionMs: DEFAULT_RETENTION_MS, ...own }
    retentionMs = Math.max(retentionMs, options.retentionMs ?? 900_000)
    const manager = new GenerationJobManager(options)
    managers.push(manager)
    return manager
  }

  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') return // one failure is enough to read
    await assertNothingLeft(managers, clock, retentionMs)
  })

  return {
    clock,
    logs,
    newManager,
    get manager() {
      first ??= newManager(defaults)
      return first
    },
  }
}

/** Lets retention pass and closes the managers. @throws when one of them still holds something */
export async function assertNothingLeft(
  managers: readonly GenerationJobManager[],
  clock: VirtualClock,
  retentionMs: number,
): Promise<void> {
  await clock.settle()
  for (const manager of managers) expect(liveJobs(manager.stats()), 'live jobs at the end of the test').toEqual({})
  await clock.advance(retentionMs + SLACK_MS)
  for (const manager of managers) {
    // A closed manager sweeps no more: what its store retains is the store's.
    const { jobs, logEvents, logBytes, ...counters } = manager.stats()
    const retained = (await isClosed(manager)) ? {} : { jobs, logEvents, logBytes }
    expect(nonZero({ ...counters, ...retained }), 'stats() after retention').toEqual({})
  }
  const closing = Promise.all(managers.map((manager) => manager.close()))
  await clock.settle() // nothing runs any more, so nothing is waited for
  await closing
  expect(clock.timers(), 'timers after close()').toEqual([])
}

function liveJobs({ jobs }: ManagerStats): object {
  const { pending, running, committing, cancelling } = jobs
  return nonZero({ pending, running, committing, cancelling })
}

function nonZero(counters: object): object {
  const entries = Object.entries(counters).map(([key, value]) => [
    key,
    typeof value === 'object' ? nonZero(value) : value,
  ])
  return Object.fromEntries(
    entries.filter(([, value]) => (typeof value === 'object' ? Object.keys(value).length > 0 : value !== 0)),
  )
}

async function isClosed(manager: GenerationJobManager): Promise<boolean> {
  return manager.get('any').then(
    () => false,
    (error: { code?: unknown }) => error.code === 'manager.closed',
  )
}
