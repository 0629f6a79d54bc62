/** Jobs with their whole record: what a script has read and written it can answer without reading it again. */
export const WHOLE_RECORDS = `
-- A job with all of its record, and all that its end needs.
local function load_whole(id, ...)
  return load(id, 'limits', 'startedAt', 'places', 'given', 'step', 'cancel', 'unlogged', 'viewed', ...)
end

-- The record of such a job as it is now, in the order of RECORD_FIELDS.
local function whole_record(job, ending)
  return {job.status, job.step, job.fence, job.seq, job.createdAt, job.startedAt, now, job.settledAt or false, job.cancel,
    job.places, job.given, ending or false}
end
`
