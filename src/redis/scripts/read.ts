import type { JobRecord } from '../../core/job-store.js'
import { decodeRecord } from '../job-fields.js'
import { RECORDS } from './parts/records.js'
import { type RunScript, script } from './script.js'

const READ = script(
  'read',
  [RECORDS],
  `
local job, missing = load(arg[1])
if not job then return missing end
return {'record', record(job)}
`,
)

export async function read(run: RunScript, jobId: string): Promise<JobRecord | undefined> {
  const { answer, carried } = await run(READ, [jobId])
  return answer === 'record' ? decodeRecord(jobId, carried[0]) : undefined
}
