import type { Invariant } from './invariant.js'

export const nothingLeft: Invariant = {
  id: 'G11',
  rule: 'when all jobs are settled and swept, nothing is left of them',
  world(history, { isOver, hadCrash }) {
    if (!isOver || hadCrash) return undefined
    const left = history.of('left').map(({ what }) => what)
    return left.length > 0 ? left.join('; ') : undefined
  },
}
