import type { Invariant } from './invariant.js'

export const disconnectIsNoCancel: Invariant = {
  id: 'G9',
  rule: 'a viewer who leaves cancels nothing, unless the job asked for it and nobody came back in time',
  job(facts) {
    const cancelled = facts.cancelledAt
    if (cancelled?.reason?.kind !== 'disconnect') return undefined
    if (facts.onDisconnect !== 'cancel') return 'it was cancelled because a viewer left, and nobody asked for that'
    const present = new Map<string, number>()
    let aloneSince = facts.first('started')?.at ?? cancelled.at
    for (const { at, order, viewer, ttlMs } of facts.of('viewer')) {
      if (order > cancelled.order) break
      if (ttlMs > 0) present.set(viewer, at + ttlMs)
      else present.delete(viewer)
      aloneSince = at
    }
    for (const until of present.values()) {
      if (until > cancelled.at) return 'it was cancelled while a viewer was there'
      aloneSince = Math.max(aloneSince, until)
    }
    const aloneMs = cancelled.at - aloneSince
    return aloneMs < facts.disconnectGraceMs ? `it was cancelled ${aloneMs} ms after the last viewer left` : undefined
  },
}
