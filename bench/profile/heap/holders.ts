import { originOf } from '../origin.ts'
import { BENCH, partOfFile } from '../part.ts'
import type { HeapObject, Snapshot } from './snapshot.ts'

/** Objects of one kind: what they are, and the part of the program that made them. */
export interface Holder {
  readonly what: string
  readonly part: string
  readonly count: number
  readonly bytes: number
}

/** What a caller would have without a manager too. */
const CALLER = 'the caller and its source'

/** What is held by no part of the program. */
const V8 = 'V8 itself'

/**
 * All objects of the heap by kind: its class, or the field that holds it. `urls` are those of the scripts. Code is left out, its
 * text and what the compiler notes too: it comes and goes whatever the jobs do.
 */
export function holdersIn(snapshot: Snapshot, urls: ReadonlyMap<number, string>): ReadonlyMap<string, Holder> {
  const holders = new Map<string, Holder>()
  const parts = new Map<number, string>()
  for (const { index, from, field } of fromRoot(snapshot)) {
    const [object, parent] = [snapshot.object(index), snapshot.object(from)]
    if (object.type === 'code' || parent.type === 'code') continue
    // The object's own, or that of the nearest one on the way to the root that knows.
    const part = partAt(index) ?? parts.get(from) ?? V8
    parts.set(index, part)
    const what = kindOf(object, parent, field)
    const key = `${what} ${part}`
    const { count = 0, bytes = 0 } = holders.get(key) ?? {}
    holders.set(key, { what, part, count: count + 1, bytes: bytes + object.bytes })
  }
  return holders

  function partAt(index: number): string | undefined {
    const location = snapshot.locationOf(index)
    const url = location && urls.get(location.scriptId)
    const origin = url && originOf({ url, ...location })
    if (!origin) return undefined
    const part = partOfFile(origin.file)
    return part === BENCH ? CALLER : part
  }
}

/** Their name is their value. */
const VALUES = /string|number|bigint/
/** A class that says nothing of whose it is. */
const EVERYBODYS = /^(Object|Array|Map|Set|Promise|Generator|system|\()/

function kindOf({ type, name }: HeapObject, parent: HeapObject, field: string): string {
  if (type === 'closure') return `function ${name || '(anonymous)'}`
  if (type === 'object' && !EVERYBODYS.test(name)) return name
  const holder = parent.name || (parent.type === 'closure' ? '(anonymous)' : parent.type)
  const kind = VALUES.test(type) ? type.replace(/.* /, '') : name || type
  return /^\d*$/.test(field) ? `${kind} in ${holder}` : `${kind} in ${holder}.${field}`
}

interface Reached {
  readonly index: number
  /** Who holds it on a shortest way from the root, and in which field. */
  readonly from: number
  readonly field: string
}

/** All that is alive, nearest first. */
function fromRoot(snapshot: Snapshot): readonly Reached[] {
  const reached: Reached[] = [{ index: 0, from: 0, field: '' }]
  const seen = new Set([0])
  for (const { index } of reached) {
    for (const { type, name, to } of snapshot.edgesOf(index)) {
      if (type === 'weak' || seen.has(to)) continue
      seen.add(to)
      reached.push({ index: to, from: index, field: name })
    }
  }
  return reached
}
