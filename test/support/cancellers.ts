import type { CancelKind, GenerationJobManager, JobHandle, RegisterOptions } from 'generation-jobs'
import type { VirtualClock } from 'generation-jobs/testing'

/** One way in which a live job is cancelled from outside. */
export interface Canceller {
  readonly name: string
  readonly kind: CancelKind
  /** For one job. */
  prepare(): PreparedCancel
  /** Time must pass until it cancels, so nothing can happen in the same tick. */
  readonly takesMs?: number
}

export interface PreparedCancel {
  /** What the job must be registered with. */
  readonly options: RegisterOptions
  /** Cancels. Those that need no time have recorded the reason when this returns. */
  cancel(target: CancelTarget): unknown
}

export interface CancelTarget {
  readonly manager: GenerationJobManager
  readonly handle: JobHandle<unknown>
  readonly clock: VirtualClock
}

const OWNER = 'ada'
const GROUP = 'conversation-1'

/** What a caller's own code may abort its signal with. */
export const ABORT_REASONS: ReadonlyArray<readonly [name: string, reason: unknown]> = [
  ['nothing', undefined],
  ['a string', 'user-stop'],
  ['null', null],
  ['an Error', new Error('user-stop')],
  ['a DOMException', new DOMException('The request was closed', 'AbortError')],
  ['a TimeoutError', new DOMException('Too slow', 'TimeoutError')],
]

/** Every hand that can cancel a running job from outside its callbacks. */
export const CANCELLERS: readonly Canceller[] = [
  byCall('manager.cancel', 'user', {}, ({ manager, handle }) => manager.cancel(handle.jobId)),
  byCall('handle.cancel', 'user', {}, ({ handle }) => handle.cancel()),
  byCall('cancelMany by owner', 'user', { owner: OWNER }, ({ manager }) => manager.cancelMany({ owner: OWNER })),
  byCall('cancelMany by group, as a replacement', 'replaced', { owner: OWNER, group: GROUP }, ({ manager }) =>
    manager.cancelMany({ group: GROUP }, { kind: 'replaced' }),
  ),
  ...ABORT_REASONS.map(([name, reason]) => bySignal(name, reason)),
  byTime('the deadline', 'deadline', { deadlineMs: 1_000 }),
  byTime('the idle limit', 'idle', { idleTimeoutMs: 1_000 }),
  byCall('a drain', 'shutdown', {}, ({ manager }) => manager.drain({ timeoutMs: 0 })),
]

/** Three of them, one of each sort: a call, a foreign signal, time. */
export const SOME_CANCELLERS: readonly Canceller[] = [
  byCall('manager.cancel', 'user', {}, ({ manager, handle }) => manager.cancel(handle.jobId)),
  bySignal('a string', 'user-stop'),
  byTime('the deadline', 'deadline', { deadlineMs: 1_000 }),
]

function byCall(
  name: string,
  kind: CancelKind,
  options: RegisterOptions,
  cancel: (target: CancelTarget) => Promise<unknown>,
): Canceller {
  return { name, kind, prepare: () => ({ options, cancel }) }
}

function bySignal(name: string, reason: unknown): Canceller {
  return {
    name: `the caller's signal, aborted with ${name}`,
    kind: 'signal',
    prepare() {
      const controller = new AbortController()
      return { options: { signal: controller.signal }, cancel: () => controller.abort(reason) }
    },
  }
}

function byTime(name: string, kind: CancelKind, options: RegisterOptions): Canceller {
  const takesMs = 1_000
  return { name, kind, takesMs, prepare: () => ({ options, cancel: ({ clock }) => clock.advance(takesMs) }) }
}
