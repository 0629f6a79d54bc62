/**
 * JSON text that Lua's parser takes: it refuses half of a surrogate pair, which becomes U+FFFD here, as in every other text that
 * a client sends.
 */
export function luaJson(value: unknown): string {
  const json = JSON.stringify(value)
  return json.includes('\\ud') ? JSON.stringify(value, (_key, member: unknown) => wellFormed(member)) : json
}

function wellFormed(member: unknown): unknown {
  return typeof member === 'string' ? Buffer.from(member).toString() : member
}
