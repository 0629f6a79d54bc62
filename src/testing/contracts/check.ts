/** What a contract found wrong; the message says what was expected and what came. */
export class ContractError extends Error {
  override readonly name = 'ContractError'
}

/** @throws {ContractError} when it does not hold */
export function check(holds: boolean, message: string): asserts holds {
  if (!holds) throw new ContractError(message)
}

/** Compares values as JSON would: a field that is `undefined` is a field that is not there. @throws {ContractError} */
export function checkSame(actual: unknown, expected: unknown, what: string): void {
  check(isSame(actual, expected), `${what}: expected ${show(expected)}, got ${show(actual)}`)
}

/** Compares only the fields that are expected. @throws {ContractError} */
export function checkFields(actual: object | undefined, expected: object, what: string): void {
  check(actual !== undefined, `${what}: expected ${show(expected)}, got nothing`)
  const compared = Object.fromEntries(Object.keys(expected).map((key) => [key, Reflect.get(actual, key)]))
  checkSame(compared, expected, what)
}

/** Whether a measured span is what it must be; a store with a clock of its own may be `slack` late. @throws {ContractError} */
export function checkSpan(actual: number, expected: number, slack: number, what: string): void {
  const isNear = actual >= expected && actual <= expected + slack
  check(isNear, `${what}: expected ${expected} ms (at most ${slack} more), got ${show(actual)}`)
}

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  for (const key of keys) if (!isSame(Reflect.get(a, key), Reflect.get(b, key))) return false
  return true
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 600 ? `${text.slice(0, 600)}…` : text
}
