import type { JobSnapshot } from '../protocol/job-snapshot.js'
import { cancelledMessage, errorMessage, type Messages } from '../protocol/messages.js'
import { jsonResponse } from './json-response.js'
import type { ResolvedHandlerOptions } from './options.js'

/** `GET /jobs/{id}`: where the job is, and its result or error. */
export async function jobStatus(options: ResolvedHandlerOptions, job: JobSnapshot): Promise<Response> {
  const { jobId, status, step = null, createdAt, updatedAt, result } = job
  return jsonResponse(200, {
    job_id: jobId,
    status,
    step,
    created_at: new Date(createdAt).toISOString(),
    updated_at: new Date(updatedAt).toISOString(),
    ...(result !== undefined && { result }),
    ...endOf(job, options.messages),
    ...(status === 'failed' && { error: await errorOf(options, job) }),
  })
}

/** How a job ended that did not fail, in the words of its terminal event. */
function endOf({ status, cancel, forced = false }: JobSnapshot, messages: Messages): object | undefined {
  if (status === 'completed') return { message: messages.completed }
  if (status !== 'cancelled' || !cancel) return undefined
  const { kind } = cancel.reason
  return { kind, forced, message: cancelledMessage(messages, kind) }
}

/** The error as its terminal event tells it: the record's own message is for operators. */
async function errorOf({ manager, messages }: ResolvedHandlerOptions, job: JobSnapshot) {
  const code = job.error?.code ?? 'producer.failed'
  try {
    for await (const event of manager.events(job.jobId, { after: job.lastSeq - 1 })) {
      if (event.type === 'error') return { code, message: errorMessage(messages, event) }
    }
  } catch {
    // Only the words of the application are lost.
  }
  return { code, message: errorMessage(messages, { code }) }
}
