import type { Refused } from '../../core/job-store.js'

/** What a script answers to somebody who is not the owner, or about a job that is not there. */
export function refusal(answer: string): Refused {
  if (answer === 'fenced' || answer === 'gone') return { answer }
  throw new TypeError(`unknown answer '${answer}'`)
}
