import type { z } from 'zod'
import { InvalidOptionsError, type Issue } from '../core/errors.js'

/**
 * The value as the schema gives it back.
 * @param what the name of the value in the error message.
 * @throws {InvalidOptionsError} with everything that the schema found wrong.
 */
export function checkOptions<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const checked = schema.safeParse(value)
  if (checked.success) return checked.data
  const issues = checked.error.issues.map(({ path, message }): Issue => ({ path, message }))
  throw new InvalidOptionsError(`Invalid ${what}: ${issues.map(describe).join('; ')}.`, issues)
}

function describe({ path = [], message }: Issue): string {
  return path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`
}
