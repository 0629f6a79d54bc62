import type { EventsAnswer } from '../../core/job-store.js'
import type { JobStatus } from '../../protocol/job-status.js'
import { decodeEvents } from '../event-text.js'
import { RECORDS } from './parts/records.js'
import { type RunScript, script } from './script.js'

const READ_EVENTS = script(
  'readEvents',
  [RECORDS],
  `
-- A reader gets at most this many bytes at once, but one slice at least.
local MAX_BYTES, SLICE = 1048576, 64
local job, missing = load(arg[1])
if not job then return missing end
local after, limit = tonumber(arg[2]), tonumber(arg[3])

-- The log ends with the newest event. One that is shorter than that lost its beginning: Redis evicted it.
local lost = job.seq - redis.call('LLEN', log_key(job.id))
if after < lost then return {'expired'} end

local texts, bytes, next = {}, 0, after - lost
local last = math.min(job.seq, after + limit) - lost - 1
while next <= last and bytes < MAX_BYTES do
  local slice = redis.call('LRANGE', log_key(job.id), next, math.min(next + SLICE - 1, last))
  for _, text in ipairs(slice) do
    texts[#texts + 1] = text
    bytes = bytes + #text
  end
  next = next + SLICE
end
return {'events', job.status, job.createdAt, table.concat(texts, ',')}
`,
  { together: 1 },
)

export async function readEvents(run: RunScript, jobId: string, after: number, limit: number): Promise<EventsAnswer> {
  const { answer, carried } = await run(READ_EVENTS, [jobId, after, limit])
  if (answer === 'expired') return { answer }
  if (answer !== 'events') return { answer: 'not-found' }
  const [status, createdAt, page] = carried
  const events = decodeEvents(String(page), after + 1, Number(createdAt))
  return { answer, events, status: String(status) as JobStatus }
}
