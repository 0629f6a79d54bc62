import type { JobHandle, Producer } from 'generation-jobs'
import { scriptedSource, type VirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { fixture } from '../support/fixture.js'
import { within } from '../support/within.js'

describe('time limits', () => {
  const silent: Producer<void> = (run) => new Promise((resolve) => void run.token.onCancel(() => resolve()))

  async function cancelledAt(clock: VirtualClock, job: JobHandle<unknown>) {
    const outcome = await job.settled
    return {
      at: clock.monotonic(),
      kind: outcome.status === 'cancelled' ? outcome.reason.kind : outcome.status,
    }
  }

  it('REG-13: cancels a job whose first event does not come within the idle limit', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(silent, { idleTimeoutMs: 200 })
    const ended = cancelledAt(clock, job)
    await clock.advance(199)
    expect(job.snapshot().status).toBe('running')
    expect(await within(clock, 1, ended)).toEqual({ at: 200, kind: 'idle' })
  })

  it('REG-13: counts the idle limit from the last event', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(
      async (run) => {
        clock.setTimer(150, () => run.emit('a sign of life'))
        await silent(run)
      },
      { idleTimeoutMs: 200 },
    )
    const ended = cancelledAt(clock, job)
    await clock.advance(349)
    expect(job.snapshot()).toMatchObject({ status: 'running', lastSeq: 1 })
    expect(await within(clock, 1, ended)).toEqual({ at: 350, kind: 'idle' })
  })

  it('REG-13: cancels a running job at its deadline, however busy it is', async () => {
    const { clock, manager } = fixture()
    const source = scriptedSource([{ do: 'wait', ms: 7 }, 'chunk'], { clock, repeat: true })
    const job = await manager.register((run) => run.stream(source), { deadlineMs: 1_000 })
    const ended = cancelledAt(clock, job)
    await clock.advance(999)
    expect(job.snapshot().status).toBe('running')
    expect(await within(clock, 1, ended)).toEqual({ at: 1_000, kind: 'deadline' })
    expect(source.closed).toBe(true)
  })

  it('REG-13: cancels a pending job at its deadline without calling its producer', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1 })
    const running = await manager.register(silent)
    let called = false
    const waiting = await manager.register(
      async () => {
        called = true
      },
      { deadlineMs: 500 },
    )
    const ended = cancelledAt(clock, waiting)
    await clock.advance(499)
    expect(waiting.snapshot().status).toBe('pending')
    expect(await within(clock, 1, ended)).toEqual({ at: 500, kind: 'deadline' })
    await running.cancel()
    expect(called).toBe(false)
  })

  it('REG-15: cancels after 300 000 ms without an event by default', async () => {
    const { clock, manager } = fixture()
    const job = await manager.register(silent)
    const ended = cancelledAt(clock, job)
    await clock.advance(299_999)
    expect(job.snapshot().status).toBe('running')
    expect(await within(clock, 1, ended)).toEqual({ at: 300_000, kind: 'idle' })
  })

  it('REG-15: cancels 1 800 000 ms after register by default, queue time included', async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1, idleTimeoutMs: false })
    const first = await manager.register(silent)
    const second = await manager.register(silent)
    const ended = cancelledAt(clock, second)
    await clock.advance(1_000_000)
    expect(await first.cancel()).toMatchObject({ outcome: 'cancelled' })
    await clock.advance(799_999)
    expect(second.snapshot().status).toBe('running')
    expect(await within(clock, 1, ended)).toEqual({ at: 1_800_000, kind: 'deadline' })
  })

  it("REG-15: a job's own limits override the manager's, and false turns one off", async () => {
    const { clock, newManager } = fixture()
    const manager = newManager({ deadlineMs: 5_000, idleTimeoutMs: 100 })
    const own = await manager.register(silent, { deadlineMs: 400, idleTimeoutMs: false })
    const without = await manager.register(silent, { deadlineMs: false, idleTimeoutMs: false })
    expect(await within(clock, 400, cancelledAt(clock, own))).toEqual({ at: 400, kind: 'deadline' })
    await clock.advance(2_000_000)
    expect(without.snapshot().status).toBe('running')
    await without.cancel()
  })
})
