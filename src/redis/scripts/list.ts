import type { JobFilter, JobRecord } from '../../core/job-store.js'
import { decodeRecord } from '../job-fields.js'
import { BATCH } from './in-batches.js'
import { RECORDS } from './parts/records.js'
import { type Reply, type RunScript, script } from './script.js'

const LIST = script(
  'list',
  [RECORDS],
  `
local owner, group, after, limit = unpack(arg, 1, 4)
local statuses
if #arg > 4 then
  statuses = {}
  for i = 5, #arg do statuses[arg[i]] = true end
end
local names = group ~= '' and group_key(group) or owner ~= '' and owner_key(owner) or index('jobs')

local page = redis.call('ZRANGEBYSCORE', names, after == '' and '-inf' or '(' .. after, '+inf', 'WITHSCORES',
  'LIMIT', 0, limit)
local records = {}
for i = 1, #page, 2 do
  local job, missing = load(page[i], 'places')
  if missing then
    if missing[1] == 'version' then return missing end
    redis.call('ZREM', names, page[i])
  elseif (owner == '' or places(job.places).owner == owner) and (not statuses or statuses[job.status]) then
    records[#records + 1] = page[i]
    records[#records + 1] = record(job)
  end
end
return {'page', #page == 2 * limit and page[#page] or '', records}
`,
  { together: 1 },
)

export async function list(run: RunScript, { owner, group, status }: JobFilter): Promise<JobRecord[]> {
  const found: JobRecord[] = []
  if (status?.length === 0) return found
  let after = ''
  do {
    const { carried } = await run(LIST, [owner, group, after, BATCH, ...(status ?? [])])
    const records = carried[1] as readonly Reply[]
    for (let index = 0; index < records.length; index += 2) {
      found.push(decodeRecord(String(records[index]), records[index + 1]))
    }
    after = String(carried[0])
  } while (after !== '')
  return found
}
