import type { JobEvent, JobOutcome, JobSnapshot } from 'generation-jobs'

/** What was seen of one job, from all sides. */
export interface JobHistory {
  readonly jobId: string
  /** How often a save was begun for it, and how often one was finished. */
  readonly saves: { begun: number; done: number }
  /** What its owner's handle said. */
  outcome?: JobOutcome<unknown>
  record?: JobSnapshot | undefined
  log?: readonly JobEvent[]
  /** What cancels were told. */
  readonly cancels: string[]
}

const ENDS: Partial<Record<JobEvent['type'], string>> = {
  complete: 'completed',
  cancelled: 'cancelled',
  error: 'failed',
}

/** What is wrong with a history, in words; it knows nothing of how it came about. */
export function faultsOf({ jobId, saves, outcome, record, log = [], cancels }: JobHistory): string[] {
  const faults: string[] = []
  const holds = (isTrue: boolean, what: string) => {
    if (!isTrue) faults.push(`${jobId}: ${what}`)
  }
  holds(outcome !== undefined, 'its handle never settled')
  holds(saves.begun <= 1, `was saved ${saves.begun} times`)
  if (!record) return [...faults, `${jobId}: its record is gone`]
  const { status, commit } = record
  const ends = log.flatMap(({ type }) => ENDS[type] ?? [])
  holds(['completed', 'failed', 'cancelled'].includes(status), `is still ${status}`)
  holds(ends.length === 1 && ends[0] === status, `is ${status}, and its log ends ${ends.join(', ')}`)
  holds(log.at(-1)?.type !== undefined && ENDS[log.at(-1)?.type ?? 'chunk'] === status, 'its last event is not its end')
  holds(
    log.every(({ seq }, index) => seq === index + 1),
    'its log has a gap or a duplicate',
  )
  const cancelling = log.findIndex(({ type }) => type === 'cancelling')
  holds(cancelling === -1 || cancelling === log.length - 2, 'output after its cancel was recorded')
  if (commit === 'none') holds(saves.begun === 0, 'says that nothing was committed, and a save was begun')
  if (commit === 'done') holds(status === 'completed' && saves.done === 1, 'says that it was committed, and was not')
  if (status === 'cancelled') holds(commit === 'none', `is cancelled with commit ${commit}`)
  if (saves.done > 0) holds(commit !== 'none', 'was saved, and says it was not')
  if (outcome?.recorded)
    holds(outcome.status === status && outcome.commit === commit, `its owner says ${outcome.status}`)
  if (outcome?.status === 'completed') holds(outcome.commit !== 'done' || saves.done === 1, 'its owner says done')
  if (cancels.includes('cancelled')) holds(status !== 'completed', 'a cancel was told that it is cancelled')
  return faults
}
