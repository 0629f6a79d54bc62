import type { Json } from '../protocol/json.js'

/** Deeper values are refused: a record must be readable by a recursive parser. */
const MAX_DEPTH = 200

/**
 * A frozen copy of a JSON value, or `undefined` if it is not one: cyclic, or holding a function, symbol, bigint, NaN, infinity,
 * `undefined` in an array, or an object that is not plain. Members that are `undefined` are left out, as JSON does.
 */
export function jsonCopy(value: unknown): Json | undefined {
  try {
    return copy(value, 0)
  } catch {
    return undefined // a getter of the caller's threw
  }
}

function copy(value: unknown, depth: number): Json | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : undefined
    case 'object':
      if (value === null) return null
      if (depth === MAX_DEPTH) return undefined // cycles end here too
      return Array.isArray(value) ? copyArray(value, depth + 1) : copyObject(value, depth + 1)
    default:
      return undefined
  }
}

function copyArray(array: readonly unknown[], depth: number): Json | undefined {
  const result: Json[] = []
  for (const item of array) {
    const json = copy(item, depth)
    if (json === undefined) return undefined
    result.push(json)
  }
  return Object.freeze(result)
}

function copyObject(object: object, depth: number): Json | undefined {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return undefined // a Date, a Map, a class
  const result: Record<string, Json> = {}
  for (const [key, member] of Object.entries(object)) {
    if (member === undefined) continue
    const json = copy(member, depth)
    if (json === undefined) return undefined
    // `__proto__` as an own key must stay a plain member.
    Object.defineProperty(result, key, { value: json, enumerable: true, configurable: true, writable: true })
  }
  return Object.freeze(result)
}

/** Bytes of a text in UTF-8. */
export function textBytes(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit > 0x7f) bytes += unit > 0x7ff && !isSurrogate(unit) ? 2 : 1 // a surrogate pair: 2 units, 4 bytes
  }
  return bytes
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}
