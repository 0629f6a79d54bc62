import { StoreError } from '../core/errors.js'
import type { JobRecord, JobStore } from '../core/job-store.js'
import type { JobStatus } from '../protocol/job-status.js'
import type { Reply } from './scripts/script.js'

/**
 * The version of the records that this code reads and writes. It rises when the meaning of a field changes, not when one is
 * added: nodes of two releases share a store while one replaces the other.
 */
export const RECORD_VERSION = '1'

export function unknownVersion(operation: keyof JobStore, found: string): StoreError {
  const what = `found a record of version ${found}, and this release knows version ${RECORD_VERSION}`
  return new StoreError(operation, `${what}: nothing was changed`)
}

/**
 * The fields of a record in the order in which scripts answer them. What no script has to look into is one JSON text: the parts
 * of `given` came with the job, those of `end` with its end ({@link encodeEnding}). `lastSeq` is missing before the first event,
 * `updatedAt` where another time says the same.
 */
export const RECORD_FIELDS = [
  'status',
  'step',
  'fencingToken',
  'lastSeq',
  'createdAt',
  'startedAt',
  'updatedAt',
  'settledAt',
  'cancel',
  'places',
  'given',
  'end',
] as const

/** The parts of a record that one field holds. */
export type Places = Pick<JobRecord, 'owner' | 'group'> & {
  readonly idem?: string | undefined
  readonly live?: string | undefined
}
export type Given = Pick<JobRecord, 'requestFingerprint' | 'metadata'>
export type Ending = Pick<
  JobRecord,
  'commit' | 'cleanup' | 'forced' | 'queuedMs' | 'runMs' | 'cancelMs' | 'usage' | 'result' | 'resultOmitted' | 'error'
>

/**
 * How an end stands in the record: a list without names. While no field has more than 64 bytes, Redis keeps a
 * record in one piece, which is half the memory (496 instead of 1,153 bytes for a settled record) and 3 of the 33 us that a settle costs
 * the server: so a job that completes or fails, unless its result, metadata or error is long. A reason of a cancel is longer.
 */
export function encodeEnding({ commit, cleanup, forced, queuedMs, runMs, cancelMs, ...others }: Ending): string {
  return JSON.stringify([commit, cleanup, forced, queuedMs, runMs, cancelMs, others])
}

function decodeEnding(text: string): Ending {
  const [commit, cleanup, forced, queuedMs, runMs, cancelMs, others] = JSON.parse(text)
  return { commit, cleanup, forced, queuedMs, runMs, cancelMs: cancelMs ?? undefined, ...others }
}

/** The record of a job from what a script answered. */
export function decodeRecord(jobId: string, reply: Reply | undefined): JobRecord {
  if (!Array.isArray(reply)) throw new TypeError('expected the fields of a record')
  const [status, step, fencingToken, lastSeq, createdAt, startedAt, updatedAt, settledAt, ...texts] = reply
  const [places, given] = texts.slice(1, 3).map((text) => (text === null ? undefined : JSON.parse(text)))
  const cancel = decodeCancel(texts[0])
  const end: string | null = texts[3]
  const { owner, group }: Places = places ?? {}
  return {
    jobId,
    status: status as JobStatus,
    owner,
    group,
    step: step ?? undefined,
    fencingToken: Number(fencingToken),
    lastSeq: Number(lastSeq),
    createdAt: Number(createdAt),
    startedAt: time(startedAt),
    updatedAt: Math.max(Number(updatedAt ?? createdAt), Number(settledAt), cancel?.requestedAt ?? 0),
    settledAt: time(settledAt),
    ...given,
    cancel,
    ...(end === null ? undefined : decodeEnding(end)),
  }
}

/** A recorded cancel, without its id. */
export function decodeCancel(text: Reply | undefined): JobRecord['cancel'] {
  if (typeof text !== 'string') return undefined
  const { reason, requestedAt } = JSON.parse(text)
  return { reason, requestedAt }
}

function time(text: Reply | undefined): number | undefined {
  return text === null || text === undefined ? undefined : Number(text)
}
