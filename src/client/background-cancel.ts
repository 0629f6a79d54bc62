import { requestCancel } from './cancel-request.js'
import type { ClientContext } from './client-options.js'
import { untilAnswered } from './retry.js'

const ATTEMPT_MS = 10_000
const TOTAL_MS = 120_000
const options = { unref: true }

/**
 * Goes on asking for a cancel that was not answered in time, until it is, at most two minutes. It knows a job, but no state
 * and no run, so nothing it does can reach a newer one. Never rejects.
 */
export async function cancelInBackground(context: ClientContext, job: Promise<string> | string): Promise<void> {
  const jobId = await job
  if (!jobId) return
  const cancel = () => requestCancel(context, jobId, ATTEMPT_MS, options)
  if (!(await untilAnswered(context.clock, TOTAL_MS, options, cancel))) context.warn('cancel.abandoned', jobId)
}
