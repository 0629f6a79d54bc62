import type { Invariant } from './invariant.js'

export const disconnectIsNoCancel: Invariant = {
  id: 'G9',
  rule: 'a viewer who leaves cancels nothing, unless the job asked for it and nobody came back in time',
  job(facts) {
    const cancelled = facts.cancelledAt
    if (cancelled?.reason?.kind !== 'disconnect') return undefined
    if (facts.onDisconnect !== 'cancel') return 'it was cancelled because a viewer left, and nobody asked for that'
    const startedAt = facts.first('started')?.at ?? cancelled.at
    let since = startedAt
    const present = new Set<string>()
    for (const { at, viewer, ttlMs } of facts.of('viewer')) {
      if (at > cancelled.at) break
      if (ttlMs > 0) present.add(viewer)
      else present.delete(viewer)
      since = at
    }
    if (present.size > 0 && facts.of('viewer').every(({ at, ttlMs }) => at + ttlMs > cancelled.at || ttlMs === 0)) {
      return 'it was cancelled while a viewer was there'
    }
    const alone = cancelled.at - since
    return present.size === 0 && alone < facts.disconnectGraceMs ? `it was cancelled ${alone} ms after the last viewer left` : undefined
  },
}
