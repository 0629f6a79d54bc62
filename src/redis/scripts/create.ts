import type { CreateAnswer, NewJob } from '../../core/job-store.js'
import type { JobStatus } from '../../protocol/job-status.js'
import { decodeRecord, type Given, type Places, RECORD_VERSION } from '../job-fields.js'
import { luaJson } from '../lua-json.js'
import { OWNING } from './parts/owning.js'
import { RECORDS } from './parts/records.js'
import { type RunScript, script } from './script.js'

const CREATE = script(
  'create',
  [RECORDS, OWNING],
  `
local id, op, want, limited, node, placed, given, exclusive, deadline = unpack(arg)
node = node or ''

local key, job, missing = job_key(id)
local found = redis.call('EXISTS', key, log_key(id))
if found > 0 then
  job, missing = load(id)
  if missing and missing[1] == 'version' then return missing end
  if job and field(job, 'createId') == op then return {'created-before', id, record(job)} end
end

local at = places(placed)
if at.idem then
  local known = redis.call('GET', at.idem)
  if known then
    local same, gone = load(known)
    if same then return {'same-key', known, record(same)} end
    if gone[1] == 'version' then return gone end
  end
end
if want == 'lookup' then return {'not-found'} end
if job then return {'exists', job.status} end

if exclusive == '1' and at.live then
  for _, rival in ipairs(redis.call('ZRANGE', at.live, 0, -1)) do
    if redis.call('EXISTS', job_key(rival)) == 1 then return {'group-busy', rival} end
    redis.call('ZREM', at.live, rival)
  end
end

local fence = first_fence()
local token = int(fence)
-- What is read most often stands first: a small hash is searched from its beginning.
local fields = {'v', '${RECORD_VERSION}', 'status', want, 'fencingToken', token, 'createdAt', int(now), 'limits', limited,
  'createId', op}
local function add(name, value)
  if value and value ~= '' then
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
end
add('node', node)
if want == 'running' then add('startedAt', int(now)) end
add('places', placed)
add('given', given)
add('deadlineMs', deadline)
if found > 0 then redis.call('DEL', log_key(id)) end -- what an eviction left of an earlier job must not shine through
redis.call('HSET', key, unpack(fields))

-- Only a queue has a job without an owner: no lease, its deadline ends it; without one the reaper keeps it alive.
local wait = node == '' and tonumber(deadline) or 0
local due = node ~= '' and lease_ms or tonumber(deadline) or BACKSTOP / 2
-- As keep_all does it, of keys that are known to be new. Indexes outlive the jobs that they name.
local ttl = 2 * (BACKSTOP + wait)
redis.call('PEXPIRE', key, int(ttl))
add_to(index('jobs'), token, id)
add_to(index('leases'), int(now + due), id)
keep_index(index('leases'), ttl)
if at.owner then redis.call('ZADD', owner_key(at.owner), token, id) end
if at.group then redis.call('ZADD', group_key(at.group), token, id) end
keep_indexes(at, ttl)
if at.live then
  redis.call('ZADD', at.live, token, id)
  keep(at.live, ttl)
end
if at.idem then redis.call('SET', at.idem, id, 'PX', int(ttl)) end
return {'created', fence, now}
`,
)

/** Above all sequence numbers and sizes: what a script understands for a limit that is `Infinity`. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER

export async function create(run: RunScript, job: NewJob): Promise<CreateAnswer> {
  const { jobId, owner, group, requestFingerprint, metadata } = job
  const args = [
    jobId,
    job.operationId,
    job.want,
    `${Math.min(job.maxLogEvents, NO_LIMIT)} ${Math.min(job.maxLogBytes, NO_LIMIT)} ${job.retentionMs}`,
    job.nodeId,
    unlessEmpty(luaJson(placesOf(job))),
    unlessEmpty(JSON.stringify({ requestFingerprint, metadata } satisfies Given)),
    job.exclusiveInGroup ? 1 : undefined,
    job.deadlineMs,
  ]
  while (args.at(-1) === undefined) args.pop()
  const { answer, carried } = await run(CREATE, args)
  switch (answer) {
    case 'created': {
      const [fencingToken, createdAt] = [Number(carried[0]), Number(carried[1])]
      const status = job.want === 'running' ? 'running' : 'pending'
      const startedAt = status === 'running' ? createdAt : undefined
      const times = { createdAt, startedAt, updatedAt: createdAt }
      const record = {
        jobId,
        status,
        owner,
        group,
        fencingToken,
        lastSeq: 0,
        ...times,
        requestFingerprint,
        metadata,
      } as const
      return { answer, record }
    }
    case 'created-before':
      return { answer: 'created', record: decodeRecord(String(carried[0]), carried[1]) }
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

/** Where the job is named besides its id. */
function placesOf({ owner, group, idempotencyKey }: NewJob): Places {
  const mine = (name: string) => pair(owner ?? '', name)
  return {
    owner,
    group,
    idem: idempotencyKey === undefined ? undefined : `:key:${mine(idempotencyKey)}`,
    live: group === undefined ? undefined : `:live:${mine(group)}`,
  }
}

/** Nothing for an object without members. */
function unlessEmpty(json: string): string | undefined {
  return json === '{}' ? undefined : json
}

/** Keys and groups belong to their owner. The length in front keeps `a:b` and `c` apart from `a` and `b:c`. */
function pair(owner: string, name: string): string {
  return `${owner.length}:${owner}:${name}`
}
