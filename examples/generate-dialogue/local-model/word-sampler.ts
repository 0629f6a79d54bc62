import { type ContextRange, END, findContext, type NgramTable, ORDER, wordAfter } from './ngram-table.ts'
import type { Random } from './random.ts'

/** Places of a frequent context that are looked at for one word: keeps the cost of a word constant. */
const MAX_PLACES = 512

/** How little a context that was followed by many different words counts against a shorter one. */
const BACKOFF = 0.4

/** A drawn word, and how many words before it the model had seen it after. */
export interface DrawnWord {
  readonly word: number
  readonly contextLength: number
}

export interface WordSampler {
  /**
   * Draws the next word after the history, among those that `accept` lets through;
   * `undefined` when the model knows none.
   */
  next(history: readonly number[], accept: (word: number) => boolean): DrawnWord | undefined
}

/**
 * Draws words as the corpus would go on: after the longest known context, or after a shorter one the more often,
 * the more different words followed (Witten and Bell's rule, scaled).
 * @param options.weigh how much likelier a word becomes: 1 leaves it as it is.
 */
export function createWordSampler(
  table: NgramTable,
  options: { random: Random; weigh: (word: number) => number },
): WordSampler {
  const { random, weigh } = options
  return {
    next(history, accept) {
      for (let contextLength = Math.min(ORDER - 1, history.length); contextLength >= 0; contextLength -= 1) {
        const context = contextLength === 0 ? [] : history.slice(-contextLength)
        const followers = countFollowers(table, findContext(table, context), contextLength, random)
        let seen = 0
        for (const [word, count] of followers) {
          if (accept(word)) seen += count
          else followers.delete(word)
        }
        const stays = random() * (seen + BACKOFF * followers.size) < seen
        if (seen > 0 && (stays || contextLength === 0)) return { word: draw(followers, weigh, random), contextLength }
      }
      return undefined
    },
  }
}

function countFollowers(
  table: NgramTable,
  range: ContextRange,
  contextLength: number,
  random: Random,
): Map<number, number> {
  const counts = new Map<number, number>()
  const size = range.end - range.start
  const places = Math.min(size, MAX_PLACES)
  for (let index = 0; index < places; index += 1) {
    const place = range.start + (size > MAX_PLACES ? Math.floor(random() * size) : index)
    const word = wordAfter(table, place, contextLength)
    counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return counts
}

function draw(counts: ReadonlyMap<number, number>, weigh: (word: number) => number, random: Random): number {
  let total = 0
  for (const [word, count] of counts) total += count * weigh(word)
  let rest = random() * total
  let last = END
  for (const [word, count] of counts) {
    last = word
    rest -= count * weigh(word)
    if (rest < 0) break
  }
  return last
}
