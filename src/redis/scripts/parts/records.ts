import { RECORD_FIELDS, RECORD_VERSION } from '../../job-fields.js'

/** Reading jobs. */
export const RECORDS = `
local function is_settled(status)
  return status == 'completed' or status == 'failed' or status == 'cancelled'
end

-- A job as scripts need it, with further fields by name. If it is gone, or of another version, nothing but the answer: then
-- nothing is changed.
local function load(id, ...)
  local key = job_key(id)
  local f = redis.call('HMGET', key, 'v', 'status', 'fencingToken', 'node', 'lastSeq', 'createdAt', 'startedAt', ...)
  if not f[1] then return nil, {'gone'} end
  if f[1] ~= '${RECORD_VERSION}' then return nil, {'version', f[1]} end
  local job = {
    id = id, key = key, status = f[2], fence = f[3], node = f[4], seq = tonumber(f[5]),
    created = tonumber(f[6]), started = tonumber(f[7]),
  }
  for i = 1, select('#', ...) do job[select(i, ...)] = f[7 + i] end
  return job
end

local function record(job)
  return redis.call('HMGET', job.key, ${RECORD_FIELDS.map((field) => `'${field}'`).join(', ')})
end

-- Where else a job is named, and for how long once it is settled.
local function places(job)
  local f = redis.call('HMGET', job.key, 'owner', 'group', 'idem', 'live', 'retentionMs')
  return {owner = f[1], group = f[2], idem = f[3] and root .. f[3], live = f[4] and root .. f[4], retention = f[5]}
end

local function keep_indexes(at, ttl)
  keep(JOBS, ttl)
  if at.owner then keep(owner_key(at.owner), ttl) end
  if at.group then keep(group_key(at.group), ttl) end
end
`
