import { isSettled } from '../../protocol/job-status.js'
import type { JobFacts } from '../explorer/facts.js'
import { endFixedAt, openStreams } from './ends.js'
import type { Invariant } from './invariant.js'

export const settledIsReleased: Invariant = {
  id: 'G5',
  rule: 'an end is told only when everything is released, or says what was not',
  job(facts) {
    return falseRelease(facts) ?? answerBeforeEnd(facts)
  },
}

function falseRelease(facts: JobFacts): string | undefined {
  const settled = facts.first('settled')
  if (!settled || settled.outcome.cleanup === 'unknown') return undefined
  const recorded = settled.outcome.recorded ? facts.of('status').find(({ to }) => isSettled(to)) : undefined
  const before = facts.all.filter(({ order }) => order < Math.min(recorded?.order ?? settled.order, settled.order))
  const count = (type: 'started' | 'produced' | 'cleaning' | 'cleaned') =>
    before.filter((fact) => fact.type === type).length
  const { cleanup, forced } = settled.outcome
  const isCleaned = count('cleaning') === count('cleaned')
  const isFailed = before.some((fact) => fact.type === 'cleaned' && fact.error !== undefined)
  if (cleanup === 'clean' && (!isCleaned || isFailed))
    return `its cleanups are 'clean', but one ${isFailed ? 'failed' : 'is not through'}`
  if (cleanup === 'failed' && (!isCleaned || !isFailed))
    return `its cleanups have 'failed', but ${isCleaned ? 'none did' : 'one is not through'}`
  const isProduced = count('started') === count('produced')
  if (!forced && !isProduced) return 'its producer has not ended, and it does not say forced'
  if (!forced && openStreams(facts) > 0) return 'a source is still read, and it does not say forced'
  const fixedAt = endFixedAt(facts)
  const limitAt = (fixedAt ?? 0) + facts.limits.gracePeriodMs
  const wasInTime = before.every(({ type, at }) => type !== 'cleaned' || at < limitAt)
  if (cleanup === 'timed-out' && isCleaned && wasInTime)
    return `its cleanups are 'timed-out', but all were through in time`
  const isKnown = settled.outcome.recorded && fixedAt !== undefined
  if (forced && isKnown && settled.at - fixedAt < facts.limits.gracePeriodMs / 2 && isProduced) {
    return 'it says forced, but everybody let go in time'
  }
  return undefined
}

function answerBeforeEnd(facts: JobFacts): string | undefined {
  for (const fact of facts.all) {
    if (fact.type === 'settled' || (fact.type === 'status' && isSettled(fact.to))) return undefined
    if (fact.type === 'waited' && fact.result.settled) return 'a wait was answered before the job was settled'
    if (fact.type === 'answered' && fact.result.outcome === 'cancelled') {
      return `cancel #${fact.call} was answered before the job was settled`
    }
  }
  return undefined
}
