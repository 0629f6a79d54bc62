import type { JobStore } from 'generation-jobs'

/** A call of the store that a test can stand in the way of. */
export type StoreCall = Exclude<keyof JobStore, 'leaseMs' | 'heartbeatMs' | 'watchJob' | 'watchNode' | 'footprint'>

/**
 * What happens to one call:
 * - `answer`: what the wrapped store answers, in the calling tick
 * - `later`: the same as a promise
 * - `hold-request`: the store sees nothing of it until the test releases it
 * - `hold-reply`: the store has done it, the answer waits until the test releases it
 * - `fail`: rejects, the store saw nothing of it
 * - `lose-reply`: rejects, the store has done it
 */
export type Fault = 'answer' | 'later' | 'hold-request' | 'hold-reply' | 'fail' | 'lose-reply'

export interface SlowStore extends JobStore {
  /** The next calls of this method, in order, one fault each; further calls are under `always`. */
  next(method: StoreCall, ...faults: Fault[]): void
  /** Every call of this method that `next` says nothing about. @defaultValue `answer` */
  always(method: StoreCall, fault: Fault): void
  /** The same for every method: the whole store is away, or back. */
  alwaysAll(fault: Fault): void
  /** Lets the held calls of this method go on, oldest first; answers how many there were. */
  release(method: StoreCall): number
  /** How many calls of this method are held now. */
  held(method: StoreCall): number
  /** How often this method was called. */
  calls(method: StoreCall): number
}

const METHODS = [
  'create',
  'start',
  'append',
  'claimCommit',
  'settle',
  'requestCancel',
  'renewLeases',
  'touchViewers',
  'read',
  'readEvents',
  'list',
  'reap',
  'sweep',
] as const satisfies readonly StoreCall[]

/** Puts a network of the test's own making between managers and a store. All methods work unbound. */
export function slowStore(store: JobStore): SlowStore {
  const lines = Object.fromEntries(METHODS.map((name) => [name, new Line()])) as Record<StoreCall, Line>

  function through<Args extends unknown[]>(method: StoreCall, call: (...args: Args) => unknown) {
    return (...args: Args) => lines[method].send(() => call(...args))
  }

  const wrapped = Object.fromEntries(
    METHODS.map((name) => [name, through(name, store[name].bind(store) as (...args: unknown[]) => unknown)]),
  )
  return {
    ...(wrapped as unknown as Pick<JobStore, StoreCall>),
    leaseMs: store.leaseMs,
    heartbeatMs: store.heartbeatMs,
    watchJob: (jobId, wake) => store.watchJob(jobId, wake),
    watchNode: (nodeId, wake) => store.watchNode(nodeId, wake),
    footprint: () => store.footprint(),
    next: (method, ...faults) => void lines[method].plan.push(...faults),
    always(method, fault) {
      lines[method].fault = fault
    },
    alwaysAll(fault) {
      for (const line of Object.values(lines)) line.fault = fault
    },
    release: (method) => lines[method].release(),
    held: (method) => lines[method].held.length,
    calls: (method) => lines[method].calls,
  }
}

/** The road of one method. */
class Line {
  fault: Fault = 'answer'
  readonly plan: Fault[] = []
  calls = 0
  held: Array<() => void> = []

  send(ask: () => unknown): unknown {
    this.calls++
    const fault = this.plan.shift() ?? this.fault
    switch (fault) {
      case 'answer':
        return ask()
      case 'later':
        return Promise.resolve(ask())
      case 'hold-request':
        return this.#hold(ask)
      case 'hold-reply': {
        const answer = ask()
        return this.#hold(() => answer)
      }
      case 'fail':
        return Promise.reject(new Error('the connection is down'))
      case 'lose-reply':
        ask()
        return Promise.reject(new Error('the connection went down before the reply'))
    }
  }

  release(): number {
    const { held } = this
    this.held = []
    for (const go of held) go()
    return held.length
  }

  #hold(answer: () => unknown): Promise<unknown> {
    return new Promise((resolve) => this.held.push(() => resolve(answer())))
  }
}
