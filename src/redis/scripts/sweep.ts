import { BATCH } from './in-batches.js'
import { LOGGING } from './parts/logging.js'
import { RECORDS } from './parts/records.js'
import { type Reply, type RunScript, script } from './script.js'

const SWEEP = script(
  'sweep',
  [RECORDS, LOGGING],
  `
local skip, limit = tonumber(arg[1]), tonumber(arg[2])
local due = redis.call('ZRANGEBYSCORE', index('settled'), '-inf', int(now), 'LIMIT', skip, limit)
local swept = {}
for _, id in ipairs(due) do
  local job, missing = load(id, 'places')
  if missing and missing[1] == 'version' then
    skip = skip + 1 -- left to a node that knows it
  else
    remove_from(index('settled'), id)
    if missing then
      remove_from(index('jobs'), id)
    -- Not a new job that has the id of one whose record Redis evicted.
    elseif is_settled(job.status) then
      local at = places(job.places)
      redis.call('UNLINK', job.key, log_key(id), viewers_key(id))
      remove_from(index('jobs'), id)
      if at.owner then redis.call('ZREM', owner_key(at.owner), id) end
      if at.group then redis.call('ZREM', group_key(at.group), id) end
      if at.idem and redis.call('GET', at.idem) == id then redis.call('UNLINK', at.idem) end
      wake(id)
      swept[#swept + 1] = id
    end
  end
end
return {'swept', #due == limit and skip or '', swept}
`,
  { together: 1 },
)

/** Answers the ids of the jobs that it deleted. */
export async function sweep(run: RunScript): Promise<string[]> {
  const swept: string[] = []
  let skip = '0'
  do {
    const { carried } = await run(SWEEP, [skip, BATCH])
    for (const jobId of carried[1] as readonly Reply[]) swept.push(String(jobId))
    skip = String(carried[0])
  } while (skip !== '')
  return swept
}
