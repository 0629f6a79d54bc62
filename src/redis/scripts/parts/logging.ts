/**
 * Events in one item of the list. A page of a log is so a few long texts instead of a thousand short ones: replaying 10,000 chunks
 * costs the server a tenth. More would make each append copy more, and each reader of the newest event read more.
 */
export const BLOCK = 16

/** The log, and the hints about it. */
export const LOGGING = `
local BLOCK, LOST = ${BLOCK}, '0,null'

-- An event as it stands in the log: see event-text.ts.
local function log_item(job, at, event)
  return int(at - tonumber(job.createdAt)) .. ',' .. event
end

-- Adds items to the log, which is made with the first of them and lives as long as its job from then on: see keep_all. What has a
-- time to live of its own in mind sets it itself.
local function push(job, items, has_ttl)
  local key, used, next = log_key(job.id), job.seq % BLOCK, 1
  local blocks = {}
  if used > 0 then
    next = math.min(#items, BLOCK - used) + 1
    local added = ',' .. table.concat(items, ',', 1, next - 1)
    local block = redis.call('LINDEX', key, -1)
    if block then redis.call('LSET', key, -1, block .. added)
    else blocks[1] = LOST .. string.rep(',' .. LOST, used - 1) .. added end
  end
  for first = next, #items, BLOCK do
    blocks[#blocks + 1] = table.concat(items, ',', first, math.min(first + BLOCK - 1, #items))
  end
  for first = 1, #blocks, 1000 do
    local last = math.min(first + 999, #blocks)
    local length = redis.call('RPUSH', key, unpack(blocks, first, last))
    if length == last then
      if not has_ttl then redis.call('PEXPIRE', key, int(2 * BACKSTOP)) end
      -- Redis evicted the log: what is lost keeps its place.
      for _ = 1, math.floor(job.seq / BLOCK) do redis.call('LPUSH', key, '') end
    end
  end
  job.seq = job.seq + #items
end

-- The event of a cancel. One that was urgent left it to whoever comes next.
local function log_cancel(job)
  local cancel = cancel_of(job)
  push(job, {log_item(job, cancel.requestedAt, '{"type":"cancelling","kind":"' .. cancel.reason.kind .. '"}')})
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
