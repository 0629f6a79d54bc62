import type { JobOutcome } from 'generation-jobs'

/**
 * The error of a failed outcome.
 * @throws {Error} when the job ended in another way
 */
export function failureOf(outcome: JobOutcome<unknown>) {
  if (outcome.status !== 'failed') throw new Error(`expected a failed outcome, got ${outcome.status}`)
  return outcome.error
}
