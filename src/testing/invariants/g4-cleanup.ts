import type { JobFacts } from '../explorer/facts.js'
import { isSaving } from './ends.js'
import type { Invariant } from './invariant.js'

export const cleanupOnce: Invariant = {
  id: 'G4',
  rule: 'every deferred cleanup is started exactly once, last registered first, after the producer or its time is over',
  job(facts) {
    const started = facts.of('cleaning')
    const names = started.map(({ cleanup }) => cleanup)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) return `${twice} was started twice`
    const settled = facts.first('settled')
    if (settled) {
      const missed = facts.of('deferred').find(({ cleanup }) => !names.includes(cleanup))
      if (missed) return `${missed.cleanup} was never started`
      if (settled.live !== settled.expectedLive) {
        return `the manager counts ${settled.live} live jobs when it settles, not ${settled.expectedLive}`
      }
    }
    return wrongOrder(facts) ?? tooEarly(facts)
  },
}

function wrongOrder(facts: JobFacts): string | undefined {
  const early: string[] = []
  let open: string | undefined
  let isCleaning = false
  for (const [index, fact] of facts.all.entries()) {
    if (fact.type === 'deferred') {
      if (!isCleaning) early.push(fact.cleanup)
      else {
        const next = facts.all[index + 1]
        const isAtOnce = next?.type === 'cleaning' && next.cleanup === fact.cleanup
        if (!isAtOnce) return `${fact.cleanup} was deferred while the others ran and not started at once`
      }
    }
    if (fact.type === 'cleaning') isCleaning = true
    if (fact.type === 'cleaned' && fact.cleanup === open) open = undefined
    if (fact.type === 'cleaning' && early.includes(fact.cleanup)) {
      const last = early.pop()
      if (last !== fact.cleanup) return `${fact.cleanup} was started before ${last}`
      const outcome = facts.first('settled')?.outcome
      if (open !== undefined && outcome && outcome.cleanup !== 'timed-out') {
        return `${fact.cleanup} was started while ${open} ran`
      }
      open = fact.cleanup
    }
  }
  return undefined
}

function tooEarly(facts: JobFacts): string | undefined {
  const first = facts.first('cleaning')
  if (!first) return undefined
  const saving = facts.first('saving')
  const saved = facts.first('saved')
  if (saving && isSaving(facts, first.at) && !saved) return 'cleanups start while a save is under way'
  if (saving && saved && saved.at > first.at && first.at < saving.at + facts.limits.commitTimeoutMs) {
    return 'cleanups started while a save was under way'
  }
  const produced = facts.first('produced')
  const isBeforeEnd = !produced || facts.all.indexOf(produced) > facts.all.indexOf(first)
  const outcome = facts.first('settled')?.outcome
  return isBeforeEnd && outcome && !outcome.forced
    ? 'cleanups started before the producer had ended, and nothing says that it was forced'
    : undefined
}
