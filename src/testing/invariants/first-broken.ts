import type { History } from '../explorer/facts.js'
import type { Invariant, Moment } from './invariant.js'

/** The first invariant that does not hold, and how. */
export function firstBroken(
  invariants: readonly Invariant[],
  history: History,
  isOver: boolean,
): { invariant: string; message: string } | undefined {
  const nodes = history.of('node')
  const moment: Moment = {
    now: history.now,
    isOver,
    hadPause: nodes.some(({ what }) => what === 'paused'),
    hadCrash: nodes.some(({ what }) => what === 'crashed'),
    hadStoreFaults: history.of('store').length > 0,
  }
  for (const { id, rule, world } of invariants) {
    const wrong = world?.(history, moment)
    if (wrong !== undefined) return { invariant: id, message: `${id} ${rule}: ${wrong}` }
  }
  for (const facts of history.jobs.values()) {
    if (facts.checked === facts.all.length && !isOver) continue // nothing new was seen of it
    facts.checked = facts.all.length
    for (const { id, rule, job } of invariants) {
      const wrong = job?.(facts, moment)
      if (wrong !== undefined) return { invariant: id, message: `${id} ${rule}: ${wrong} (job ${facts.job})` }
    }
  }
  return undefined
}
