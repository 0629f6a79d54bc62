import type { CancelReason } from '../../protocol/cancel-reason.js'
import type { JobFacts } from '../explorer/facts.js'
import type { Invariant } from './invariant.js'

export const firstReasonWins: Invariant = {
  id: 'G8',
  rule: 'the first reason wins and is the same everywhere',
  job(facts) {
    const first = facts.cancelledAt?.reason
    return changed(facts, first) ?? wrongEvent(facts, first) ?? differs(facts, first) ?? notFirst(facts, first)
  },
}

function changed(facts: JobFacts, first: CancelReason | undefined): string | undefined {
  const other = facts.of('status').find(({ reason }) => reason !== undefined && !isSame(reason, first))
  return other ? `the reason ${text(first)} became ${text(other.reason)}` : undefined
}

function wrongEvent(facts: JobFacts, first: CancelReason | undefined): string | undefined {
  for (const { event } of facts.of('logged')) {
    const isCancel = event.type === 'cancelling' || event.type === 'cancelled'
    if (isCancel && event.kind !== first?.kind) return `the log says ${event.type} (${event.kind}), not ${text(first)}`
  }
  return undefined
}

function differs(facts: JobFacts, first: CancelReason | undefined): string | undefined {
  const settled = facts.first('settled')
  if (settled?.outcome.status === 'completed' && settled.isSignalAborted)
    return 'it is completed, and its signal was aborted'
  if (settled?.outcome.status !== 'cancelled') return undefined
  const { outcome, tokenReason, signalReason, sawSignal, status } = settled
  const isRecorded = status === 'cancelled' && outcome.recorded
  if (isRecorded && !isSame(outcome.reason, first))
    return `the outcome says ${text(outcome.reason)}, the record ${text(first)}`
  if (tokenReason && !isSame(tokenReason, outcome.reason))
    return `the token says ${text(tokenReason)}, the outcome ${text(outcome.reason)}`
  if (sawSignal && signalReason !== tokenReason)
    return `the signal carries ${text(signalReason)}, the token ${text(tokenReason)}`
  // Another node's cancel may be recorded while the cleanups run here: those were told another end.
  const cleaning = facts.of('cleaning').find((one) => one.isCancelled && one.reason !== tokenReason)
  if (cleaning) return `${cleaning.cleanup} was told ${text(cleaning.reason)}, the token says ${text(tokenReason)}`
  for (const { call, result } of facts.of('answered')) {
    if (result.outcome === 'cancelled' && !isSame(result.reason, outcome.reason)) {
      return `cancel #${call} was answered ${text(result.reason)}, not ${text(outcome.reason)}`
    }
  }
  return undefined
}

/** The reason of a call is not recorded before it is made, nor that of a later one instead of an accepted one. */
function notFirst(facts: JobFacts, first: CancelReason | undefined): string | undefined {
  const winners = facts.of('answered').filter(({ result }) => result.outcome === 'cancelled' && !result.joined)
  if (winners.length > 1) return `${winners.length} cancels were told that they were the first`
  const [winner] = winners
  const asked = facts.of('asked').find(({ call }) => call === winner?.call)
  if (asked?.by !== undefined && asked.by !== first?.by)
    return `cancel #${asked.call} was told that it was the first, but the reason is ${text(first)}`
  return undefined
}

function isSame(a: CancelReason | undefined, b: CancelReason | undefined): boolean {
  return a === b || (a?.kind === b?.kind && a?.by === b?.by && a?.message === b?.message && a?.at === b?.at)
}

function text(reason: CancelReason | undefined): string {
  if (!reason) return 'no reason'
  return reason.by === undefined ? reason.kind : `${reason.kind} by ${reason.by}`
}
