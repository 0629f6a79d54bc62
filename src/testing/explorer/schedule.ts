import { ExplorerError } from './explorer-error.js'

/**
 * A schedule is one line: everything that happened, in order, with a blank between.
 *
 * - `next` an event answers · `save!` it answers with an error · `save:lost` with another outcome
 * - `cancel` an action happens · `time` time goes on until a limit is reached
 * - `next+cancel@2` the second happens two microtasks after the first; `@0` in the same tick
 * - `store.append=later`, `stall=save,next` something was decided
 */
export type Schedule = string

/** What can happen as one step, or as the half of one. */
export interface Step {
  readonly token: string
  readonly kind: 'event' | 'time' | 'action'
  /** `false` once it cannot happen any more. */
  readonly isPossible: () => boolean
  readonly perform: () => void
}

/** What the explorer decides: one of several things, numbered from 0. */
export interface Decision {
  /** The same for the same things. */
  readonly key: string
  readonly size: number
  /** How many of them, from the first on, are plain steps. */
  readonly plain: number
  token(index: number): string
  /** The number of a token, -1 if it is not among them. */
  indexOf(token: string): number
}

/** A value that is decided, such as how a store answers. */
export class Choice implements Decision {
  readonly name: string
  readonly values: readonly string[]

  constructor(name: string, values: readonly string[]) {
    this.name = checkName(name)
    this.values = values
  }

  get key(): string {
    return `${this.name}=${this.values.join('|')}`
  }

  get size(): number {
    return this.values.length
  }

  get plain(): number {
    return this.values.length
  }

  token(index: number): string {
    return `${this.name}=${this.values[index]}`
  }

  indexOf(token: string): number {
    const [name, value] = splitOnce(token, '=')
    return name === this.name && value !== undefined ? this.values.indexOf(value) : -1
  }
}

/** What can happen next: each step alone, and pairs in one tick or some microtasks apart. */
export class NextStep implements Decision {
  readonly steps: readonly Step[]
  readonly #pairs: readonly (readonly [first: Step, second: Step])[]
  readonly #distances: number

  /** `sameTick`: the largest distance of a pair in microtasks, or `false` for no pairs. */
  constructor(steps: readonly Step[], sameTick: number | false) {
    this.steps = steps
    this.#distances = sameTick === false ? 0 : sameTick + 1
    this.#pairs = sameTick === false ? [] : pairsOf(steps)
  }

  get key(): string {
    let key = ''
    for (const { token } of this.steps) key += `${token} `
    return key
  }

  get size(): number {
    return this.steps.length + this.#pairs.length * this.#distances
  }

  get plain(): number {
    return this.steps.length
  }

  token(index: number): string {
    const { first, second, distance } = this.at(index)
    return second ? `${first.token}+${second.token}@${distance}` : first.token
  }

  indexOf(token: string): number {
    const plain = this.steps.findIndex((step) => step.token === token)
    if (plain >= 0) return plain
    const match = /^(.+)\+(.+)@(\d+)$/.exec(token)
    const distance = Number(match?.[3])
    if (!match || !(distance < this.#distances)) return -1
    const pair = this.#pairs.findIndex(([first, second]) => first.token === match[1] && second.token === match[2])
    return pair < 0 ? -1 : this.steps.length + pair * this.#distances + distance
  }

  at(index: number): { first: Step; second?: Step; distance: number } {
    const plain = this.steps[index]
    if (plain) return { first: plain, distance: 0 }
    const pair = this.#pairs[Math.floor((index - this.steps.length) / this.#distances)]
    if (!pair) throw new RangeError(`no step ${index}`)
    return { first: pair[0], second: pair[1], distance: (index - this.steps.length) % this.#distances }
  }
}

/** An action in the tick of something else, or an answer in the tick of an action. A timer fires only in a tick of its own. */
function pairsOf(steps: readonly Step[]): [Step, Step][] {
  const pairs: [Step, Step][] = []
  for (const first of steps) {
    for (const second of steps) {
      const isPair = second.kind === 'action' || (first.kind === 'action' && second.kind === 'event')
      if (isPair && first !== second) pairs.push([first, second])
    }
  }
  return pairs
}

/** The tokens of a schedule string. */
export function parseSchedule(schedule: Schedule): string[] {
  if (typeof schedule !== 'string') throw new ExplorerError(`A schedule is a string, got ${typeof schedule}.`)
  return schedule.split(/\s+/).filter((token) => token !== '')
}

export function formatSchedule(tokens: readonly string[]): Schedule {
  return tokens.join(' ')
}

/** Names stand in schedules, so they have no blank and none of the signs of their grammar. */
export function checkName(name: string): string {
  if (typeof name === 'string' && /^[\w./-]+$/.test(name) && name !== 'time') return name
  throw new ExplorerError(
    `A name of the world is made of letters, digits and . _ / - only, got ${JSON.stringify(name)}.`,
  )
}

function splitOnce(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at)
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)]
}
