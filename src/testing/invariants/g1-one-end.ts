import { isTerminalEvent } from '../../protocol/job-event.js'
import { canTransition, isSettled } from '../../protocol/job-status.js'
import type { Invariant } from './invariant.js'

export const oneEnd: Invariant = {
  id: 'G1',
  rule: 'a job settles exactly once, and its terminal event is the last of a gapless log',
  job(facts, { isOver, hadCrash }) {
    const log = facts.of('logged')
    for (const [index, { event }] of log.entries()) {
      if (event.seq !== index + 1) return `event ${event.seq} stands at place ${index + 1}`
      if (isTerminalEvent(event) && index < log.length - 1) return `event ${event.seq + 1} follows the terminal one`
    }
    for (const { from, to } of facts.of('status')) {
      if (from === to ? isSettled(to) : !canTransition(from, to)) return `status went from ${from} to ${to}`
    }
    const ends = facts.of('status').filter(({ to }) => isSettled(to)).length
    const terminals = log.filter(({ event }) => isTerminalEvent(event)).length
    if (ends > 1) return `it has ${ends} ends`
    if (ends !== terminals) return `${ends} ends in the record and ${terminals} terminal events in the log`
    const end = facts.of('status').find(({ to }) => isSettled(to))
    const late = facts.of('started').find(({ order }) => end !== undefined && order > end.order)
    if (late) return 'its producer was called after its end'
    if (facts.of('started').length > 1) return 'its producer was called twice'
    if (facts.of('settled').length > 1) return 'its end was announced twice'
    if (!isOver || hadCrash || !facts.first('created')) return undefined
    if (ends === 0) return 'it has no end'
    return facts.of('settled').length === 0 ? 'its end was not announced' : undefined
  },
}
