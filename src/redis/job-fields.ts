import type { JobRecord } from '../core/job-store.js'
import type { Reply } from './scripts/script.js'

/**
 * The version of the records that this code reads and writes. It rises when the meaning of a field changes, not when one is
 * added: nodes of two releases share a store while one replaces the other.
 */
export const RECORD_VERSION = '1'

/** The fields of a record in the order in which scripts answer them. Those above the line are text, then numbers, then JSON text. */
const TEXTS = ['status', 'owner', 'group', 'requestFingerprint', 'step', 'commit', 'cleanup', 'resultOmitted'] as const
const NUMBERS = [
  'fencingToken',
  'lastSeq',
  'createdAt',
  'startedAt',
  'updatedAt',
  'settledAt',
  'queuedMs',
  'runMs',
  'cancelMs',
  'requestedAt',
] as const
/** Never decoded by a script: Lua's JSON turns empty lists into objects and changes numbers. */
const JSONS = ['metadata', 'usage', 'result', 'error', 'reason', 'forced'] as const

export const RECORD_FIELDS: readonly string[] = [...TEXTS, ...NUMBERS, ...JSONS]

/** The record of a job from what a script answered. */
export function decodeRecord(jobId: string, reply: Reply | undefined): JobRecord {
  if (!Array.isArray(reply)) throw new TypeError('expected the fields of a record')
  const record: Record<string, unknown> = { jobId }
  for (const [index, field] of RECORD_FIELDS.entries()) {
    const text: unknown = reply[index]
    if (typeof text !== 'string') continue
    if (index < TEXTS.length) record[field] = text
    else if (index < TEXTS.length + NUMBERS.length) record[field] = Number(text)
    else record[field] = JSON.parse(text)
  }
  const { reason, requestedAt, ...fields } = record
  if (reason !== undefined) fields.cancel = { reason, requestedAt }
  return fields as unknown as JobRecord
}
