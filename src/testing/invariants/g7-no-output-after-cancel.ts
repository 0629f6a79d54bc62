import type { Invariant } from './invariant.js'

const CONTENT = new Set(['chunk', 'step', 'metadata', 'data'])

export const noOutputAfterCancel: Invariant = {
  id: 'G7',
  rule: 'once a reason is recorded nothing more is delivered or logged',
  job(facts) {
    let isCancelled = false
    for (const fact of facts.all) {
      if (fact.type === 'status' && fact.reason !== undefined) isCancelled = true
      if (fact.type === 'logged' && isCancelled && CONTENT.has(fact.event.type)) {
        return `event ${fact.event.seq} (${fact.event.type}) was logged after the cancel`
      }
      if (fact.type === 'emitted' && fact.isCancelled && fact.taken) return `a ${fact.what} was taken after the cancel`
    }
    return undefined
  },
}
