import type { CancelResult } from '../core/cancellation.js'
import { cancelledMessage, type Messages } from '../protocol/messages.js'
import { HttpError } from './http-error.js'
import { jsonResponse } from './json-response.js'
import type { ResolvedHandlerOptions } from './options.js'

/** `POST /jobs/{id}/cancel`: 200 with what came of it, 202 when it is recorded but not over. Repeating it is safe. */
export async function cancelJob(options: ResolvedHandlerOptions, jobId: string, owner: string): Promise<Response> {
  const result = await options.manager.cancel(jobId, { kind: 'user', by: owner })
  if (result.outcome === 'not-found') throw new HttpError(404, 'job.not-found')
  return jsonResponse(result.outcome === 'requested' ? 202 : 200, cancelBody(result, options.messages))
}

/** Nobody's name: who asked is for record and log. */
function cancelBody(result: Exclude<CancelResult, { outcome: 'not-found' }>, messages: Messages): object {
  const { jobId: job_id, outcome } = result
  const message = cancelMessage(result, messages)
  if (outcome !== 'cancelled') return { job_id, outcome, status: result.status, message }
  const { reason, forced, cleanup, cancelMs } = result
  return {
    job_id,
    outcome,
    status: 'cancelled',
    kind: reason.kind,
    forced,
    cleanup,
    message,
    cancel_ms: Math.round(cancelMs),
  }
}

function cancelMessage(result: Exclude<CancelResult, { outcome: 'not-found' }>, messages: Messages): string {
  switch (result.outcome) {
    case 'cancelled':
      return cancelledMessage(messages, result.reason.kind)
    case 'requested':
      return messages.requested
    case 'too-late':
      return result.status === 'failed' ? messages.alreadyFailed : messages.tooLate
    case 'already-settled':
      if (result.status === 'completed') return messages.alreadyCompleted
      return result.status === 'failed' ? messages.alreadyFailed : messages.alreadyCancelled
  }
}
