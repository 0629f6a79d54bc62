import type { ViewerTouch } from '../../core/job-store.js'
import { inBatches } from './in-batches.js'
import { LOGGING } from './parts/logging.js'
import { RECORDS } from './parts/records.js'
import { VIEWING } from './parts/viewing.js'
import { type RunScript, script } from './script.js'

const TOUCH_VIEWERS = script(
  'touchViewers',
  [RECORDS, LOGGING, VIEWING],
  `
for i = 1, #arg, 3 do
  local job, missing = load(arg[i], 'viewed', 'lastViewerLeftAt', 'node')
  if missing and missing[1] == 'version' then return missing end
  if job and not is_settled(job.status) then
    local key, viewer, ttl = viewers_key(job.id), arg[i + 1], tonumber(arg[i + 2])
    if ttl > 0 then
      if not job.viewed then
        redis.call('DEL', key) -- of an earlier job with this id, if its record was evicted
        redis.call('HSET', job.key, 'viewed', '1')
      end
      redis.call('ZADD', key, int(now + ttl), viewer)
      keep(key, BACKSTOP)
    else
      local left = job.viewed and redis.call('ZREM', key, viewer) == 1
      if count_viewers(job) == 0 then
        if left then redis.call('HSET', job.key, 'lastViewerLeftAt', int(now)) end
        hint_owner(job)
      end
    end
  end
end
return {'touched'}
`,
  { together: 1 },
)

export async function touchViewers(run: RunScript, touches: readonly ViewerTouch[]): Promise<void> {
  await inBatches(touches, (batch) =>
    run(
      TOUCH_VIEWERS,
      batch.flatMap(({ jobId, viewerId, ttlMs }) => [jobId, viewerId, ttlMs]),
    ),
  )
}
