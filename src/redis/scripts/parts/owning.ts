/** Leases and fencing tokens. */
export const OWNING = `
-- Everything of a live job. Indexes get twice the time, so that none is gone before a job that it names.
local function keep_all(job, ttl)
  local at = places(job)
  keep(job.key, ttl)
  keep(log_key(job.id), ttl)
  keep(viewers_key(job.id), ttl)
  if at.idem then keep(at.idem, ttl) end
  if at.live then keep(at.live, 2 * ttl) end
  keep(LEASES, 2 * ttl)
  keep_indexes(at, 2 * ttl)
end

-- A whole lease from now: only the owner gets here, behind the check of its fencing token.
local function renew_lease(job)
  redis.call('ZADD', LEASES, int(now + lease_ms), job.id)
  if redis.call('PTTL', job.key) < BACKSTOP then keep_all(job, BACKSTOP) end
end

-- A token above every other of this job, also of an earlier life of its id: it starts from the time.
local function next_fence(job)
  return int(math.max(micros, tonumber(job.fence) + 1))
end
`
