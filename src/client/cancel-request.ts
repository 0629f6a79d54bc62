import { ask, type Body, jobPath } from './answer.js'
import type { ClientContext } from './client-options.js'
import type { WithinOptions } from './within.js'

/** What the server answered to a cancel: what came of it, and the job as it is afterwards. */
export interface CancelAnswer extends Body {
  readonly outcome: 'cancelled' | 'too-late' | 'already-settled' | 'requested' | 'not-found'
}

/** Asks once; `undefined` when the server gave no answer that can be believed. The browser sends it although the page is left. */
export async function requestCancel(
  context: ClientContext,
  jobId: string,
  timeoutMs: number,
  options: WithinOptions,
): Promise<CancelAnswer | undefined> {
  const init = { method: 'POST', keepalive: true }
  const { status = 0, body = {} } = (await ask(context, `${jobPath(jobId)}/cancel`, timeoutMs, options, init)) ?? {}
  if (status === 404) return { outcome: 'not-found' }
  return status < 300 && body.outcome ? (body as CancelAnswer) : undefined
}
