/** What `run.commit` hands to a `save`; structural, so that a test can call `save` with an object of its own. */
export interface SaveFence {
  readonly jobId: string
  readonly fencingToken: number
  readonly signal?: AbortSignal | undefined
}

/** One call of `save`, in whatever state it is now. */
export interface SaveCall<T> {
  readonly jobId: string
  readonly fencingToken: number
  readonly result: T
  /** `saving`: not answered yet · `refused`: an older fencing token, or the fence's signal aborted first. */
  readonly state: 'saving' | 'committed' | 'refused' | 'failed'
}

/** Of {@link recordingStore}: where its `save` fails, hangs or loses its answer. */
export interface RecordingStoreOptions<T> {
  /**
   * Awaited before the result becomes visible. What it throws, `save` rejects with, and nothing is saved; a promise that
   * never settles is a save that hangs.
   */
  before?: ((result: T, fence: SaveFence) => unknown) | undefined
  /** Awaited after the result became visible: what it throws is a save that worked and whose answer was lost. */
  after?: ((result: T, fence: SaveFence) => unknown) | undefined
  /** `true`: saves also when the fence's signal has aborted meanwhile, as an application that ignores it. @defaultValue false */
  ignoresSignal?: boolean | undefined
}

/** An application's store, transactional and fenced, that remembers what happened to it. All methods work unbound. */
export interface RecordingStore<T> {
  /** Without hooks the result is visible before this returns. Results are copied at the call where they can be cloned. */
  save(result: T, fence: SaveFence): Promise<void>
  /** The results that became visible, in that order; two saves of one job are two. */
  committed(): T[]
  /** Every call of `save`, in the order of the calls. */
  calls(): SaveCall<T>[]
  /** What a reader would find if the process died now: the last visible result of each job, copied. */
  crashImage(): Array<{ jobId: string; fencingToken: number; result: T }>
}

/** Makes the store that a test commits to, to see that a result is there whole, or not at all. */
export function recordingStore<T = unknown>(options: RecordingStoreOptions<T> = {}): RecordingStore<T> {
  const calls: Call<T>[] = []
  const visible: Call<T>[] = []
  const newestToken = new Map<string, number>()

  function refusal({ jobId, fencingToken }: Call<T>, signal: AbortSignal | undefined): unknown {
    if (fencingToken < (newestToken.get(jobId) ?? fencingToken))
      return new Error(`fencing token ${fencingToken} is stale`)
    if (signal?.aborted && !options.ignoresSignal) return signal.reason ?? new Error('aborted')
    return undefined
  }

  async function save(result: T, fence: SaveFence): Promise<void> {
    const { jobId, fencingToken } = fence
    const call: Call<T> = { jobId, fencingToken, result: copyOf(result), state: 'saving' }
    calls.push(call)
    try {
      if (options.before) await options.before(call.result, fence)
      // Checked in the same step as the write: an owner that was replaced while it waited must not win.
      const refused = refusal(call, fence.signal)
      if (refused !== undefined) {
        call.state = 'refused'
        throw refused
      }
      newestToken.set(jobId, fencingToken)
      call.state = 'committed'
      visible.push(call)
      if (options.after) await options.after(call.result, fence)
    } catch (error) {
      if (call.state === 'saving') call.state = 'failed'
      throw error
    }
  }

  return {
    save,
    committed: () => visible.map(({ result }) => copyOf(result)),
    calls: () => calls.map((call) => ({ ...call })),
    crashImage() {
      const last = new Map(visible.map((call) => [call.jobId, call]))
      return [...last.values()].map(({ jobId, fencingToken, result }) => ({
        jobId,
        fencingToken,
        result: copyOf(result),
      }))
    },
  }
}

type Call<T> = { -readonly [Key in keyof SaveCall<T>]: SaveCall<T>[Key] }

function copyOf<T>(value: T): T {
  try {
    return structuredClone(value)
  } catch {
    return value // holds a function or another thing that cannot be cloned
  }
}
