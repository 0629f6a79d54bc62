import { endOfLostOwner } from '../../core/job-end.js'
import type { JobRecord } from '../../core/job-store.js'
import { decodeRecord } from '../job-fields.js'
import { BATCH } from './in-batches.js'
import { ENDING } from './parts/ending.js'
import { LOGGING } from './parts/logging.js'
import { OWNING } from './parts/owning.js'
import { RECORDS } from './parts/records.js'
import { type Reply, type RunScript, script } from './script.js'

const REAP = script(
  'reap',
  [RECORDS, OWNING, LOGGING, ENDING],
  `
local skip, limit, owner_lost, commit_unknown = unpack(arg)
local due = redis.call('ZRANGEBYSCORE', LEASES, '-inf', int(now), 'LIMIT', skip, limit)
local reaped = {}

-- What was on its way decides. Nobody knows about the cleanups; the new token refuses an owner that wakes.
local function settle_lost(job)
  local queued, run = spans(job)
  local function settle(status, event, commit, name, value)
    local fields = {'fencingToken', next_fence(job), 'commit', commit, 'cleanup', 'unknown', 'forced', 'true',
      'queuedMs', queued, 'runMs', run}
    if name then fields[#fields + 1], fields[#fields + 2] = name, value end
    settle_job(job, status, event, fields)
  end
  if job.status == 'cancelling' then
    settle('cancelled', cancelled_event(job.kind, 'true'), 'none')
  elseif job.status == 'committing' then
    settle('failed', '{"type":"error","code":"commit.unknown"}', 'unknown', 'error', commit_unknown)
  else
    settle('failed', '{"type":"error","code":"owner.lost"}', 'none', 'error', owner_lost)
  end
end

for _, id in ipairs(due) do
  local job, missing = load(id, 'kind', 'deadlineMs')
  if missing and missing[1] == 'version' then
    skip = skip + 1 -- left to a node that knows it
  elseif missing or is_settled(job.status) then
    redis.call('ZREM', LEASES, id)
  elseif not job.node and not job.deadlineMs then
    redis.call('ZADD', LEASES, int(now + BACKSTOP / 2), id)
    keep_all(job, BACKSTOP)
  else
    if job.node then settle_lost(job)
    else cancel_pending(job, 'deadline', '{"kind":"deadline","at":' .. int(now) .. '}') end
    hint_owner(job)
    reaped[#reaped + 1] = id
    reaped[#reaped + 1] = record(job)
  end
end
return {'reaped', #due == tonumber(limit) and int(skip) or '', reaped}
`,
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
