import type { JobEvent } from 'generation-jobs'
import type { HistoryLine } from './history.js'

type Line<What extends HistoryLine['what']> = Extract<HistoryLine, { what: What }>
type Type = JobEvent['type']

const END_OF = { completed: 'complete', cancelled: 'cancelled', failed: 'error' } as const satisfies Record<
  string,
  Type
>
const isEnd = (type: Type | undefined) => type === 'complete' || type === 'cancelled' || type === 'error'

/**
 * What is wrong with a history, in words. It knows the guarantees and nothing of how the history came about.
 * `boundMs`: how long after the last fault a job may be without its end.
 */
export function judge(history: readonly HistoryLine[], boundMs: number): string[] {
  const quietAt = only(history, 'quiet')[0]?.at
  const settleBy = quietAt === undefined ? undefined : quietAt + boundMs
  const faults = [...byJob(history)].flatMap(([jobId, lines]) =>
    judgeJob(lines, settleBy).map((fault) => `${jobId}: ${fault}`),
  )
  const left = only(history, 'keys left').at(-1)
  if (quietAt === undefined) faults.push('the history never becomes quiet')
  if (!left) faults.push('nobody looked for keys')
  else if (left.keys.length > 0) faults.push(`${left.keys.length} keys are left: ${left.keys.slice(0, 5).join(' ')}`)
  return faults
}

function byJob(history: readonly HistoryLine[]): Map<string, HistoryLine[]> {
  const jobs = new Map<string, HistoryLine[]>()
  for (const line of history) {
    if (!('jobId' in line)) continue
    const lines = jobs.get(line.jobId)
    if (lines) lines.push(line)
    else jobs.set(line.jobId, [line])
  }
  return jobs
}

function judgeJob(lines: readonly HistoryLine[], settleBy: number | undefined): string[] {
  const record = only(lines, 'record').at(-1)
  const log = only(lines, 'log').at(-1)
  if (!record || !log) {
    const isKnown = only(lines, 'registered').length + only(lines, 'outcome').length > 0
    return isKnown ? ['was registered, and its record is gone'] : []
  }
  return [
    ...judgeEnd(record, log, settleBy),
    ...judgeSaves(lines, record),
    ...judgeCancels(lines, record),
    ...judgeOutcomes(lines, record),
    ...judgeReaders(lines, log),
  ]
}

/** One end, the last event, in time; nothing after a recorded cancel. */
function judgeEnd(record: Line<'record'>, { types, seqs }: Line<'log'>, settleBy = Infinity): string[] {
  const { status, settledAt } = record
  if (status !== 'completed' && status !== 'cancelled' && status !== 'failed') return [`is still ${status}`]
  const ends = types.filter(isEnd)
  const cancelling = types.indexOf('cancelling')
  return when(
    [ends.length !== 1, `has ${ends.length} terminal events`],
    [types.at(-1) !== END_OF[status], `is ${status}, and its log ends with ${types.at(-1)}`],
    [seqs.some((seq, index) => seq !== index + 1), 'its log has a gap or a duplicate'],
    [cancelling !== -1 && cancelling !== types.length - 2, 'has output after its cancel was recorded'],
    [(settledAt ?? Infinity) > settleBy, 'had no end in time'],
  )
}

/** At most one save, and none that the record does not admit. */
function judgeSaves(lines: readonly HistoryLine[], { status, commit, code, fencingToken }: Line<'record'>): string[] {
  const begun = only(lines, 'save begun')
  const isDone = only(lines, 'save done').length > 0
  const isAdmitted =
    (status === 'completed' && commit === 'done') ||
    (status === 'failed' && commit === 'unknown' && (code === 'commit.unknown' || code === 'commit.failed'))
  return when(
    [begun.length > 1, `was saved ${begun.length} times`],
    [
      begun.length > 0 && !isAdmitted,
      `was saved, and its record says ${status}, commit ${commit}, ${code ?? 'no code'}`,
    ],
    [commit === 'done' && !isDone, 'says that it was committed, and nothing was saved'],
    [status === 'cancelled' && commit !== 'none', `is cancelled with commit ${commit}`],
    [begun.some((save) => save.fencingToken > fencingToken), 'was saved under a fencing token of the future'],
  )
}

/**
 * No cancel was told what is not so. A node whose store is away may tell of an end that it could not record; of an unproved claim
 * it says `too-late` by design, though its cancel may have reached the record.
 */
function judgeCancels(lines: readonly HistoryLine[], record: Line<'record'>): string[] {
  const registeredAt = only(lines, 'registered')[0]?.at ?? Infinity
  return only(lines, 'cancel').flatMap(({ by, outcome, status, recorded, sentAt }) => {
    const unrecorded = only(lines, 'outcome').filter((line) => line.by === by && !line.recorded)
    const isUnproved = unrecorded.some(({ code }) => code === 'commit.unproved')
    const isOver = status === 'completed' || status === 'failed' || status === 'cancelled'
    const isCancelled = record.status === 'cancelled'
    const isOther = isOver && status !== record.status && !unrecorded.some((end) => end.status === status)
    return when(
      [outcome === 'cancelled' && recorded === true && !isCancelled, 'a cancel was told that it is cancelled'],
      [outcome === 'requested' && !isCancelled, 'a cancel was recorded, and it is not cancelled'],
      [outcome === 'too-late' && isCancelled && !isUnproved, 'a cancel was too late, and it is cancelled'],
      [outcome === 'already-settled' && !isOver, `a cancel was told that it is settled, and ${status}`],
      [outcome !== 'requested' && isOther, `a cancel was told that it is ${status}, and it is ${record.status}`],
      [outcome === 'not-found' && registeredAt < sentAt, 'a cancel did not find it'],
    )
  })
}

/** A recorded outcome is what the record says. */
function judgeOutcomes(lines: readonly HistoryLine[], record: Line<'record'>): string[] {
  return only(lines, 'outcome').flatMap(({ status, commit, recorded }) =>
    when([
      recorded && (status !== record.status || commit !== record.commit),
      `its handle says ${status}, commit ${commit}; the record ${record.status}, ${record.commit}`,
    ]),
  )
}

/** Each reader got what is in the log after its cursor, once, in order and to the end. */
function judgeReaders(lines: readonly HistoryLine[], { types }: Line<'log'>): string[] {
  return only(lines, 'reader').flatMap(({ reader, after }) => {
    const read = only(lines, 'read').filter((line) => line.reader === reader)
    const hasEnded = only(lines, 'read to the end').some((line) => line.reader === reader)
    const wrong = read.find(({ seq }, index) => seq !== after + 1 + index)
    const last = after + read.length
    return when(
      [wrong !== undefined, `reader ${reader} got ${wrong?.seq} out of turn`],
      [read.some(({ seq, type }) => types[seq - 1] !== type), `reader ${reader} got what is not in the log`],
      [!hasEnded, `reader ${reader} never came to the end`],
      [hasEnded && last < types.length, `reader ${reader} was told that ${last} of ${types.length} events are all`],
    )
  })
}

function only<What extends HistoryLine['what']>(lines: readonly HistoryLine[], what: What): Line<What>[] {
  return lines.filter((line): line is Line<What> => line.what === what)
}

function when(...rules: readonly (readonly [isBroken: boolean, fault: string])[]): string[] {
  return rules.flatMap(([isBroken, fault]) => (isBroken ? [fault] : []))
}
