/** Deeper values are refused, so that no request can exhaust the stack. */
const MAX_DEPTH = 200

/** JSON with sorted keys, so that equal requests have equal fingerprints; `undefined` when the value is too deep. */
export function canonicalJson(value: unknown, depth = 0): string | undefined {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (depth === MAX_DEPTH) return undefined
  const parts: string[] = []
  const isArray = Array.isArray(value)
  for (const key of isArray ? value.keys() : Object.keys(value).sort()) {
    const member = canonicalJson((value as Record<PropertyKey, unknown>)[key], depth + 1)
    if (member === undefined) return undefined
    parts.push(isArray ? member : `${JSON.stringify(key)}:${member}`)
  }
  return isArray ? `[${parts.join(',')}]` : `{${parts.join(',')}}`
}
