import { type JobEnd, terminalEvent } from '../../core/job-end.js'
import type { JobRecord, JobStore, SettleAnswer } from '../../core/job-store.js'
import { encodeBody } from '../event-text.js'
import { decodeCancel, decodeRecord, type Ending, encodeEnding } from '../job-fields.js'
import { luaJson } from '../lua-json.js'
import { ENDING } from './parts/ending.js'
import { LOGGING } from './parts/logging.js'
import { RECORDS } from './parts/records.js'
import { refusal } from './refusal.js'
import { type RunScript, script } from './script.js'

const SETTLE = script(
  'settle',
  [RECORDS, LOGGING, ENDING],
  `
local id, fence, op, status, event, ending, is_known, forced, reason, kind = unpack(arg)
local job, missing = load(id, 'limits', 'places', 'viewed', 'step', 'cancel', 'unlogged')
if not job then return missing end
if is_settled(job.status) then
  return {field(job, 'settleId') == op and 'recorded' or 'already-settled', record(job)}
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
if is_known == '0' then return {'recorded', record(job)} end
return {'settled', job.seq, now, job.step, job.cancel}
`,
)

export async function settle(
  run: RunScript,
  { jobId, fencingToken, operationId, end, own }: Parameters<JobStore['settle']>[0],
): Promise<SettleAnswer> {
  const reason = end.status === 'cancelled' ? end.reason : undefined
  const ending = endingOf(end)
  const isKnown = own && own.status !== 'pending' // the answer to a start may be lost
  const { answer, carried } = await run(SETTLE, [
    jobId,
    fencingToken,
    operationId,
    end.status,
    encodeBody(terminalEvent(end)),
    encodeEnding(ending),
    isKnown ? 1 : 0,
    ...(reason ? [String(end.forced), luaJson(reason), reason.kind] : []),
  ])
  switch (answer) {
    case 'settled': {
      const [lastSeq, settledAt, step, cancel] = carried
      const changed = {
        status: end.status,
        step: (step ?? undefined) as string | undefined,
        lastSeq: Number(lastSeq),
        updatedAt: Number(settledAt),
        settledAt: Number(settledAt),
        cancel: decodeCancel(cancel),
      }
      return { answer, record: { ...(own as JobRecord), ...changed, ...ending } }
    }
    case 'recorded':
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
