/**
 * Who or what ended a generation.
 *
 * - `user`: a person interrupted. - `deadline`, `idle`: a time limit passed. - `disconnect`: no viewer was left.
 * - `shutdown`: the server drained. - `replaced`: a newer job of the same group took its place.
 * - `signal`: the caller's own AbortSignal. - `lease-lost`: this process no longer owns the job.
 */
export type CancelKind = 'user' | 'deadline' | 'idle' | 'disconnect' | 'shutdown' | 'replaced' | 'signal' | 'lease-lost'

/** Every kind of cancel. */
export const CANCEL_KINDS = [
  'user',
  'deadline',
  'idle',
  'disconnect',
  'shutdown',
  'replaced',
  'signal',
  'lease-lost',
] as const satisfies readonly CancelKind[]

/** Why a job was cancelled. The first recorded reason wins and is the same object on token, signal, outcome and log line. */
export interface CancelReason {
  readonly kind: CancelKind
  /** Who asked, for record and log; never sent to a browser. */
  readonly by?: string
  /** Free text for record and log; never sent to a browser. */
  readonly message?: string
  /** When the cancel was requested, epoch milliseconds. */
  readonly at: number
}

/** Whether two reasons are one; a store that is not in this process gives a copy back. */
export function isSameReason(a: CancelReason | undefined, b: CancelReason): boolean {
  return a === b || (a?.at === b.at && a.kind === b.kind && a.by === b.by && a.message === b.message)
}
