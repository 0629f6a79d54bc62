import { systemClock } from '../core/system-clock.js'
import { type Clock, MAX_TIMER_MS } from '../protocol/clock.js'

/** Of {@link createVirtualClock}. */
export interface VirtualClockOptions {
  /** What `now()` says at the start, epoch ms. @defaultValue 1_767_225_600_000 (2026-01-01T00:00:00Z) */
  now?: number | undefined
  /** `true`: pending `yieldMacrotask()` calls wait for `serveYields()`. @defaultValue false: `settle` and `advance` serve them */
  frozenMacrotasks?: boolean | undefined
  /** Most rounds of yields that one `settle()`, or one step of `advance()`, serves. @defaultValue 100 */
  maxYieldRounds?: number | undefined
}

/** One timer that is set and has neither fired nor been cleared. */
export interface TimerInfo {
  /** Monotonic time at which it fires, ms. */
  readonly dueAt: number
  /** The delay it was set with, ms. */
  readonly ms: number
  readonly unref: boolean
}

/** A clock that stands still until a test moves it. All methods work unbound. */
export interface VirtualClock extends Clock {
  /**
   * Moves time forward and fires every timer that becomes due, one by one, in time order (ties in creation order),
   * each at its own virtual time; timers set meanwhile count. Before the first and after each one, everything the
   * callbacks started runs out: microtasks, `process.nextTick`, pending macrotask yields. `advance(0)` fires what is due now.
   *
   * Blocking code (`block`) makes timers late, as in a real loop. Once blocking has passed the target, further yields
   * wait for the next call, so an always-ready source cannot keep `advance` running.
   *
   * A callback that throws does not stop the others: its error is rethrown at the end (several: an `AggregateError`).
   * @throws {Error} when another `advance` is still running, or after 100_000 timers in one call
   */
  advance(ms: number): Promise<void>
  /** `advance` to a monotonic time; the clock starts at 0, so `advanceTo(9_000)` is nine seconds into the test. */
  advanceTo(monotonicMs: number): Promise<void>
  /**
   * Lets everything that needs no time run out: microtasks, `process.nextTick`, and macrotask yields, of which at most
   * `maxYieldRounds` rounds are served (a source that yields for ever would never end). Fires no timer, also none that is due.
   */
  settle(): Promise<void>
  /** Runs a number of microtask rounds and nothing else: no yield, no `nextTick`. @defaultValue 32 rounds */
  runMicrotasks(rounds?: number): Promise<void>
  /** Serves the yields that are pending now, once, then drains as `settle` does. For `frozenMacrotasks`. */
  serveYields(): Promise<void>
  /** How many `yieldMacrotask()` calls are waiting. */
  pendingYields(): number
  /** "User code blocked the event loop for `ms`": time passes at once, synchronously, and no timer fires. */
  block(ms: number): void
  /** The machine's date was changed: `now()` jumps (negative: backwards), `monotonic()` and the timers do not. */
  jumpWallClock(ms: number): void
  /** The timers that are set, in the order in which they will fire. */
  timers(): TimerInfo[]
}

/**
 * Makes the clock for deterministic tests: `monotonic()` starts at 0 and no timer fires by itself.
 *
 * Time stands still in code that never blocks, so a loop that waits for the clock to move never ends: an always-ready
 * source under test must call `block` (`hostileSources({ clock })` does). After a million readings in a row with nothing
 * else the clock throws, because a hung test process tells nobody why.
 */
