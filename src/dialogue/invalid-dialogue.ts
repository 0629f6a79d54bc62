import { InvalidResultError, type Issue } from '../core/errors.js'

/** So many issues stand in the message; `issues` has all. */
const MAX_NAMED_ISSUES = 5

/**
 * The error for a dialogue that breaks its rules. Issues name places and expectations, never the text that was found:
 * that text was generated, and this message may be logged.
 */
export function invalidDialogue(issues: readonly Issue[]): InvalidResultError {
  const named = issues.slice(0, MAX_NAMED_ISSUES).map(describe).join('; ')
  const rest = issues.length > MAX_NAMED_ISSUES ? `; and ${issues.length - MAX_NAMED_ISSUES} more` : ''
  return new InvalidResultError(`The dialogue is invalid: ${named}${rest}.`, issues)
}

function describe({ path = [], message }: Issue): string {
  return path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`
}
