import { InvalidOptionsError, show } from '../core/errors.js'
import { systemClock } from '../core/system-clock.js'
import { type Clock, MAX_TIMER_MS } from '../protocol/clock.js'
import { ProviderError } from './provider-error.js'

/** How long a source may keep silent before it fails with `provider.unavailable`. The limits of the job hold besides. */
export interface ChunkLimits {
  /**
   * Most milliseconds from the first `next()` to the first text, the SDK's retries included.
   * @defaultValue no limit, but `idleChunkMs` counts from the start
   */
  readonly firstChunkMs?: number | undefined
  /**
   * Most milliseconds of one wait for the provider; anything it sends ends the wait, reasoning too. Until the first text only if
   * there is no `firstChunkMs`.
   * @defaultValue no limit
   */
  readonly idleChunkMs?: number | undefined
  /** @defaultValue the system's time */
  readonly clock?: Clock | undefined
}

/** @throws {InvalidOptionsError} */
export function checkChunkLimits(what: string, limits: ChunkLimits = {}): ChunkLimits {
  const fail = (expected: string): never => {
    throw new InvalidOptionsError(`${what}: expected ${expected}.`)
  }
  if (typeof limits !== 'object' || limits === null) fail(`limits to be an object, got ${show(limits)}`)
  const { firstChunkMs, idleChunkMs, clock, ...unknown } = limits
  for (const [name, ms] of Object.entries({ firstChunkMs, idleChunkMs })) {
    if (ms !== undefined && !(typeof ms === 'number' && ms > 0 && ms <= MAX_TIMER_MS)) {
      fail(`${name} to be milliseconds above 0 and up to ${MAX_TIMER_MS}, got ${show(ms)}`)
    }
  }
  if (clock !== undefined && typeof clock?.setTimer !== 'function') fail(`clock to be a Clock, got ${show(clock)}`)
  const names = Object.keys(unknown)
  if (names.length > 0) fail(`firstChunkMs, idleChunkMs and clock only, got ${names.join(', ')}`)
  return limits
}

/** Watches how long one source keeps silent. One timer at most, set again when it fires, not at each chunk. */
export class SilenceWatch {
  readonly #limits: ChunkLimits
  readonly #clock: Clock
  readonly #onSilent: (error: ProviderError) => void
  #startedAt = 0
  #waitingSince: number | undefined
  #hasText = false
  #clear: (() => void) | undefined

  constructor(limits: ChunkLimits, onSilent: (error: ProviderError) => void) {
    this.#limits = limits
    this.#clock = limits.clock ?? systemClock
    this.#onSilent = onSilent
  }

  start(): void {
    this.#startedAt = this.#clock.monotonic()
  }

  /** A wait for the provider begins. */
  wait(): void {
    if (this.#limits.firstChunkMs === undefined && this.#limits.idleChunkMs === undefined) return
    this.#waitingSince = this.#clock.monotonic()
    if (!this.#clear) this.#look()
  }

  /** It sent something. */
  got(isText: boolean): void {
    this.#waitingSince = undefined
    if (!isText || this.#hasText) return
    this.#hasText = true
    this.stop() // the timer may be that of the first chunk
  }

  stop(): void {
    this.#clear?.()
    this.#clear = undefined
  }

  readonly #look = (): void => {
    this.#clear = undefined
    const limit = this.#limit()
    if (!limit) return
    const left = limit.since + limit.ms - this.#clock.monotonic()
    if (left > 0) this.#clear = this.#clock.setTimer(left, this.#look, { unref: true })
    else {
      const silence = `sent ${limit.name === 'firstChunkMs' ? 'no text' : 'nothing'} for ${limit.ms} ms (${limit.name})`
      this.#onSilent(new ProviderError('provider.unavailable', `The model provider ${silence}.`))
    }
  }

  #limit() {
    const { firstChunkMs, idleChunkMs } = this.#limits
    if (!this.#hasText && firstChunkMs !== undefined) {
      return { name: 'firstChunkMs', since: this.#startedAt, ms: firstChunkMs }
    }
    if (idleChunkMs === undefined || this.#waitingSince === undefined) return undefined
    return { name: 'idleChunkMs', since: this.#waitingSince, ms: idleChunkMs }
  }
}
