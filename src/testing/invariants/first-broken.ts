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
  for (const { id, rule, job, world } of invariants) {
    const wrong = world?.(history, moment)
    if (wrong !== undefined) return { invariant: id, message: `${id} ${rule}: ${wrong}` }
    if (!job) continue
    for (const facts of history.jobs.values()) {
      const broken = job(facts, moment)
      if (broken !== undefined) return { invariant: id, message: `${id} ${rule}: ${broken} (job ${facts.job})` }
    }
  }
  return undefined
}
