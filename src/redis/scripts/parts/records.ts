import { RECORD_FIELDS, RECORD_VERSION } from '../../job-fields.js'

/** Reading jobs. */
export const RECORDS = `
local function is_settled(status)
  return status == 'completed' or status == 'failed' or status == 'cancelled'
end

-- A job as every script needs it, with further fields by name. If it is gone, or of another version, nothing but the answer: then
-- nothing is changed.
local function load(id, ...)
  local key = job_key(id)
  local f = redis.call('HMGET', key, 'v', 'status', 'fencingToken', 'createdAt', 'lastSeq', ...)
  if not f[1] then return nil, {'gone'} end
  if f[1] ~= '${RECORD_VERSION}' then return nil, {'version', f[1]} end
  local job = {id = id, key = key, status = f[2], fence = f[3], createdAt = f[4], seq = tonumber(f[5] or 0)}
  for i = 1, select('#', ...) do job[select(i, ...)] = f[5 + i] end
  return job
end

-- A further field, where it is seldom needed.
local function field(job, name)
  return redis.call('HGET', job.key, name)
end

local function record(job)
  return redis.call('HMGET', job.key, ${RECORD_FIELDS.map((field) => `'${field}'`).join(', ')})
end

-- A cancel request as it stands in the record.
local function cancel_request(reason, id)
  return '{"reason":' .. reason .. ',"requestedAt":' .. int(now) .. ',"id":"' .. id .. '"}'
end
local function cancel_of(job)
  return cjson.decode(job.cancel)
end

-- What it was given room for: events in its log and their bytes, and milliseconds once it is settled. See create.ts.
local limits_read = {}
local function limits(job)
  local read = limits_read[job.limits]
  if not read then
    local events, bytes, retention = string.match(job.limits, '(%S+) (%S+) (%S+)')
    read = {tonumber(events), tonumber(bytes), tonumber(retention)}
    limits_read[job.limits] = read
  end
  return read[1], read[2], read[3]
end

-- Where else a job is named: its owner and its group, and the keys of its idempotency key and of its group's live jobs.
local NOWHERE = {}
local function places(text)
  if not text or text == '' then return NOWHERE end
  local at = cjson.decode(text)
  return {owner = at.owner, group = at.group, idem = at.idem and root .. at.idem, live = at.live and root .. at.live}
end

local function keep_indexes(at, ttl)
  keep_index(index('jobs'), ttl)
  if at.owner then keep_index(owner_key(at.owner), ttl) end
  if at.group then keep_index(group_key(at.group), ttl) end
end
`
