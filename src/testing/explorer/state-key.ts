import { describeFact } from './describe-fact.js'
import type { EventBoard } from './event-board.js'
import type { Fact, History } from './facts.js'
import type { WorldTime } from './world-time.js'

/** Stands for a state of the world: two executions with the same key have the same future, as far as anybody can see. */
export type StateKey = number

/**
 * The state of a world is what each part of it has seen so far, each for itself: the order of steps of jobs that have nothing to do
 * with each other leaves no trace. What is hidden in the system under test and never showed is not in it.
 */
export class StateHash {
  readonly #parts = new Map<string, number>()
  #seen = 0

  key(history: History, board: EventBoard, time: WorldTime, decided: string): StateKey {
    for (; this.#seen < history.all.length; this.#seen++) {
      const fact = history.all[this.#seen]
      if (fact) this.#add(fact)
    }
    const parts = [...this.#parts].sort(([a], [b]) => (a < b ? -1 : 1))
    const timers = time.timers.map(({ dueAt }) => dueAt - time.now).sort((a, b) => a - b)
    const open = [...board.waiting, ...board.actions().map(({ token }) => token)].sort()
    return hash(0, `${decided}|${parts.join(' ')}|${open.join(' ')}|${time.now}|${timers.join(' ')}`)
  }

  #add(fact: Fact): void {
    const part = partOf(fact)
    this.#parts.set(part, hash(this.#parts.get(part) ?? 0, `${fact.at} ${describeFact(fact)}`))
  }
}

function partOf(fact: Fact): string {
  if ('job' in fact) return `job ${fact.job}`
  if (fact.type === 'source') return `source ${fact.source}`
  return 'world'
}

/** Stands for a text. */
export function hashOf(text: string): number {
  return hash(0, text)
}

/** 53 bits of a string (cyrb53, public domain). */
function hash(seed: number, text: string): number {
  let h1 = 0xdeadbeef ^ seed
  let h2 = 0x41c6ce57 ^ Math.floor(seed / 0x100000000)
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    h1 = Math.imul(h1 ^ code, 2654435761)
    h2 = Math.imul(h2 ^ code, 1597334677)
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909)
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909)
  return 4294967296 * (2097151 & h2) + (h1 >>> 0)
}
