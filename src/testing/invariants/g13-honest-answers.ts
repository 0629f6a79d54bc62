import { isSettled } from '../../protocol/job-status.js'
import type { Fact, JobFacts } from '../explorer/facts.js'
import type { Invariant, Moment } from './invariant.js'

export const honestAnswers: Invariant = {
  id: 'G13',
  rule: 'no answer reports what did not happen',
  job(facts, moment) {
    for (const answer of facts.of('answered')) {
      const lie = lieOf(answer, facts, moment)
      if (lie) return `cancel #${answer.call} was answered ${answer.result.outcome}, but ${lie}`
    }
    const settled = facts.first('settled')
    if (settled?.outcome.recorded && settled.status !== settled.outcome.status) {
      return `the outcome says ${settled.outcome.status}, recorded; the record says ${settled.status}`
    }
    if (settled && !settled.outcome.recorded && !moment.hadStoreFaults && !moment.hadPause && !moment.hadCrash) {
      return 'the outcome says that it is not recorded, and the store was never away'
    }
    return undefined
  },
}

type Answer = Extract<Fact, { type: 'answered' }>

function lieOf({ result, call, at }: Answer, facts: JobFacts, { hadPause }: Moment): string | undefined {
  const settled = facts.first('settled')
  const outcome = settled?.outcome
  const asked = facts.of('asked').find((one) => one.call === call)
  const statusBefore = statusAt(facts, asked)
  switch (result.outcome) {
    case 'cancelled':
      if (outcome && outcome.status !== 'cancelled') return `the job is ${outcome.status}`
      if (outcome && (outcome.forced !== result.forced || outcome.cleanup !== result.cleanup)) {
        return `it says forced ${result.forced}, cleanup ${result.cleanup}, and the outcome forced ${outcome.forced}, cleanup ${outcome.cleanup}`
      }
      return result.joined && isOwnReason(facts, asked) && isOnly(facts, asked)
        ? 'no other cancel came first'
        : undefined
    case 'too-late':
      if (facts.cancelledAt) return 'the job was cancelled'
      return settled && asked && settled.order < asked.order ? 'it was settled before' : undefined
    case 'already-settled': {
      if (outcome && outcome.status !== result.status) return `the job is ${outcome.status}, not ${result.status}`
      return isOwnReason(facts, asked) ? 'the job was cancelled for its reason' : undefined
    }
    case 'requested': {
      if (!facts.cancelledAt) return 'no reason is recorded'
      return !hadPause && settled && settled.at < at && isSettled(result.status) ? 'the job was settled' : undefined
    }
    case 'not-found':
      return statusBefore === undefined ? undefined : `its record said ${statusBefore}`
  }
}

/** What the record said when the call was made. */
function statusAt(facts: JobFacts, asked: Fact | undefined): string | undefined {
  let status: string | undefined
  for (const fact of facts.all) {
    if (fact === asked) break
    if (fact.type === 'created') status = fact.status
    if (fact.type === 'status') status = fact.to
    if (fact.type === 'forgotten') status = undefined
  }
  return status
}

/** The one who was told that it changed nothing is the one whose name stands in the reason. */
function isOwnReason(facts: JobFacts, asked: Extract<Fact, { type: 'asked' }> | undefined): boolean {
  return asked?.by !== undefined && facts.cancelledAt?.reason?.by === asked.by
}

/** No other call could have brought the same name. */
function isOnly(facts: JobFacts, asked: Extract<Fact, { type: 'asked' }> | undefined): boolean {
  return facts.of('asked').filter(({ by }) => by === asked?.by).length === 1
}
