import { BLOCK, MARKS } from '../../event-text.js'

/** The log, and the hints about it. */
export const LOGGING = `
local BLOCK = ${BLOCK}

-- Events as they stand in the log from an instant on: see event-text.ts.
local function from_time(job, at, events)
  return int(at - tonumber(job.createdAt)) .. '${MARKS.time}' .. events
end
-- An event that a script writes itself.
local function event_text(json)
  return #json .. '${MARKS.event}' .. json
end
local function log_item(job, at, json)
  return from_time(job, at, event_text(json))
end

-- Adds events to the log, for each block that they come into a text. The log is made with the first of them and lives as long as its
-- job from then on: see keep_all.
local function push(job, texts, count)
  local key, used, next = log_key(job.id), job.seq % BLOCK, 1
  if used > 0 then
    local block = redis.call('LINDEX', key, -1)
    if block then
      redis.call('LSET', key, -1, block .. texts[1])
      next = 2
    else
      texts[1] = int(used) .. '${MARKS.lost}' .. texts[1]
    end
  end
  for first = next, #texts, 1000 do
    local last = math.min(first + 999, #texts)
    local length = redis.call('RPUSH', key, unpack(texts, first, last))
    if length == last - next + 1 then
      redis.call('PEXPIRE', key, int(math.max(2 * BACKSTOP, redis.call('PTTL', job.key))))
      -- Redis evicted the log: what is lost keeps its place.
      for _ = 1, math.floor(job.seq / BLOCK) do redis.call('LPUSH', key, '') end
    end
  end
  job.seq = job.seq + count
end

-- The event of a cancel. One that was urgent left it to the next cancel, or to the end.
local function log_cancel(job)
  local cancel = cancel_of(job)
  push(job, {log_item(job, cancel.requestedAt, '{"type":"cancelling","kind":"' .. cancel.reason.kind .. '"}')}, 1)
  if job.unlogged then redis.call('HDEL', job.key, 'unlogged') end
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
