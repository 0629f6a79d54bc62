/** Deeper JSON is not read: it is no dialogue. */
const MAX_DEPTH = 50

/**
 * The value of JSON as far as it was written: what is open at the end counts as closed there, a piece that means nothing yet is
 * left out. `undefined` for anything that does not begin like an object. Never throws.
 */
export function readHalfWrittenJson(text: string): unknown {
  const start = /^\s*(?:```\w*\s*)?(?=\{)/.exec(text)
  if (!start) return undefined
  let at = start[0].length

  function value(depth: number): unknown {
    skipBlanks()
    if (depth > MAX_DEPTH) at = text.length
    if (text[at] === '{') return object(depth)
    if (text[at] === '[') return array(depth)
    if (text[at] === '"') return string()
    return literal()
  }

  function object(depth: number): Record<string, unknown> {
    const members: [string, unknown][] = []
    at += 1
    while (isInside('}')) {
      const key = text[at] === '"' ? string() : literal()
      skipBlanks()
      if (text[at] === ':') at += 1
      const member = value(depth + 1)
      if (member !== undefined) members.push([String(key), member])
    }
    return Object.fromEntries(members)
  }

  function array(depth: number): unknown[] {
    const items: unknown[] = []
    at += 1
    while (isInside(']')) {
      const item = value(depth + 1)
      if (item !== undefined) items.push(item)
    }
    return items
  }

  /** Moves on to the next member, or behind the end. */
  function isInside(close: string): boolean {
    skipBlanks()
    while (text[at] === ',') {
      at += 1
      skipBlanks()
    }
    if (text[at] !== close) return at < text.length
    at += 1
    return false
  }

  function string(): string {
    const quoted = matchAt(STRING)
    at += quoted.length
    const isClosed = quoted.length > 1 && quoted.endsWith('"')
    if (!isClosed) at = text.length // an escape that is not whole yet
    return parsed(isClosed ? quoted : `${quoted}"`, '') as string
  }

  function literal(): unknown {
    const word = matchAt(LITERAL)
    at += Math.max(1, word.length)
    return parsed(word, undefined)
  }

  function skipBlanks(): void {
    while (/\s/.test(text[at] ?? '')) at += 1
  }

  function matchAt(pattern: RegExp): string {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0] ?? ''
  }

  return value(0)
}

/** A string from its quote on, up to its end or to an escape that is not whole. */
const STRING = /"(?:[^"\\]+|\\u[\da-fA-F]{4}|\\[^u])*"?/sy
const LITERAL = /[^\s,:{}[\]"]*/y

function parsed(json: string, otherwise: unknown): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return otherwise
  }
}
