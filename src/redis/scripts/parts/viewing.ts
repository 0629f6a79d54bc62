/** Who watches a job on behalf of a person. */
export const VIEWING = `
-- Viewers that were not touched in time left when their time was over. Needs the job's viewed and lastViewerLeftAt.
local function count_viewers(job)
  if not job.viewed then return 0 end
  local key = viewers_key(job.id)
  if redis.call('ZCARD', key) == 0 then return 0 end
  local last = redis.call('ZREVRANGEBYSCORE', key, int(now), '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  if last then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now))
    job.lastViewerLeftAt = int(math.max(tonumber(job.lastViewerLeftAt or 0), tonumber(last)))
    redis.call('HSET', job.key, 'lastViewerLeftAt', job.lastViewerLeftAt)
  end
  return redis.call('ZCARD', key)
end
`
