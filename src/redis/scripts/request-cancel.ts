import type { CancelAnswer, CancelRequest } from '../../core/job-store.js'
import type { JobStatus } from '../../protocol/job-status.js'
import { decodeRecord } from '../job-fields.js'
import { luaJson } from '../lua-json.js'
import type { CancelRunning } from './cancel-running.js'
import { ENDING } from './parts/ending.js'
import { LOGGING } from './parts/logging.js'
import { RECORDS } from './parts/records.js'
import { WHOLE_RECORDS } from './parts/whole-records.js'
import { type RunScript, script } from './script.js'

/** Set up only where it is needed. */
const CANCEL_PENDING = `
local function end_pending(job, ...)
${ENDING}
  return cancel_pending(job, ...)
end
`

const REQUEST_CANCEL = script(
  'requestCancel',
  [RECORDS, WHOLE_RECORDS, LOGGING, CANCEL_PENDING],
  `
local id, cancel_id, reason, kind, asking_node, fence = unpack(arg)
local job, missing = load_whole(id, 'node')
if not job then return missing end
if fence ~= '' and job.fence ~= fence then return {'not-found'} end
local is_own = job.node == asking_node

if job.status == 'running' then
  job.status, job.cancel = 'cancelling', cancel_request(reason, cancel_id)
  log_cancel(job)
  redis.call('HSET', job.key, 'status', job.status, 'cancel', job.cancel, 'lastSeq', int(job.seq))
  if not is_own then hint_owner(job, reason) end
  wake(id)
  return {'accepted', whole_record(job)}
end
if job.status == 'pending' then
  local ending = end_pending(job, kind, reason, cancel_id)
  if not is_own then hint_owner(job) end
  return {'cancelled', whole_record(job, ending)}
end
-- The point of no return: nothing changes.
if job.status == 'committing' then return {'too-late', job.status} end

local is_repeat = job.cancel and cancel_of(job).id == cancel_id
if job.status == 'cancelling' then
  if job.unlogged then
    log_cancel(job)
    redis.call('HSET', job.key, 'lastSeq', int(job.seq))
    wake(id)
  elseif is_repeat and not is_own then
    hint_owner(job, reason)
  end
  return {is_repeat and 'accepted' or 'joined', record(job)}
end
if not is_repeat then return {'already-settled', record(job)} end
return {job.startedAt and 'accepted' or 'cancelled', record(job)}
`,
  { together: 1 }, // nobody's cancel waits for another
)

/** Decides a cancel. The owner of a running job is told of it before, unless it asks itself, or a repeat that names its token asks. */
export async function requestCancel(
  run: RunScript,
  cancelRunning: CancelRunning,
  request: CancelRequest,
): Promise<CancelAnswer> {
  const { jobId, cancelId, reason, nodeId, fencingToken } = request
  if (nodeId === undefined && fencingToken === undefined) await cancelRunning(request)
  const args = [jobId, cancelId, luaJson(reason), reason.kind, nodeId, fencingToken]
  const { answer, carried } = await run(REQUEST_CANCEL, args)
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
