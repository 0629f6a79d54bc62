/** The one end of a job. */
export const ENDING = `
-- How long what is settled outlives its retention, if no sweep comes.
local SWEEP_SLACK = 60000

local function cancelled_event(kind, forced)
  return '{"type":"cancelled","kind":"' .. kind .. '","forced":' .. forced .. '}'
end

-- Milliseconds as pending, and as running.
local function spans(job)
  return int((job.started or now) - job.created), int(job.started and now - job.started or 0)
end

-- Writes the end and its event, and starts the retention. The caller has checked that the job may end so.
local function settle_job(job, status, event, fields)
  push_event(job, event)
  job.status = status
  redis.call('HSET', job.key, 'status', status, 'lastSeq', int(job.seq), 'settledAt', int(now), 'updatedAt', int(now),
    unpack(fields))

  local at = places(job)
  local retention = tonumber(at.retention)
  local ttl = retention + SWEEP_SLACK
  redis.call('ZREM', LEASES, job.id)
  if at.live then redis.call('ZREM', at.live, job.id) end
  redis.call('DEL', viewers_key(job.id))
  redis.call('ZADD', SETTLED, int(now + retention), job.id)
  keep(SETTLED, ttl)
  keep_indexes(at, ttl)
  redis.call('PEXPIRE', job.key, int(ttl))
  redis.call('PEXPIRE', log_key(job.id), int(ttl))
  if at.idem then redis.call('PEXPIRE', at.idem, int(ttl)) end
  wake(job.id)
end

-- The end of a job that nobody has begun: there is nothing to clean up.
local function cancel_pending(job, kind, reason)
  local queued, run = spans(job)
  settle_job(job, 'cancelled', cancelled_event(kind, 'false'), {
    'reason', reason, 'kind', kind, 'requestedAt', int(now), 'commit', 'none', 'cleanup', 'clean', 'forced', 'false',
    'queuedMs', queued, 'runMs', run, 'cancelMs', '0',
  })
end
`
