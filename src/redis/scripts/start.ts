import type { StartAnswer, StartRequest } from '../../core/job-store.js'
import { decodeRecord } from '../job-fields.js'
import { OWNING } from './parts/owning.js'
import { RECORDS } from './parts/records.js'
import { refusal } from './refusal.js'
import { type RunScript, script } from './script.js'

const START = script(
  'start',
  [RECORDS, OWNING],
  `
local id, fence, op, node = unpack(arg)
local job, missing = load(id, 'startId', 'node')
if not job then return missing end
if job.startId == op then return {'started', record(job)} end
if job.fence ~= fence then return {'fenced'} end
if job.status ~= 'pending' then return {'not-pending', record(job)} end

if job.node and job.node ~= node then return {'fenced'} end
if not job.node then
  -- A queue brought it here: a new owner, so a new token.
  redis.call('HSET', job.key, 'fencingToken', next_fence(job), 'node', node)
end
redis.call('HSET', job.key, 'status', 'running', 'startId', op, 'startedAt', int(now), 'updatedAt', int(now))
renew_lease(job)
return {'started', record(job)}
`,
)

export async function start(run: RunScript, request: StartRequest): Promise<StartAnswer> {
  const { jobId, fencingToken, operationId, nodeId } = request
  const { answer, carried } = await run(START, [jobId, fencingToken, operationId, nodeId])
  if (answer !== 'started' && answer !== 'not-pending') return refusal(answer)
  return { answer, record: decodeRecord(jobId, carried[0]) }
}
