import type { Picker } from './execution.js'
import { ExplorerError } from './explorer-error.js'
import { Choice, type Decision } from './schedule.js'
import type { StateKey } from './state-key.js'

/** Goes through all schedules, one execution after the other: the first way everywhere, then back from the end. */
export class DepthFirst implements Picker {
  readonly #path: { readonly key: string; readonly size: number; index: number }[] = []
  readonly #known: Set<StateKey> | undefined
  #at = 0
  #fresh = 0

  /** `prune`: a state that was reached before is not gone on from. */
  constructor(prune: boolean) {
    this.#known = prune ? new Set() : undefined
  }

  get states(): number {
    return this.#known?.size ?? 0
  }

  pick(decision: Decision): number {
    const known = this.#path[this.#at]
    this.#at++
    if (!known) {
      this.#path.push({ key: decision.key, size: decision.size, index: 0 })
      return 0
    }
    if (known.key !== decision.key || known.size !== decision.size) throw otherChoice(known.key, decision.key)
    return known.index
  }

  isKnown(state: () => StateKey): boolean {
    if (!this.#known || this.#at < this.#fresh) return false // still on the way that was gone before
    const key = state()
    if (this.#known.has(key)) return true
    this.#known.add(key)
    return false
  }

  /** Prepares the next execution; `false` when all were. */
  next(): boolean {
    if (this.#at < this.#path.length) throw otherChoice(this.#path[this.#at]?.key ?? '', 'the end')
    for (let last = this.#path.at(-1); last; last = this.#path.at(-1)) {
      if (++last.index < last.size) {
        this.#fresh = this.#path.length
        this.#at = 0
        return true
      }
      this.#path.pop()
    }
    return false
  }
}

function otherChoice(before: string, now: string): ExplorerError {
  return new ExplorerError(
    'The same schedule led to something else the second time: something decides that the world does not control (a real timer, ' +
      `a random number, what an earlier execution left). There was to choose from [${before.trim()}], now it is [${now.trim()}].`,
  )
}

/** Half of the steps are plain ones: pairs would crowd them out. */
const PAIR_RATE = 0.5

/** Decides by a seeded random number. */
export class RandomPicks implements Picker {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = randomNumbers(seed)
  }

  pick({ size, plain }: Decision): number {
    const isPair = plain < size && (plain === 0 || this.#random() < PAIR_RATE)
    return isPair ? plain + this.#below(size - plain) : this.#below(plain)
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count)
  }
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32, public domain). */
function randomNumbers(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296
  }
}

/** Goes along a schedule, and the first way after its end. */
export class GivenPicks implements Picker {
  readonly #tokens: readonly string[]
  readonly #isStrict: boolean
  #at = 0

  /** Not strict: what is not possible is left out. */
  constructor(tokens: readonly string[], isStrict: boolean) {
    this.#tokens = tokens
    this.#isStrict = isStrict
  }

  /** Tokens that were not reached. */
  get left(): readonly string[] {
    return this.#tokens.slice(this.#at)
  }

  pick(decision: Decision): number {
    return this.#isStrict ? this.#strictly(decision) : this.#loosely(decision)
  }

  #strictly(decision: Decision): number {
    const token = this.#tokens[this.#at]
    if (token === undefined) return 0
    const index = decision.indexOf(token)
    // A decision that the schedule does not know was none when it was made.
    if (index < 0 && decision instanceof Choice && !token.startsWith(`${decision.name}=`)) return 0
    if (index < 0) throw this.#impossible(token, decision)
    this.#at++
    return index
  }

  #loosely(decision: Decision): number {
    for (let at = this.#at; at < this.#tokens.length; at++) {
      const index = decision.indexOf(this.#tokens[at] ?? '')
      if (index < 0) continue
      this.#at = at + 1
      return index
    }
    return 0
  }

  #impossible(token: string, decision: Decision): ExplorerError {
    const possible = Array.from({ length: decision.plain }, (_, index) => decision.token(index))
    const pairs = decision.plain < decision.size ? ', or two of them as a pair' : ''
    return new ExplorerError(
      `An impossible schedule: step ${this.#at + 1} is ${JSON.stringify(token)}, but then only this can happen: ${possible.join(', ') || 'nothing'}${pairs}.`,
    )
  }
}
