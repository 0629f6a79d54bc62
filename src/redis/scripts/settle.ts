import { type JobEnd, terminalEvent } from '../../core/job-end.js'
import type { OwnedOperation, SettleAnswer } from '../../core/job-store.js'
import { encodeBody } from '../event-text.js'
import { decodeRecord, type Ending, encodeEnding } from '../job-fields.js'
import { luaJson } from '../lua-json.js'
import { ENDING } from './parts/ending.js'
import { LOGGING } from './parts/logging.js'
import { RECORDS } from './parts/records.js'
import { WHOLE_RECORDS } from './parts/whole-records.js'
import { refusal } from './refusal.js'
import { type RunScript, script } from './script.js'

const SETTLE = script(
  'settle',
  [RECORDS, WHOLE_RECORDS, LOGGING, ENDING],
  `
local id, fence, op, status, event, ending, forced, reason, kind = unpack(arg)
local job, missing = load_whole(id)
if not job then return missing end
if is_settled(job.status) then
  return {field(job, 'settleId') == op and 'settled-before' or 'already-settled', record(job)}
end
if job.fence ~= fence then return {'fenced'} end

if status ~= 'cancelled' then
  if job.status ~= 'running' and job.status ~= 'committing' then return {'refused', record(job)} end
  settle_job(job, status, event, ending, 'settleId', op)
elseif job.status == 'cancelling' then
  settle_job(job, status, cancelled_event(cancel_of(job).reason.kind, forced), ending, 'settleId', op)
elseif job.status == 'running' then
  -- The owner's own reason; one that is recorded already stays.
  job.cancel = cancel_request(reason, op)
  settle_job(job, status, cancelled_event(kind, forced), ending, 'settleId', op, 'cancel', job.cancel)
else
  return {'refused', record(job)}
end
return {'settled', whole_record(job)}
`,
)

export async function settle(
  run: RunScript,
  { jobId, fencingToken, operationId, end }: OwnedOperation & { readonly end: JobEnd },
): Promise<SettleAnswer> {
  const reason = end.status === 'cancelled' ? end.reason : undefined
  const ending = endingOf(end)
  const { answer, carried } = await run(SETTLE, [
    jobId,
    fencingToken,
    operationId,
    end.status,
    encodeBody(terminalEvent(end)),
    encodeEnding(ending),
    ...(reason ? [String(end.forced), luaJson(reason), reason.kind] : []),
  ])
  switch (answer) {
    case 'settled':
      return { answer, record: decodeRecord(jobId, carried[0], ending) }
    case 'settled-before':
      return { answer: 'settled', record: decodeRecord(jobId, carried[0]) }
    case 'already-settled':
    case 'refused':
      return { answer, record: decodeRecord(jobId, carried[0]) }
    default:
      return refusal(answer)
  }
}

function endingOf(end: JobEnd): Ending {
  const { commit, cleanup, forced, usage } = end
  const queuedMs = hundredths(end.queuedMs)
  const runMs = hundredths(end.runMs)
  const cancelMs = end.cancelMs === undefined ? undefined : hundredths(end.cancelMs)
  const { result, resultOmitted } = end.status === 'completed' ? end : NONE
  const error = end.status === 'failed' ? end.error : undefined
  return { commit, cleanup, forced, queuedMs, runMs, cancelMs, usage, result, resultOmitted, error }
}

/** All digits of the clock would make the end of a common job longer than 64 bytes; see {@link encodeEnding}. */
function hundredths(ms: number): number {
  return Math.round(ms * 100) / 100
}

const NONE: { readonly result?: undefined; readonly resultOmitted?: undefined } = {}
