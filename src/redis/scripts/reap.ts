import { endOfLostOwner } from '../../core/job-end.js'
import type { JobRecord } from '../../core/job-store.js'
import { decodeRecord } from '../job-fields.js'
import { BATCH } from './in-batches.js'
import { ENDING } from './parts/ending.js'
import { LOGGING } from './parts/logging.js'
import { OWNING } from './parts/owning.js'
import { RECORDS } from './parts/records.js'
import { WHOLE_RECORDS } from './parts/whole-records.js'
import { type Reply, type RunScript, script } from './script.js'

const REAP = script(
  'reap',
  [RECORDS, WHOLE_RECORDS, OWNING, LOGGING, ENDING],
  `
local skip, limit, owner_lost, commit_unknown = tonumber(arg[1]), tonumber(arg[2]), arg[3], arg[4]
local due = redis.call('ZRANGEBYSCORE', index('leases'), '-inf', int(now), 'LIMIT', skip, limit)
local reaped = {}

-- What was on its way decides. Nobody knows about the cleanups; the new token refuses an owner that wakes.
local function settle_lost(job)
  local function settle(status, event, commit, others)
    local ending = ending_of(job, commit, 'unknown', 'true', 'null', others)
    job.fence = next_fence(job)
    settle_job(job, status, event, ending, 'fencingToken', job.fence)
    return ending
  end
  if job.status == 'cancelling' then
    return settle('cancelled', cancelled_event(cancel_of(job).reason.kind, 'true'), 'none', '{}')
  elseif job.status == 'committing' then
    return settle('failed', event_text('{"type":"error","code":"commit.unknown"}'), 'unknown', '{"error":' .. commit_unknown .. '}')
  end
  return settle('failed', event_text('{"type":"error","code":"owner.lost"}'), 'none', '{"error":' .. owner_lost .. '}')
end

for _, id in ipairs(due) do
  local job, missing = load_whole(id, 'node', 'deadlineMs')
  if missing and missing[1] == 'version' then
    skip = skip + 1 -- left to a node that knows it
  elseif missing or is_settled(job.status) then
    remove_from(index('leases'), id)
  elseif not job.node and not job.deadlineMs then
    add_to(index('leases'), int(now + BACKSTOP / 2), id)
    keep_all(job, BACKSTOP)
  else
    local ending = job.node and settle_lost(job)
      or cancel_pending(job, 'deadline', '{"kind":"deadline","at":' .. int(now) .. '}', '')
    hint_owner(job)
    reaped[#reaped + 1] = id
    reaped[#reaped + 1] = whole_record(job, ending)
  end
end
return {'reaped', #due == limit and skip or '', reaped}
`,
  { together: 1 },
)

export async function reap(run: RunScript): Promise<JobRecord[]> {
  const reaped: JobRecord[] = []
  let skip = '0'
  do {
    const { carried } = await run(REAP, [skip, BATCH, errorOf('running'), errorOf('committing')])
    const records = carried[1] as readonly Reply[]
    for (let index = 0; index < records.length; index += 2) {
      reaped.push(decodeRecord(String(records[index]), records[index + 1]))
    }
    skip = String(carried[0])
  } while (skip !== '')
  return reaped
}

function errorOf(status: 'running' | 'committing'): string | undefined {
  const end = endOfLostOwner({ status, queuedMs: 0, runMs: 0 })
  return end.status === 'failed' ? JSON.stringify(end.error) : undefined
}