export function createVirtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const startedAt = options.now ?? DEFAULT_NOW
  const maxYieldRounds = options.maxYieldRounds ?? 100
  const frozen = options.frozenMacrotasks ?? false
  const timers = new Set<Timer>() // insertion order is creation order
  let yields: Array<() => void> = []
  let elapsed = 0
  let wallOffset = 0
  let readings = 0
  let advancing = false

  function read(): number {
    if (++readings > MAX_READINGS) throw new Error(STARVED)
    return elapsed
  }

  /** A real macrotask: all microtasks run before it, however many, and in Node every `process.nextTick` too. */
  function drain(): Promise<void> {
    readings = 0
    return systemClock.yieldMacrotask()
  }

  /** The first timer that is due at `time`. */
  function dueBy(time: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of timers) if (timer.dueAt <= time && (!first || timer.dueAt < first.dueAt)) first = timer
    return first
  }

  function releaseYields(): void {
    const served = yields
    yields = []
    for (const resolve of served) resolve()
  }

  async function settle(): Promise<void> {
    await drain()
    for (let round = 0; !frozen && yields.length > 0 && round < maxYieldRounds; round++) {
      releaseYields()
      await drain()
    }
  }

  async function fireUntil(target: number): Promise<unknown[]> {
    const errors: unknown[] = []
    let fired = 0
    let rounds = 0
    for (;;) {
      await drain()
      const overdue = dueBy(elapsed)
      if (!overdue && !frozen && yields.length > 0 && rounds < maxYieldRounds && elapsed <= target) {
        rounds++
        releaseYields()
        continue
      }
      const timer = overdue ?? dueBy(target)
      if (!timer) return errors
      if (++fired > MAX_FIRED) throw new Error(`advance() fired ${MAX_FIRED} timers: one re-arms itself with no delay`)
      // Yields may go on beside a timer that re-arms without time passing, but not without an end.
      if (timer.dueAt > elapsed) rounds = 0
      timers.delete(timer)
      elapsed = Math.max(elapsed, timer.dueAt)
      try {
        timer.fn()
      } catch (error) {
        errors.push(error)
      }
    }
  }

  async function advanceTo(target: number): Promise<void> {
    if (!(target >= elapsed)) throw new RangeError(`cannot move the clock from ${elapsed} to ${target} ms`)
    if (advancing) throw new Error('advance() is still running: await it before the next call')
    advancing = true
    let errors: unknown[]
    try {
      errors = await fireUntil(target)
      elapsed = Math.max(elapsed, target)
    } finally {
      advancing = false
    }
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} timer callbacks threw`)
  }

  return {
    now: () => Math.floor(startedAt + wallOffset + read()), // whole ms, as Date.now()
    monotonic: read,
    setTimer(ms, fn, timerOptions) {
      // The platform would fire such a timer at once: what a test wants to see is the mistake.
      if (!(ms <= MAX_TIMER_MS)) throw new RangeError(`setTimer(${ms}): not a delay of at most ${MAX_TIMER_MS} ms`)
      readings = 0
      const timer: Timer = { dueAt: elapsed + Math.max(0, ms), ms, unref: timerOptions?.unref ?? false, fn }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    yieldMacrotask() {
      readings = 0
      return new Promise((resolve) => yields.push(resolve))
    },
    advance: (ms) => advanceTo(elapsed + ms),
    advanceTo,
    settle,
    async runMicrotasks(rounds = 32) {
      readings = 0
      for (let round = 0; round < rounds; round++) await Promise.resolve()
    },
    async serveYields() {
      releaseYields()
      await drain()
    },
    pendingYields: () => yields.length,
    block(ms) {
      if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) throw new RangeError(`block(${ms}): not a span of time`)
      if (ms > 0) readings = 0
      elapsed += ms
    },
    jumpWallClock(ms) {
      wallOffset += ms
    },
    timers: () => [...timers].sort((a, b) => a.dueAt - b.dueAt).map(({ dueAt, ms, unref }) => ({ dueAt, ms, unref })),
  }
}

interface Timer extends TimerInfo {
  readonly fn: () => void
}

const DEFAULT_NOW = Date.UTC(2026, 0, 1)
const MAX_FIRED = 100_000
const MAX_READINGS = 1_000_000
const STARVED =
  'The virtual clock was read a million times in a row while it stood still: a loop waits for time to pass, or a source that is always ready starves the event loop. Call block(ms) in it.'
