import { defined } from '../../core/defined.js'
import { type JobEnd, terminalEvent } from '../../core/job-end.js'
import type { OwnedOperation, SettleAnswer } from '../../core/job-store.js'
import { decodeRecord } from '../job-fields.js'
import { ENDING } from './parts/ending.js'
import { LOGGING } from './parts/logging.js'
import { RECORDS } from './parts/records.js'
import { refusal } from './refusal.js'
import { type Argument, type RunScript, script } from './script.js'

const SETTLE = script(
  'settle',
  [RECORDS, LOGGING, ENDING],
  `
local id, fence, op, status, event, reason, kind, forced = unpack(arg, 1, 8)
local job, missing = load(id, 'settleId', 'kind')
if not job then return missing end
if job.settleId == op then return {'settled', record(job)} end
if is_settled(job.status) then return {'already-settled', record(job)} end
if job.fence ~= fence then return {'fenced'} end

local fields = {unpack(arg, 9)}
if status == 'cancelled' then
  if job.status == 'running' then
    -- The owner's own reason, unless one is recorded already: the first one stays.
    job.status, job.kind = 'cancelling', kind
    for _, text in ipairs({'reason', reason, 'kind', kind, 'requestedAt', int(now)}) do fields[#fields + 1] = text end
  end
  if job.status ~= 'cancelling' then return {'refused', record(job)} end
  event = cancelled_event(job.kind, forced)
elseif job.status ~= 'running' and job.status ~= 'committing' then
  return {'refused', record(job)}
end

fields[#fields + 1] = 'settleId'
fields[#fields + 1] = op
settle_job(job, status, event, fields)
return {'settled', record(job)}
`,
)

export async function settle(
  run: RunScript,
  { jobId, fencingToken, operationId, end }: OwnedOperation & { readonly end: JobEnd },
): Promise<SettleAnswer> {
  const reason = end.status === 'cancelled' ? end.reason : undefined
  const { answer, carried } = await run(SETTLE, [
    jobId,
    fencingToken,
    operationId,
    end.status,
    JSON.stringify(terminalEvent(end)),
    reason && JSON.stringify(reason),
    reason?.kind,
    String(end.forced),
    ...fieldsOf(end),
  ])
  if (answer !== 'settled' && answer !== 'already-settled' && answer !== 'refused') return refusal(answer)
  return { answer, record: decodeRecord(jobId, carried[0]) }
}

/** The end as names and values of the record's fields. */
function fieldsOf(end: JobEnd): Argument[] {
  const { commit, cleanup, forced, queuedMs, runMs, cancelMs, usage } = end
  const fields = defined({
    commit,
    cleanup,
    forced: String(forced),
    queuedMs,
    runMs,
    cancelMs,
    usage: json(usage),
    result: end.status === 'completed' ? json(end.result) : undefined,
    resultOmitted: end.status === 'completed' ? end.resultOmitted : undefined,
    error: end.status === 'failed' ? json(end.error) : undefined,
  })
  return Object.entries(fields).flat()
}

function json(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value)
}
