import type { CancelKind } from '../protocol/cancel-reason.js'
import type { ErrorCode } from '../protocol/error-code.js'

/** Why a run failed. `code` is stable; `message` is for people. */
export interface GenerationFailure {
  readonly code: ErrorCode | `cancelled.${CancelKind}` | (string & {})
  readonly message: string
  /** What is wrong with the request, where the server says it. */
  readonly issues?: readonly unknown[] | undefined
}

/** What is true in every phase. */
interface Common {
  readonly jobId?: string | undefined
  /** The step that the producer is in. */
  readonly step?: string | undefined
  /** All steps seen so far, in their order, each once. */
  readonly steps: readonly string[]
  /** The text streamed so far; kept after the end until the next `start`, `attach` or `reset`. */
  readonly text: string
  /** `seq` of the last event seen: the cursor of a reconnect. */
  readonly lastSeq: number
  readonly isInterrupting: boolean
  /** Whether `interrupt()` would do something now. */
  readonly canInterrupt: boolean
  /** What to tell the person. */
  readonly message?: string | undefined
  readonly result?: unknown
  readonly error?: GenerationFailure | undefined
  /** The interrupt had no answer in time, and the stream was closed by force. */
  readonly forced?: boolean | undefined
}

type Live = { readonly result?: undefined; readonly error?: undefined; readonly forced?: undefined }

/**
 * What a client shows: one immutable object that changes only when something did.
 *
 * - `idle`: nothing was started. - `starting`: the job is created, or its stream opened for the first time.
 * - `running`: the job lives. With a `message` an interrupt came too late, and `canInterrupt` is false.
 * - `interrupting`: an interrupt is on its way, from here or from another tab.
 * - `interrupted`: it ended as the person wished; `forced` when the server had not confirmed it in time.
 * - `completed`, `failed`: the job ended by itself, or was cancelled by something else than a person (`cancelled.<kind>`).
 */
export type GenerationState<Result = unknown> =
  | (Common & Live & { readonly phase: 'idle' | 'starting'; readonly message?: undefined })
  | (Common & Live & { readonly phase: 'running'; readonly jobId: string })
  | (Common & Live & { readonly phase: 'interrupting'; readonly message: string })
  | (Common & {
      readonly phase: 'interrupted'
      readonly message: string
      readonly forced: boolean
      readonly result?: undefined
      readonly error?: undefined
    })
  | (Common & {
      readonly phase: 'completed'
      readonly message: string
      readonly result?: Result | undefined
      readonly error?: undefined
      readonly forced?: undefined
    })
  | (Common & {
      readonly phase: 'failed'
      readonly message: string
      readonly error: GenerationFailure
      readonly result?: undefined
      readonly forced?: undefined
    })

/** Where a run is: from `idle` to one of `interrupted`, `completed` and `failed`. */
export type GenerationPhase = GenerationState['phase']

const MAX_STEPS = 100
const { freeze } = Object

const FRESH = {
  steps: freeze([]) as readonly string[],
  text: '',
  lastSeq: 0,
  isInterrupting: false,
  canInterrupt: false,
} as const

export const IDLE: GenerationState<never> = freeze({ ...FRESH, phase: 'idle' })

export function starting(jobId?: string, lastSeq = 0): GenerationState<never> {
  return freeze({ ...FRESH, phase: 'starting', jobId, lastSeq, canInterrupt: true })
}

/** The same phase with something more seen. */
export function seen<S extends GenerationState>(
  state: S,
  more: Partial<Pick<S, 'jobId' | 'lastSeq' | 'text' | 'step'>>,
): S {
  const { steps } = state
  const { step } = more
  const isNew = step !== undefined && !steps.includes(step)
  return freeze({
    ...state,
    ...more,
    ...(isNew && { steps: freeze([...steps, step].slice(-MAX_STEPS)) }),
  })
}

/** A phase and what is its own. */
type Phase<Result> =
  | { phase: 'running'; jobId: string; canInterrupt: true }
  /** A cancel changes nothing any more; a message when somebody here asked for one. */
  | { phase: 'running'; jobId: string; message?: string }
  | { phase: 'interrupting'; message: string; isInterrupting: true }
  | { phase: 'interrupted'; message: string; forced: boolean }
  | { phase: 'completed'; message: string; result: Result }
  | { phase: 'failed'; message: string; error: GenerationFailure }

/** The next phase. It keeps what was seen; all else is left behind. */
export function enter<Result>(state: GenerationState<Result>, phase: Phase<Result>): GenerationState<Result> {
  const { jobId, step, steps, text, lastSeq } = state
  return freeze({ ...FRESH, jobId, step, steps, text, lastSeq, ...phase })
}
