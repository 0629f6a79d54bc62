import type { Awaitable } from '../../core/awaitable.js'
import type { JobHandle } from '../../core/job-handle.js'
import type { GenerationJobManager } from '../../core/manager.js'
import type { JobOutcome } from '../../core/outcome.js'
import type { Clock } from '../../protocol/clock.js'
import { inOwnManager } from '../cancel-at.js'
import { countingSignal } from '../counting-signal.js'
import type { ProducerUnderTest } from './cancellation-contract.js'
import { check } from './check.js'
import type { ContractCase } from './job-store-contract.js'
import { until, within } from './time-limit.js'

interface ProducerContract {
  readonly make: () => Awaitable<ProducerUnderTest>
  readonly withinMs: number
  readonly clock: Clock
}

/** Starts the job and cancels it, or not; resolves when the cancel was made. */
type Play = (under: ProducerUnderTest, manager: GenerationJobManager) => Promise<JobHandle<unknown>>

interface Case {
  readonly name: string
  /** Each on a fresh producer. */
  readonly plays: readonly Play[]
  readonly mayComplete: boolean
}

const MICROTASKS = [0, 1, 2, 3, 5, 8]

const CASES: readonly Case[] = [
  {
    name: 'completes and gives everything back when nobody cancels',
    plays: [
      async ({ producer }, manager) => {
        const job = await manager.register(producer)
        const { status } = await job.settled
        check(status === 'completed', `it is ${status} although nobody cancelled it`)
        return job
      },
    ],
    mayComplete: true,
  },
  {
    name: 'a cancel before its first statement leaves nothing',
    plays: [
      async ({ producer }, manager) => {
        const job = await manager.register(producer)
        void job.cancel()
        return job
      },
    ],
    mayComplete: false,
  },
  {
    name: 'the signal of a caller stops it, and no listener stays there',
    plays: [
      async ({ producer }, manager) => {
        const { signal, abort, listeners } = countingSignal()
        const job = await manager.register(producer, { signal })
        await hasEvents(job, 2)
        abort()
        await job.settled
        check(listeners() === 0, `${listeners()} listeners are left on the signal`)
        return job
      },
    ],
    mayComplete: true,
  },
  ...[1, 2, 3, 4, 6, 8, 12].map((events) => ({
    name: `a cancel after event ${events} of its log, or some microtasks later, stops it`,
    plays: MICROTASKS.map((microtasks) => cancelAfter(events, microtasks)),
    mayComplete: true,
  })),
]

/** The cases for producers. A job that was faster than its cancel counts as completed. */
export function producerCancelling(contract: ProducerContract): ContractCase[] {
  return CASES.map((one) => ({
    name: `producer: ${one.name}`,
    async run() {
      for (const play of one.plays) await run(contract, one, play)
    },
  }))
}

function cancelAfter(events: number, microtasks: number): Play {
  return async ({ producer }, manager) => {
    const job = await manager.register(producer)
    await hasEvents(job, events)
    for (let tick = 0; tick < microtasks; tick++) await undefined
    void job.cancel()
    return job
  }
}

async function run({ make, withinMs, clock }: ProducerContract, { mayComplete }: Case, play: Play): Promise<void> {
  const under = await make()
  // The producer has half of the grace period until it is forced.
  const gracePeriodMs = 2 * withinMs
  const options = { clock, gracePeriodMs, cancelTimeoutMs: 2 * gracePeriodMs }
  try {
    await inOwnManager(options, async (manager) => {
      const job = await play(under, manager)
      const outcome = await within(clock, gracePeriodMs + withinMs, job.settled, 'its end after the cancel')
      checkEnd(outcome, mayComplete, withinMs)
      const visible = (await under.committed?.()) ?? Number(outcome.commit === 'done')
      const expected = outcome.commit === 'done' ? 1 : 0
      check(
        visible === expected,
        `it is ${outcome.status}, commit ${outcome.commit}, and ${visible} results are visible`,
      )
      if (under.isReleased)
        await until(clock, withinMs, under.isReleased, 'everything it took is given back (isReleased)')
    })
  } finally {
    await under.dispose?.()
  }
}

function checkEnd(outcome: JobOutcome<unknown>, mayComplete: boolean, withinMs: number): void {
  const { status, forced, cleanup } = outcome
  const code = outcome.status === 'failed' ? ` with ${outcome.error.code}: ${outcome.error.message}` : ''
  check(status === 'cancelled' || (mayComplete && status === 'completed'), `after the cancel it is ${status}${code}`)
  check(!forced, `it had not ended ${withinMs} ms after the cancel: something in it does not heed run.signal`)
  check(cleanup === 'clean', `its cleanups are '${cleanup}'`)
}

/** Waits until so many events are in the log, or the job ended. */
async function hasEvents(job: JobHandle<unknown>, count: number): Promise<void> {
  let seen = 0
  for await (const _ of job.events()) if (++seen === count) return
}
