import type { CreateAnswer, NewJob } from '../../core/job-store.js'
import type { JobStatus } from '../../protocol/job-status.js'
import { decodeRecord, RECORD_VERSION } from '../job-fields.js'
import { OWNING } from './parts/owning.js'
import { RECORDS } from './parts/records.js'
import { type RunScript, script } from './script.js'

const CREATE = script(
  'create',
  [RECORDS, OWNING],
  `
local id, op, node, want, exclusive, idem, live, owner, group, deadline, retention = unpack(arg, 1, 11)

local job, missing = load(id, 'createId')
if missing and missing[1] == 'version' then return missing end
if job and job.createId == op then return {'created', id, record(job)} end

if idem ~= '' then
  local known = redis.call('GET', root .. idem)
  if known then
    local same, gone = load(known)
    if same then return {'same-key', known, record(same)} end
    if gone[1] == 'version' then return gone end
  end
end
if want == 'lookup' then return {'not-found'} end
if job then return {'exists', job.status} end

if exclusive == '1' and live ~= '' then
  for _, rival in ipairs(redis.call('ZRANGE', root .. live, 0, -1)) do
    if redis.call('EXISTS', job_key(rival)) == 1 then return {'group-busy', rival} end
    redis.call('ZREM', root .. live, rival)
  end
end

-- The fencing token is the place in the order of creation too, so no two jobs have the same.
local newest = redis.call('ZREVRANGE', JOBS, 0, 0, 'WITHSCORES')[2]
local token = int(math.max(micros, (tonumber(newest) or 0) + 1))

-- What is read most often stands first: a small hash is searched from its beginning.
local fields = {'v', '${RECORD_VERSION}', 'status', want, 'fencingToken', token, 'lastSeq', '0', 'createdAt', int(now)}
local function add(name, value)
  if value ~= '' then
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
end
add('node', node)
if want == 'running' then add('startedAt', int(now)) end
for i = 12, #arg, 2 do add(arg[i], arg[i + 1]) end
add('bytes', '0')
add('updatedAt', int(now))
add('createId', op)
add('retentionMs', retention)
add('deadlineMs', deadline)
add('owner', owner)
add('group', group)
add('idem', idem)
add('live', live)
-- Nothing of an earlier job with this id may shine through.
redis.call('DEL', job_key(id), log_key(id), viewers_key(id))
redis.call('HSET', job_key(id), unpack(fields))

job = {id = id, key = job_key(id)}

-- Only a queue has a job without an owner: no lease, its deadline ends it; without one the reaper keeps it alive.
local wait = node == '' and (tonumber(deadline) or 0) or 0
local due = node ~= '' and lease_ms or tonumber(deadline) or BACKSTOP / 2
-- As keep_all does it, of keys that are known to be new: 8 commands fewer, which with those of settle_job is 5 % of a job's time on
-- the server. Indexes outlive the jobs that they name.
local ttl = 2 * (BACKSTOP + wait)
redis.call('PEXPIRE', job.key, int(ttl))
redis.call('ZADD', JOBS, token, id)
redis.call('ZADD', LEASES, int(now + due), id)
keep(LEASES, ttl)
if owner ~= '' then redis.call('ZADD', owner_key(owner), token, id) end
if group ~= '' then redis.call('ZADD', group_key(group), token, id) end
keep_indexes({owner = owner ~= '' and owner, group = group ~= '' and group}, ttl)
if live ~= '' then
  redis.call('ZADD', root .. live, token, id)
  keep(root .. live, ttl)
end
if idem ~= '' then redis.call('SET', root .. idem, id, 'PX', int(ttl)) end
return {'created', id, record(job)}
`,
)

/** Above all sequence numbers and sizes: what a script understands for a limit that is `Infinity`. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER

export async function create(run: RunScript, job: NewJob): Promise<CreateAnswer> {
  const { jobId, owner = '', group, idempotencyKey } = job
  const { answer, carried } = await run(CREATE, [
    jobId,
    job.operationId,
    job.nodeId,
    job.want,
    job.exclusiveInGroup ? 1 : 0,
    idempotencyKey === undefined ? undefined : `:key:${pair(owner, idempotencyKey)}`,
    group === undefined ? undefined : `:live:${pair(owner, group)}`,
    owner,
    group,
    job.deadlineMs,
    job.retentionMs,
    ...['maxLogEvents', Math.min(job.maxLogEvents, NO_LIMIT)],
    ...['maxLogBytes', Math.min(job.maxLogBytes, NO_LIMIT)],
    ...['requestFingerprint', job.requestFingerprint],
    ...['metadata', job.metadata === undefined ? undefined : JSON.stringify(job.metadata)],
  ])
  switch (answer) {
    case 'created':
    case 'same-key':
      return { answer, record: decodeRecord(String(carried[0]), carried[1]) }
    case 'exists':
      return { answer, status: String(carried[0]) as JobStatus }
    case 'group-busy':
      return { answer, jobId: String(carried[0]) }
    default:
      return { answer: 'not-found' }
  }
}

/** Keys and groups belong to their owner. The length in front keeps `a:b` and `c` apart from `a` and `b:c`. */
function pair(owner: string, name: string): string {
  return `${owner.length}:${owner}:${name}`
}
