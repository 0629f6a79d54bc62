/** The log, and the hints about it. */
export const LOGGING = `
-- An event as it stands in the log: see event-text.ts.
local function log_item(job, at, event)
  return int(at - tonumber(job.createdAt)) .. ',' .. event
end

-- Adds items to the log. It is made with the first of them, and lives as long as its job from then on: see keep_all.
local function push(job, items, first, last)
  local length = redis.call('RPUSH', log_key(job.id), unpack(items, first, last))
  if length == last - first + 1 then redis.call('PEXPIRE', log_key(job.id), int(2 * BACKSTOP)) end
end

-- An event of the store itself.
local function push_event(job, event)
  push(job, {log_item(job, now, event)}, 1, 1)
  job.seq = job.seq + 1
end

-- Hints. Nobody relies on them.
local function wake(id)
  redis.call('PUBLISH', channel .. ':job:' .. id, sender)
end
-- A recorded cancel may come along, so that the owner need not ask: id, fencing token, reason.
local function hint_owner(job, reason)
  if not job.node then return end
  local cancel = reason and ('\\n' .. job.fence .. '\\n' .. reason) or ''
  redis.call('PUBLISH', channel .. ':node:' .. job.node, job.id .. cancel)
end
`
