import type { History, JobFacts } from '../explorer/facts.js'
import { endFixedAt, isSaving, openStreams } from './ends.js'
import type { Invariant, Moment } from './invariant.js'

export const boundedEnd: Invariant = {
  id: 'G2',
  rule: 'a job is settled within the grace period after its end is fixed, and every cancel is answered within its limit',
  job(facts, { now, isOver, hadPause, hadCrash, hadStoreFaults }) {
    if (hadPause || hadCrash) return undefined
    const { gracePeriodMs, cancelTimeoutMs, storeTimeoutMs } = facts.limits
    const slack = hadStoreFaults ? 2 * storeTimeoutMs : 0
    const fixedAt = endFixedAt(facts)
    const dueAt = (facts.first('created')?.at ?? 0) + (facts.deadlineMs || Number.POSITIVE_INFINITY)
    if (fixedAt === undefined && !facts.first('settled') && now > dueAt)
      return `its deadline passed ${now - dueAt} ms ago`
    const settledAt = facts.first('settled')?.at ?? now
    if (fixedAt !== undefined && settledAt > fixedAt + gracePeriodMs + slack && !isSaving(facts, settledAt)) {
      return `${settledAt - fixedAt} ms after its end was fixed it is ${facts.first('settled') ? 'settled' : 'still not settled'}`
    }
    for (const { call, at, timeoutMs = cancelTimeoutMs } of facts.of('asked')) {
      const answer = [...facts.of('answered'), ...facts.of('refused')].find((one) => one.call === call)
      if (isOver && !answer) return `cancel #${call} was never answered`
      const took = (answer?.at ?? now) - at
      if (took > Math.min(timeoutMs, cancelTimeoutMs) + slack) return `cancel #${call} took ${took} ms`
    }
    return undefined
  },
}

export const promptEnd: Invariant = {
  id: 'G2',
  rule: 'where everybody lets go, a cancelled job settles without any timer',
  world(history, moment) {
    if (moment.hadPause || moment.hadCrash || moment.hadStoreFaults) return undefined
    for (const facts of history.jobs.values()) {
      const wrong = needsTimer(facts, history) ?? readsOn(facts, moment)
      if (wrong) return `${wrong} (job ${facts.job})`
    }
    return undefined
  },
}

/** Time had to pass although everybody outside had let go. */
function needsTimer(facts: JobFacts, history: History): string | undefined {
  const settled = facts.first('settled')
  for (const { order, waiting } of history.of('time')) {
    if (waiting.length > 0 || (settled && settled.order < order)) continue
    if (hasLetGo(facts, order)) return 'everything is released, and it settles only when time passes'
  }
  return undefined
}

/** Whether, before this fact, the end was fixed and producer, cleanups and save were through. */
function hasLetGo(facts: JobFacts, order: number): boolean {
  let isFixed = false
  let open = 0
  for (const fact of facts.all) {
    if (fact.order >= order) break
    if (fact.type === 'produced' || (fact.type === 'status' && fact.reason !== undefined)) isFixed = true
    if (fact.type === 'started' || fact.type === 'cleaning' || fact.type === 'saving') open++
    if (fact.type === 'produced' || fact.type === 'cleaned' || fact.type === 'saved') open--
  }
  return isFixed && open === 0
}

/** `run.stream` ends in the tick of the cancel, whatever its source does. */
function readsOn(facts: JobFacts, moment: Moment): string | undefined {
  if (!facts.cancelledAt || moment.isOver) return undefined
  return openStreams(facts) > 0 ? 'it is cancelled, and run.stream still reads' : undefined
}
