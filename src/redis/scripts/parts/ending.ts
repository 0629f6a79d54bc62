/** The one end of a job. */
export const ENDING = `
-- How long what is settled outlives its retention, if no sweep comes.
local SWEEP_SLACK = 60000

local function cancelled_event(kind, forced)
  return event_text('{"type":"cancelled","kind":"' .. kind .. '","forced":' .. forced .. '}')
end

-- How it ended, as the owner would have written it: see encodeEnding. With the milliseconds as pending, and as running.
local function ending_of(job, commit, cleanup, forced, cancel_ms, others)
  local started = tonumber(job.startedAt)
  return '["' .. commit .. '","' .. cleanup .. '",' .. forced .. ',' .. int((started or now) - tonumber(job.createdAt)) .. ','
    .. int(started and now - started or 0) .. ',' .. cancel_ms .. ',' .. others .. ']'
end

-- Writes the end and its event, and starts the retention. The caller has loaded the whole job and checked that it may end so.
local function settle_job(job, status, event, ending, ...)
  local at = places(job.places)
  local _, _, retention = limits(job)
  local ttl = retention + SWEEP_SLACK
  -- First what needs no memory: after it, Redis refuses nothing for the lack of it, and an end makes room.
  redis.call('PEXPIRE', job.key, int(ttl))
  if job.unlogged then log_cancel(job) end
  if job.seq > 0 then redis.call('PEXPIRE', log_key(job.id), int(ttl)) end
  -- In the record, which is written anyway: a job without output needs no list, and no other copies its last block for this.
  job.seq = job.seq + 1
  job.status = status
  job.settledAt = int(now)
  redis.call('HSET', job.key, 'status', status, 'lastSeq', int(job.seq), 'settledAt', job.settledAt, 'end', ending,
    'lastEvent', from_time(job, now, event), ...)

  remove_from(index('leases'), job.id)
  if at.live then redis.call('ZREM', at.live, job.id) end
  if job.viewed then delete(viewers_key(job.id)) end
  add_to(index('settled'), int(now + retention), job.id)
  keep_index(index('settled'), ttl)
  keep_indexes(at, ttl)
  if at.idem then redis.call('PEXPIRE', at.idem, int(ttl)) end
  wake(job.id)
end

-- The end of a job that nobody has begun: there is nothing to clean up.
local function cancel_pending(job, kind, reason, cancel_id)
  job.cancel = cancel_request(reason, cancel_id)
  local ending = ending_of(job, 'none', 'clean', 'false', '0', '{}')
  settle_job(job, 'cancelled', cancelled_event(kind, 'false'), ending, 'cancel', job.cancel)
  return ending
end
`
