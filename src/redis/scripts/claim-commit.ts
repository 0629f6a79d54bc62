import type { ClaimAnswer, OwnedOperation } from '../../core/job-store.js'
import { decodeRecord } from '../job-fields.js'
import { OWNING } from './parts/owning.js'
import { RECORDS } from './parts/records.js'
import { refusal } from './refusal.js'
import { type RunScript, script } from './script.js'

const CLAIM_COMMIT = script(
  'claimCommit',
  [RECORDS, OWNING],
  `
local id, fence, op = unpack(arg)
local job, missing = load(id, 'claimId')
if not job then return missing end
if job.status == 'committing' and job.claimId == op then return {'claimed'} end
if job.fence ~= fence then return {'fenced'} end
-- A cancel that was recorded first wins here; one that comes later is told that it is too late.
if job.status ~= 'running' then return {'lost', record(job)} end

redis.call('HSET', job.key, 'status', 'committing', 'claimId', op, 'updatedAt', int(now))
renew_lease(job)
return {'claimed'}
`,
)

export async function claimCommit(run: RunScript, operation: OwnedOperation): Promise<ClaimAnswer> {
  const { jobId, fencingToken, operationId } = operation
  const { answer, carried } = await run(CLAIM_COMMIT, [jobId, fencingToken, operationId])
  if (answer === 'claimed') return { answer }
  return answer === 'lost' ? { answer, record: decodeRecord(jobId, carried[0]) } : refusal(answer)
}
