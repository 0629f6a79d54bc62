/** The log, and the hints about it. */
export const LOGGING = `
-- An event as it stands in the log: see event-text.ts.
local function log_item(job, at, event)
  return int(at - job.created) .. ',' .. event
end

-- An event of the store itself. The caller sees to the log's time to live.
local function push_event(job, event)
  redis.call('RPUSH', log_key(job.id), log_item(job, now, event))
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
