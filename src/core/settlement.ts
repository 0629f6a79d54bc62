import type { CancelReason } from '../protocol/cancel-reason.js'
import { isSettled } from '../protocol/job-status.js'
import type { Awaitable } from './awaitable.js'
import { whenAnswered } from './awaitable.js'
import type { JobEnd } from './job-end.js'
import type { CancelAnswer, CancelRequest, JobRecord, JobStore, OwnedOperation, SettleAnswer } from './job-store.js'
import { jsonCopy, textBytes } from './json-copy.js'

/** What became of an end that was to be written. */
export type Settlement =
  /** It stands in the record. */
  | { readonly kind: 'recorded'; readonly record: JobRecord }
  /** Somebody else's end stands there: the record is the truth. */
  | { readonly kind: 'elsewhere'; readonly record: JobRecord }
  /** A cancel was recorded before; the end must be `cancelled`. */
  | { readonly kind: 'cancelled-first'; readonly reason: CancelReason }
  /** The store is away, or the record is not readable any more. `retry` says whether writing again makes sense. */
  | { readonly kind: 'unrecorded'; readonly retry: boolean }

/** Writes a job's end. Never throws. */
export function recordEnd(
  store: JobStore,
  operation: OwnedOperation,
  end: JobEnd,
  own: JobRecord,
): Awaitable<Settlement> {
  return whenAnswered<SettleAnswer, Settlement>(
    () => store.settle({ ...operation, end, own }),
    (answer): Awaitable<Settlement> => {
      switch (answer.answer) {
        case 'settled':
          return { kind: 'recorded', record: answer.record }
        case 'already-settled':
          return endElsewhere(answer.record, own)
        case 'refused':
          return answer.record.cancel && end.status !== 'cancelled'
            ? { kind: 'cancelled-first', reason: answer.record.cancel.reason }
            : { kind: 'unrecorded', retry: false }
        case 'fenced':
          return readEnd(store, own)
        case 'gone':
          return { kind: 'unrecorded', retry: false }
      }
    },
    () => ({ kind: 'unrecorded', retry: true }),
  )
}

/** Cancels a job that was never started; `orElse` when it was started after all. Never throws. */
export function recordCancel(
  store: JobStore,
  request: CancelRequest,
  own: JobRecord,
  orElse: () => Awaitable<Settlement>,
): Awaitable<Settlement> {
  return whenAnswered<CancelAnswer, Settlement>(
    () => store.requestCancel(request),
    (answer): Awaitable<Settlement> => {
      if (answer.answer === 'cancelled' || answer.answer === 'already-settled') return endElsewhere(answer.record, own)
      return answer.answer === 'not-found' ? { kind: 'unrecorded', retry: false } : orElse()
    },
    () => ({ kind: 'unrecorded', retry: true }),
  )
}

/** Reads the end that another owner or a reaper wrote, for a run that may not write any more. Never throws. */
export function readEnd(store: JobStore, own: JobRecord): Awaitable<Settlement> {
  return whenAnswered<JobRecord | undefined, Settlement>(
    () => store.read(own.jobId),
    (record) => endElsewhere(record, own),
    () => ({ kind: 'unrecorded', retry: false }),
  )
}

/** Only the end of our own job: after a sweep its id may belong to another. */
function endElsewhere(record: JobRecord | undefined, own: JobRecord): Settlement {
  return record && isSettled(record.status) && isSameLife(record, own)
    ? { kind: 'elsewhere', record }
    : { kind: 'unrecorded', retry: false }
}

export function isSameLife(record: JobRecord, own: JobRecord): boolean {
  return record.createdAt === own.createdAt
}

/** A value as it can stand in the record: a copy, or why it is left out. */
export function recordableResult(
  value: unknown,
  maxResultBytes: number,
): Pick<Extract<JobEnd, { status: 'completed' }>, 'result' | 'resultOmitted'> {
  if (value === undefined) return {}
  const result = jsonCopy(value)
  if (result === undefined) return { resultOmitted: 'not-json' }
  return textBytes(JSON.stringify(result)) > maxResultBytes ? { resultOmitted: 'too-large' } : { result }
}
