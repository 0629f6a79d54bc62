import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it } from 'vitest'
import { assertNoLeaks, countingSignal, createVirtualClock, LeakError } from '../../src/testing/index.js'

const noop = () => {}

describe('counting signal', () => {
  it('counts listeners up and down, and remembers the most', () => {
    const probe = countingSignal()
    const other = { handleEvent: noop }
    probe.signal.addEventListener('abort', noop)
    probe.signal.addEventListener('abort', other)
    expect(probe.listeners()).toBe(2)
    probe.signal.removeEventListener('abort', noop)
    probe.signal.removeEventListener('abort', other)
    expect([probe.listeners(), probe.peakListeners()]).toEqual([0, 2])
  })

  it('counts as the platform registers: no duplicates, and only an equal capture removes', () => {
    const probe = countingSignal()
    probe.signal.addEventListener('abort', noop)
    probe.signal.addEventListener('abort', noop, { passive: true })
    probe.signal.addEventListener('abort', noop, true)
    expect(probe.listeners()).toBe(2)
    probe.signal.removeEventListener('abort', noop, { capture: true })
    probe.signal.removeEventListener('abort', noop, { capture: true })
    expect(probe.listeners()).toBe(1)
  })

  it('delivers the abort, after which once listeners are gone and others are not', () => {
    const probe = countingSignal()
    const seen: string[] = []
    probe.signal.addEventListener('abort', () => seen.push('once'), { once: true })
    probe.signal.addEventListener('abort', () => seen.push('stays'))
    probe.signal.onabort = ({ type }) => seen.push(`on ${type}`)
    const reason = new Error('why')
    probe.abort(reason)
    expect(seen.sort()).toEqual(['on abort', 'once', 'stays'])
    expect([probe.listeners(), probe.signal.reason]).toEqual([2, reason])
  })

  it('counts a listener that is added after the abort: it never fires and stays', () => {
    const probe = countingSignal()
    probe.abort()
    probe.signal.addEventListener('abort', noop, { once: true })
    expect(probe.listeners()).toBe(1)
  })

  it('follows the signal option and the onabort property', () => {
    const probe = countingSignal()
    const off = new AbortController()
    probe.signal.addEventListener('abort', noop, { signal: off.signal })
    probe.signal.onabort = noop
    expect(probe.listeners()).toBe(2)
    off.abort()
    probe.signal.onabort = null
    expect(probe.listeners()).toBe(0)
    probe.signal.addEventListener('abort', noop, { signal: off.signal })
    expect(probe.listeners()).toBe(0)
  })
})

describe('assertNoLeaks', () => {
  it('reports zeros when nothing is left, warm-up included in the numbering', async () => {
    const clock = createVirtualClock()
    const iterations: number[] = []
    const report = await assertNoLeaks(
      ({ signal, iteration }) => {
        iterations.push(iteration)
        signal.addEventListener('abort', noop)
        signal.removeEventListener('abort', noop)
        clock.setTimer(10, noop)()
      },
      { iterations: 3, warmup: 2, clock, counters: () => ({ jobs: { running: 0 }, timers: 0 }) },
    )
    expect(report).toEqual({ iterations: 3, listeners: 0, timers: 0, bytesPerIteration: undefined })
    expect(iterations).toEqual([0, 1, 2, 3, 4])
  })

  it('names every kind of thing that is left, in one error', async () => {
    const clock = createVirtualClock()
    const probing = assertNoLeaks(
      ({ signal }) => {
        signal.addEventListener('abort', () => {})
        clock.setTimer(10, noop)
      },
      { iterations: 2, warmup: 0, clock, counters: () => ({ jobs: { running: 1, failed: 0 }, viewers: 2 }) },
    )
    const error = await probing.catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(LeakError)
    expect((error as LeakError).leaks).toEqual([
      '2 listeners on the signal (at most 2 at once)',
      '2 timers',
      'jobs.running is 1',
      'viewers is 2',
    ])
  })

  it('allows what it is told to allow, and ignores timers from before', async () => {
    const clock = createVirtualClock()
    clock.setTimer(10, noop)
    const report = await assertNoLeaks(
      ({ signal, iteration }) => {
        signal.addEventListener('abort', noop)
        if (iteration === 0) clock.setTimer(1_000, noop)
      },
      { iterations: 2, warmup: 0, clock, listeners: 1, timers: 1 },
    )
    expect(report).toMatchObject({ listeners: 1, timers: 1 })
  })

  it('awaits each iteration and what it left to run before the next one', async () => {
    const clock = createVirtualClock()
    const order: string[] = []
    await assertNoLeaks(
      ({ iteration }) => {
        order.push(`start ${iteration}`)
        void clock.yieldMacrotask().then(() => order.push(`end ${iteration}`))
      },
      { iterations: 2, warmup: 0, clock },
    )
    expect(order).toEqual(['start 0', 'end 0', 'start 1', 'end 1'])
  })

  it('lets an error of the function through', async () => {
    const error = new Error('of the code under test')
    await expect(assertNoLeaks(() => Promise.reject(error))).rejects.toBe(error)
  })

  it('refuses fewer than two iterations', async () => {
    await expect(assertNoLeaks(noop, { iterations: 1 })).rejects.toThrow(RangeError)
  })
})

describe('assertNoLeaks: heap', () => {
  const scope = globalThis as { gc?: (() => void) | undefined }
  const gcBefore = scope.gc
  afterEach(() => {
    scope.gc = gcBefore
  })
  const exposeGc = () => {
    setFlagsFromString('--expose-gc')
    scope.gc = runInNewContext('gc') as () => void
  }
  const KILOBYTES_64 = 8_192

  it('finds memory that stays reachable', async () => {
    exposeGc()
    const kept: unknown[] = []
    const probing = assertNoLeaks(() => kept.push(new Array(KILOBYTES_64).fill(0.5)), {
      iterations: 40,
      maxBytesPerIteration: 16_384,
    })
    await expect(probing).rejects.toThrow(/bytes per iteration/)
  })

  it('is content with memory that is let go', async () => {
    exposeGc()
    const report = await assertNoLeaks(() => void new Array(KILOBYTES_64).fill(0.5), {
      iterations: 40,
      maxBytesPerIteration: 16_384,
    })
    expect(report.bytesPerIteration).toBeLessThan(16_384)
  })

  it('says that it did not measure where no collection can be forced', async () => {
    scope.gc = undefined
    const report = await assertNoLeaks(noop, { iterations: 2, maxBytesPerIteration: 1 })
    expect(report.bytesPerIteration).toBeUndefined()
  })
})
