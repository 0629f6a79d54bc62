import { isSettled } from '../../protocol/job-status.js'
import type { JobFacts } from '../explorer/facts.js'
import type { Invariant } from './invariant.js'

export const noPartialCommit: Invariant = {
  id: 'G6',
  rule: 'save is called at most once, only by a job that won its commit, and the end says what became of it',
  job(facts) {
    return wrongSave(facts) ?? wrongRecord(facts) ?? wrongEnd(facts)
  },
}

function wrongSave(facts: JobFacts): string | undefined {
  const saves = facts.of('saving')
  if (saves.length > 1) return `save was called ${saves.length} times`
  const [saving] = saves
  if (!saving) return undefined
  if (saving.status !== 'committing')
    return `save was called while the record said ${saving.status}; a crash there would lie`
  if (saving.isCancelled) return 'save was called after the cancel'
  return facts.cancelledAt ? 'it was cancelled, and save was called' : undefined
}

/** Also when a reaper wrote it. */
function wrongRecord(facts: JobFacts): string | undefined {
  const end = facts.of('status').find(({ to }) => isSettled(to))
  if (!end) return undefined
  const saving = facts.first('saving')
  const wasCalled = saving !== undefined && saving.order < end.order
  if (wasCalled && end.commit === 'none') return `its record is ${end.to}, commit none, but save was called`
  if (!wasCalled && end.commit === 'done') return `its record is ${end.to}, commit done, but save was never called`
  return undefined
}

function wrongEnd(facts: JobFacts): string | undefined {
  const outcome = facts.first('settled')?.outcome
  if (!outcome) return undefined
  const saving = facts.first('saving')
  const saved = facts.first('saved')
  const { status, commit } = outcome
  const code = outcome.status === 'failed' ? outcome.error.code : undefined
  const is = `it is ${status}, commit ${commit}`
  if (!saving) return commit === 'none' ? undefined : `${is}, but save was never called`
  if (status === 'cancelled') return `${is}, but save was called`
  const isInTime = saved !== undefined && saved.at < saving.at + facts.limits.commitTimeoutMs
  if (isInTime && saved.error === undefined) {
    return status === 'completed' && commit === 'done' ? undefined : `${is}, but its save resolved in time`
  }
  if (status === 'completed') return `${is}, but its save did not resolve in time`
  if (commit !== 'unknown') return `${is}, but nobody knows what became of its save`
  const expected = isInTime ? 'commit.failed' : 'commit.unknown'
  return code === expected || code === 'owner.lost' || saved?.at === saving.at + facts.limits.commitTimeoutMs
    ? undefined
    : `${is}, code ${code} instead of ${expected}`
}
