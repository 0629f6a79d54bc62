import type { Lease, RenewAnswer } from '../../core/job-store.js'
import type { JobStatus } from '../../protocol/job-status.js'
import { decodeRecord } from '../job-fields.js'
import { inBatches } from './in-batches.js'
import { OWNING } from './parts/owning.js'
import { RECORDS } from './parts/records.js'
import { VIEWING } from './parts/viewing.js'
import { refusal } from './refusal.js'
import { type Reply, type RunScript, script } from './script.js'

const RENEW_LEASES = script(
  'renewLeases',
  [RECORDS, OWNING, VIEWING],
  `
local answers = {}
for i = 1, #arg, 2 do
  local job, missing = load(arg[i], 'cancel', 'viewed', 'lastViewerLeftAt', 'startedAt')
  local answer = missing
  if missing and missing[1] == 'version' then return missing end
  if job then
    if is_settled(job.status) then
      answer = {'already-settled', record(job)}
    elseif job.fence ~= arg[i + 1] then
      answer = {'fenced'}
    else
      renew_lease(job)
      local viewers, unwatched = count_viewers(job), 0
      if viewers == 0 then
        unwatched = now - math.max(tonumber(job.lastViewerLeftAt or 0), tonumber(job.startedAt) or now)
      end
      answer = {'renewed', job.status, job.cancel, viewers, unwatched}
    end
  end
  answers[#answers + 1] = answer
end
return {'renewals', answers}
`,
  { together: 1 },
)

export async function renewLeases(run: RunScript, leases: readonly Lease[]): Promise<RenewAnswer[]> {
  const batches = inBatches(leases, async (batch) => {
    const { carried } = await run(
      RENEW_LEASES,
      batch.flatMap(({ jobId, fencingToken }) => [jobId, fencingToken]),
    )
    const answers = carried[0] as readonly (readonly Reply[])[]
    return batch.map(({ jobId }, index) => decode(jobId, answers[index] ?? []))
  })
  return (await batches).flat()
}

function decode(jobId: string, [answer, first, cancel, viewers, unwatchedMs]: readonly Reply[]): RenewAnswer {
  if (answer === 'already-settled') return { answer, record: decodeRecord(jobId, first) }
  if (answer !== 'renewed') return refusal(String(answer))
  return {
    answer,
    status: first as JobStatus,
    reason: typeof cancel === 'string' ? JSON.parse(cancel).reason : undefined,
    viewers: Number(viewers),
    unwatchedMs: Number(unwatchedMs),
  }
}
