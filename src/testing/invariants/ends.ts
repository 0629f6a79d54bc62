import type { JobFacts } from '../explorer/facts.js'

/** When the end of a job was fixed, by virtual time: a cancel, its commit, its producer, whichever decided. */
export function endFixedAt(facts: JobFacts): number | undefined {
  const cancelled = facts.cancelledAt
  if (cancelled) return cancelled.at
  const saving = facts.first('saving')
  if (!saving) return facts.first('produced')?.at
  const limit = saving.at + facts.limits.commitTimeoutMs
  return Math.min(facts.first('saved')?.at ?? limit, limit)
}

/** Whether a save was called and neither answered nor ran out of time by `now`. */
export function isSaving(facts: JobFacts, now: number): boolean {
  const saving = facts.first('saving')
  return saving !== undefined && !facts.first('saved') && now < saving.at + facts.limits.commitTimeoutMs
}

/** Streams that `run.stream` still reads. */
export function openStreams(facts: JobFacts): number {
  return facts.of('streaming').length - facts.of('streamed').length
}
