import { IDEMPOTENCY_KEY_HEADER } from '../protocol/wire.js'
import { type Answer, ask } from './answer.js'
import type { ClientContext } from './client-options.js'
import { untilAnswered } from './retry.js'

const ATTEMPT_MS = 30_000
const TOTAL_MS = 60_000

/**
 * Creates a job. While the server cannot be reached it is asked again, always with the same key, so that a lost answer
 * never makes a second job; `undefined` when nobody answered within about a minute. Never rejects; `signal` ends it early.
 */
export function createJob(context: ClientContext, body: string, signal: AbortSignal): Promise<Answer | undefined> {
  const headers = { 'content-type': 'application/json', [IDEMPOTENCY_KEY_HEADER]: randomKey() }
  const init = { method: 'POST', body, headers }
  return untilAnswered(context.clock, TOTAL_MS, { signal }, async () => {
    const answer = await ask(context, '/jobs', ATTEMPT_MS, { signal }, init)
    return answer && isUnavailable(answer.status) ? undefined : answer
  })
}

/** Whether another server, or this one later, may answer better. */
function isUnavailable(status: number): boolean {
  return status >= 502 && status <= 504
}

/** `crypto.randomUUID` is missing on pages that were not loaded over https. */
function randomKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-')
}
