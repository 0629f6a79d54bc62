import type { History } from '../explorer/facts.js'
import type { Invariant } from './invariant.js'

export const sourcesLetGo: Invariant = {
  id: 'G3',
  rule: 'a source is read by one next() at a time and let go once, on every exit',
  world(history: History, { isOver, hadCrash }) {
    const sources = new Map<string, { isOver: boolean; closings: number; canClose: boolean }>()
    for (const { source, what, text } of history.of('source')) {
      const seen = sources.get(source) ?? { isOver: false, closings: 0, canClose: true }
      sources.set(source, seen)
      switch (what) {
        case 'opened':
          seen.canClose = text === undefined
          break
        case 'overlapped':
          return `next() of ${source} was called while one was pending`
        case 'pulled':
          if (seen.isOver || seen.closings > 0) return `next() of ${source} was called after its end`
          break
        case 'ended':
        case 'failed':
          seen.isOver = true
          break
        case 'closing':
          if (++seen.closings > 1) return `return() of ${source} was called ${seen.closings} times`
          break
        default:
          break
      }
    }
    if (!isOver || hadCrash) return undefined
    for (const [source, seen] of sources) {
      if (seen.canClose && !seen.isOver && seen.closings === 0) return `${source} was never let go`
    }
    return undefined
  },
}
