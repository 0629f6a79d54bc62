/** Leases and fencing tokens. */
export const OWNING = `
-- Everything of a live job. Indexes get twice the time, so that none is gone before a job that it names.
local function keep_all(job, ttl)
  job.places = field(job, 'places')
  local at = places(job.places)
  for _, key in ipairs({job.key, log_key(job.id), viewers_key(job.id)}) do redis.call('PEXPIRE', key, int(2 * ttl)) end
  if at.idem then redis.call('PEXPIRE', at.idem, int(2 * ttl)) end
  if at.live then keep(at.live, 2 * ttl) end
  keep_index(index('leases'), 2 * ttl)
  keep_indexes(at, 2 * ttl)
end

-- A whole lease from now: only the owner gets here, behind the check of its fencing token.
local function renew_lease(job)
  add_to(index('leases'), int(now + lease_ms), job.id)
  keep_index(index('leases'), 2 * BACKSTOP)
  if redis.call('PTTL', job.key) < BACKSTOP then keep_all(job, BACKSTOP) end
end

-- The first token of a job is its place in the order of creation too, so no two jobs have the same.
local newest
local function first_fence()
  newest = newest or tonumber(redis.call('ZREVRANGE', index('jobs'), 0, 0, 'WITHSCORES')[2]) or 0
  newest = math.max(micros, newest + 1)
  return newest
end

-- A token above every other of this job, also of an earlier life of its id: it starts from the time.
local function next_fence(job)
  return int(math.max(micros, tonumber(job.fence) + 1))
end
`
