import { systemClock } from '../core/system-clock.js'
import { type CountingSignal, countingSignal } from './counting-signal.js'
import type { VirtualClock } from './virtual-clock.js'

/** What each iteration gets: things that live longer than it, on which a leak shows. */
export interface LeakProbe {
  /** One signal for all iterations, never aborted, its listeners counted. */
  readonly signal: AbortSignal
  /** 0, 1, 2, ... warm-up iterations included. */
  readonly iteration: number
}

/** Of {@link assertNoLeaks}. */
export interface LeakProbeOptions {
  /** How often the function runs, after the warm-up. @defaultValue 100 */
  iterations?: number | undefined
  /** Iterations before the heap is measured. @defaultValue 10 */
  warmup?: number | undefined
  /** Listeners that may be left on the signal. @defaultValue 0 */
  listeners?: number | undefined
  /** Its timers are counted, and it is settled after each iteration. */
  clock?: VirtualClock | undefined
  /** Timers that may be left on `clock`, more than before. @defaultValue 0 */
  timers?: number | undefined
  /** Counters that must all be zero at the end, nested or not, for instance `() => manager.stats()`. */
  counters?: (() => object) | undefined
  /**
   * Most bytes of heap that one iteration may leave behind, measured by forced collections, so only where `globalThis.gc`
   * exists (`node --expose-gc`). The smaller growth of two halves counts: a leak grows in both, the compiler's memory does not.
   * @defaultValue the heap is not measured
   */
  maxBytesPerIteration?: number | undefined
}

/** What is left after the last iteration. */
export interface LeakReport {
  readonly iterations: number
  /** Listeners left on the signal. */
  readonly listeners: number
  readonly timers: number
  /** `undefined`: not asked for, or no `gc` here. */
  readonly bytesPerIteration: number | undefined
}

/** Something was left behind; `leaks` has one sentence for each. */
export class LeakError extends Error {
  override readonly name = 'LeakError'
  readonly leaks: readonly string[]

  constructor(leaks: readonly string[]) {
    super(leaks.join('; '))
    this.leaks = leaks
  }
}

/**
 * Runs `fn` many times, one after the other, and proves that nothing is left: listeners, timers, counters, heap.
 * @throws {LeakError} when something is; an error of `fn` passes through
 */
export async function assertNoLeaks(
  fn: (probe: LeakProbe) => unknown,
  options: LeakProbeOptions = {},
): Promise<LeakReport> {
  const { iterations = 100, warmup = 10, clock, maxBytesPerIteration } = options
  if (!(iterations >= 2)) throw new RangeError('a leak shows in two iterations at least')
  const probe = countingSignal()
  const timersBefore = clock?.timers().length ?? 0
  const heap = maxBytesPerIteration === undefined ? undefined : heapMeter()
  let iteration = 0

  async function run(times: number): Promise<void> {
    for (let round = 0; round < times; round++) {
      await fn({ signal: probe.signal, iteration: iteration++ })
      await clock?.settle()
    }
  }

  await run(warmup)
  const half = Math.ceil(iterations / 2)
  const sizes: number[] = []
  for (const times of [0, half, iterations - half]) {
    await run(times)
    if (heap) sizes.push(await heap())
  }

  const report: LeakReport = {
    iterations,
    listeners: probe.listeners(),
    timers: (clock?.timers().length ?? 0) - timersBefore,
    bytesPerIteration: smallerGrowth(sizes, half, iterations - half),
  }
  const leaks = leaksIn(report, probe, options)
  if (leaks.length > 0) throw new LeakError(leaks)
  return report
}

function leaksIn(report: LeakReport, probe: CountingSignal, options: LeakProbeOptions): string[] {
  const { listeners = 0, timers = 0, maxBytesPerIteration = Number.POSITIVE_INFINITY, counters } = options
  const leaks: string[] = []
  if (report.listeners > listeners) {
    leaks.push(`${report.listeners} listeners on the signal (at most ${probe.peakListeners()} at once)`)
  }
  if (report.timers > timers) leaks.push(`${report.timers} timers`)
  if ((report.bytesPerIteration ?? 0) > maxBytesPerIteration) {
    leaks.push(`${Math.round(report.bytesPerIteration ?? 0)} bytes per iteration`)
  }
  if (counters) leaks.push(...nonZero('', counters()))
  return leaks
}

/** `jobs.running is 1`, for each number that is not zero. */
function nonZero(path: string, value: unknown): string[] {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, inner]) => nonZero(path ? `${path}.${key}` : key, inner))
  }
  return typeof value === 'number' && value !== 0 ? [`${path} is ${value}`] : []
}

function smallerGrowth([start, middle, end]: number[], first: number, second: number): number | undefined {
  if (start === undefined || middle === undefined || end === undefined) return undefined
  return Math.min((middle - start) / first, (end - middle) / second)
}

/** Collects garbage and says how much heap is used, or nothing where that cannot be done. */
function heapMeter(): (() => Promise<number>) | undefined {
  const { gc, process } = globalThis as {
    gc?: () => void
    process?: { memoryUsage?: () => { heapUsed: number } }
  }
  const memoryUsage = process?.memoryUsage
  if (typeof gc !== 'function' || typeof memoryUsage !== 'function') return undefined
  return async () => {
    // Finalizers run in macrotasks between collections and free more.
    for (let round = 0; round < 3; round++) {
      gc()
      await systemClock.yieldMacrotask()
    }
    return memoryUsage().heapUsed
  }
}
