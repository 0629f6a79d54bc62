import type { AppendAnswer } from '../../core/job-store.js'
import type { JobEvent } from '../../protocol/job-event.js'
import { encodeEvents } from '../event-text.js'
import { decodeRecord } from '../job-fields.js'
import { LOGGING } from './parts/logging.js'
import { OWNING } from './parts/owning.js'
import { RECORDS } from './parts/records.js'
import { refusal } from './refusal.js'
import { type RunScript, script } from './script.js'

const APPEND = script(
  'append',
  [RECORDS, OWNING, LOGGING],
  `
local id, fence, first, last, bytes, step = unpack(arg, 1, 6)
local job, missing = load(id, 'limits', 'bytes')
if not job then return missing end
-- Fence and status, both and always: with one of them alone a cancelled run could still write.
if job.fence ~= fence then return {'fenced'} end
if job.status ~= 'running' and job.status ~= 'committing' then return {'not-running', record(job)} end

first, last = tonumber(first), tonumber(last)
if last <= job.seq then return {'accepted'} end
if first ~= job.seq + 1 then return {'gap', job.seq} end
local size = tonumber(job.bytes or 0) + bytes
local max_events, max_bytes = limits(job)
if last > max_events or size > max_bytes then return {'log-full'} end

local texts = {}
for i = 7, #arg, 2 do texts[#texts + 1] = from_time(job, arg[i], arg[i + 1]) end
push(job, texts, last - job.seq)
redis.call('HSET', job.key, 'lastSeq', int(last), 'bytes', int(size), 'updatedAt', int(now))
if step ~= '' then redis.call('HSET', job.key, 'step', step) end
renew_lease(job)
wake(id)
return {'accepted'}
`,
)

export async function append(
  run: RunScript,
  jobId: string,
  fencingToken: number,
  events: readonly JobEvent[],
  bytes: number,
): Promise<AppendAnswer> {
  const first = events[0]
  const last = events[events.length - 1]
  if (!first || !last) return { answer: 'accepted' }
  const step = events.findLast((event) => event.type === 'step')?.step
  const { answer, carried } = await run(APPEND, [
    jobId,
    fencingToken,
    first.seq,
    last.seq,
    bytes,
    step,
    ...encodeEvents(events),
  ])
  switch (answer) {
    case 'accepted':
    case 'log-full':
      return { answer }
    case 'gap':
      return { answer, lastSeq: Number(carried[0]) }
    case 'not-running':
      return { answer, record: decodeRecord(jobId, carried[0]) }
    default:
      return refusal(answer)
  }
}
