import type { CancelKind } from './cancel-reason.js'
import type { Json, JsonObject } from './json.js'

/**
 * One item of a job's ordered output. `seq` counts from 1 without gaps, `at` is epoch milliseconds.
 *
 * Events carry codes and kinds, never sentences: whoever shows them renders the message in its own locale.
 */
export type JobEvent = { readonly seq: number; readonly at: number } & JobEventBody

/** An event without its place in the log. */
export type JobEventBody = ContentEvent | CancellingEvent | TerminalEvent

/** What a producer emits. */
export type ContentEvent =
  | { readonly type: 'step'; readonly step: string }
  | { readonly type: 'chunk'; readonly content: string }
  | { readonly type: 'metadata'; readonly data: JsonObject }
  | { readonly type: 'data'; readonly name: string; readonly data: Json }

/** A cancel was accepted; the job is releasing what it holds. May stand before `cancelled`. */
export type CancellingEvent = { readonly type: 'cancelling'; readonly kind: CancelKind }

/** The last event of every log. */
export type TerminalEvent =
  | { readonly type: 'complete'; readonly result?: Json }
  | { readonly type: 'cancelled'; readonly kind: CancelKind; readonly forced: boolean }
  | { readonly type: 'error'; readonly code: string; readonly message?: string }

/** Whether the event is the last one of its job. */
export function isTerminalEvent<E extends { readonly type: string }>(
  event: E,
): event is E & { readonly type: TerminalEvent['type'] } {
  return event.type === 'complete' || event.type === 'cancelled' || event.type === 'error'
}
