import type { Invariant } from './invariant.js'

const CONTENT = new Set(['chunk', 'step', 'metadata', 'data'])

export const fenced: Invariant = {
  id: 'G12',
  rule: 'an owner that was replaced cannot touch the record any more',
  job(facts) {
    const created = facts.first('created')
    if (!created) return undefined
    const owners = new Set([created.fencingToken, ...facts.of('started').map(({ fencingToken }) => fencingToken)])
    for (const { event, fencingToken } of facts.of('logged')) {
      if (!CONTENT.has(event.type)) continue
      if (fencingToken !== undefined && !owners.has(fencingToken))
        return `event ${event.seq} was written by an owner of another life of the id`
    }
    let newest = created.fencingToken
    for (const fact of facts.all) {
      if (fact.type === 'status') {
        if (fact.fencingToken < newest) return `its fencing token fell from ${newest} to ${fact.fencingToken}`
        newest = fact.fencingToken
      }
      if (fact.type === 'saving' && !fact.isOwner) return 'save was called by a run that no longer owned the job'
    }
    return undefined
  },
}
