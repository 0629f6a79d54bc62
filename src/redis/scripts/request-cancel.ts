import type { CancelAnswer, CancelRequest } from '../../core/job-store.js'
import type { JobStatus } from '../../protocol/job-status.js'
import { decodeRecord } from '../job-fields.js'
import { ENDING } from './parts/ending.js'
import { LOGGING } from './parts/logging.js'
import { RECORDS } from './parts/records.js'
import { type RunScript, script } from './script.js'

const REQUEST_CANCEL = script(
  'requestCancel',
  [RECORDS, LOGGING, ENDING],
  `
local id, cancel_id, reason, kind, asking_node = unpack(arg)
local job, missing = load_whole(id, 'node')
if not job then return missing end
local function is_repeat() return field(job, 'cancelId') == cancel_id end

if is_settled(job.status) then
  if not is_repeat() then return {'already-settled', record(job)} end
  return {job.startedAt and 'accepted' or 'cancelled', record(job)}
end
-- The point of no return: nothing changes.
if job.status == 'committing' then return {'too-late', job.status} end
if job.status == 'cancelling' then return {is_repeat() and 'accepted' or 'joined', record(job)} end

if job.status == 'pending' then
  local ending = cancel_pending(job, kind, reason, 'cancelId', cancel_id)
  if job.node ~= asking_node then hint_owner(job) end
  return {'cancelled', whole_record(job, ending)}
end
-- Durable before anybody is told: append and renewLeases bring it to the owner, the hint only makes it fast.
push(job, {log_item(job, now, '{"type":"cancelling","kind":"' .. kind .. '"}')})
job.status, job.cancel = 'cancelling', cancel_request(reason)
redis.call('HSET', job.key, 'status', job.status, 'cancel', job.cancel, 'updatedAt', int(now), 'lastSeq', int(job.seq),
  'cancelId', cancel_id)
if job.node ~= asking_node then hint_owner(job, reason) end
wake(id)
return {'accepted', whole_record(job)}
`,
)

export async function requestCancel(run: RunScript, request: CancelRequest): Promise<CancelAnswer> {
  const { jobId, cancelId, reason, nodeId } = request
  const { answer, carried } = await run(REQUEST_CANCEL, [jobId, cancelId, JSON.stringify(reason), reason.kind, nodeId])
  switch (answer) {
    case 'accepted':
    case 'joined':
    case 'cancelled':
    case 'already-settled':
      return { answer, record: decodeRecord(jobId, carried[0]) }
    case 'too-late':
      return { answer, status: String(carried[0]) as JobStatus }
    default:
      return { answer: 'not-found' }
  }
}
