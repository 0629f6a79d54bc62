import type { Execution, ExecutionOptions, Scenario } from './execution.js'
import { GivenPicks } from './pickers.js'
import { play } from './player.js'

const MAX_ATTEMPTS = 600

/** Looks for a shorter schedule on which the same invariant breaks. */
export async function shrink(scenario: Scenario, found: Execution, options: ExecutionOptions): Promise<Execution> {
  let best = found
  let attempts = 0
  for (let improved = true; improved; ) {
    improved = false
    for (const tokens of simpler(best.tokens)) {
      if (++attempts > MAX_ATTEMPTS) return best
      const tried = await play(scenario, new GivenPicks(tokens, false), options)
      if (tried.broken?.invariant !== best.broken?.invariant || weight(tried.tokens) >= weight(best.tokens)) continue
      best = tried
      improved = true
      break
    }
  }
  return best
}

/** Schedules that say less: a step less, half of a pair, a shorter distance, no failure. */
function* simpler(tokens: readonly string[]): Generator<string[]> {
  for (const [index, token] of tokens.entries()) {
    const without = (...instead: string[]): string[] => [
      ...tokens.slice(0, index),
      ...instead,
      ...tokens.slice(index + 1),
    ]
    yield without()
    const pair = /^(.+)\+(.+)@(\d+)$/.exec(token)
    if (pair) {
      const [, first = '', second = ''] = pair
      const distance = Number(pair[3])
      yield without(first)
      yield without(second)
      yield without(first, second)
      if (distance > 0) yield without(`${first}+${second}@0`)
      for (let shorter = distance - 1; shorter > 0; shorter--) yield without(`${first}+${second}@${shorter}`)
    } else if (token.endsWith('!')) {
      yield without(token.slice(0, -1))
    }
  }
}

/** Steps count first; a pair counts more than two steps, because it is harder to read. */
function weight(tokens: readonly string[]): number {
  let sum = 0
  for (const token of tokens) {
    const distance = /@(\d+)$/.exec(token)
    sum += 1_000 + (distance ? 1_500 + Number(distance[1]) : 0) + (token.endsWith('!') ? 100 : 0)
    if (token.startsWith('stall=')) sum += token.length
  }
  return sum
}
