import type { JobStore } from '../core/job-store.js'
import { STORE_OPERATIONS, type StoreOperation } from './store-operations.js'

/**
 * What happens to a call.
 *
 * - `fail`: it rejects; nothing was done. - `throw`: the same, in the calling tick. - `hang`: no answer, ever; nothing was done.
 * - `lose-reply`: it was done, and then it rejects; `hang-after`: it was done, and no answer comes.
 * - `later`: the right answer, but as a promise, as over a network. - `hold`: nothing is done until {@link FaultyStore.release}.
 * - `{ answer }`: nothing was done, and this comes as the answer.
 */
export type StoreFault =
  | 'fail'
  | 'throw'
  | 'hang'
  | 'lose-reply'
  | 'hang-after'
  | 'later'
  | 'hold'
  | { readonly answer: unknown }

/** Which calls a fault meets. */
export interface FaultPlan {
  /** @defaultValue every operation */
  on?: StoreOperation | readonly StoreOperation[] | undefined
  /** How many calls it meets; after them it is over. @defaultValue Infinity */
  times?: number | undefined
  /** Which calls it meets, by their arguments. @defaultValue all */
  when?: ((...args: readonly unknown[]) => boolean) | undefined
}

/** One call, as the manager made it. */
export interface StoreCall {
  readonly operation: StoreOperation
  readonly args: readonly unknown[]
}

/** A store with a network of the test's own making before it. All methods work unbound. */
export interface FaultyStore extends JobStore {
  /** Lets calls meet a fault from now on; of several plans the first that fits counts. Returns the end of it. */
  inject(fault: StoreFault, plan?: FaultPlan): () => void
  /** The node is cut off from the store: its calls hang, and no hint reaches it. Returns the end of it. */
  cut(): () => void
  /** Hints get lost from now on: all, or those for which `when` says so. Returns the end of it. */
  loseHints(when?: () => boolean): () => void
  /** Lets the held calls reach the store now, oldest first; answers how many there were. */
  release(): number
  /** The calls so far, of one operation or of all. */
  calls(operation?: StoreOperation): readonly StoreCall[]
}

/** Puts faults between a manager and its store. Without a plan every call passes through in its tick. */
export function faultyStore(store: JobStore): FaultyStore {
  const plans = new Set<Plan>()
  const hintLosses = new Set<() => boolean>()
  const cuts = new Set<object>()
  const calls: StoreCall[] = []
  let held: (() => void)[] = []

  function call(operation: StoreOperation, args: readonly unknown[]): unknown {
    calls.push({ operation, args })
    if (cuts.size > 0) return new Promise(() => {})
    const ask = (): unknown => Reflect.apply(store[operation], store, args)
    const unheard = (): void => void Promise.resolve(ask()).catch(() => undefined)
    const plan = [...plans].find((one) => one.meets(operation, args))
    if (!plan) return ask()
    const { fault } = plan
    if (--plan.times <= 0) plans.delete(plan)
    if (typeof fault === 'object') return fault.answer
    switch (fault) {
      case 'fail':
        return Promise.reject(new Error(`${operation}: the connection is down`))
      case 'throw':
        throw new Error(`${operation}: the connection is down`)
      case 'hang':
        return new Promise(() => {})
      case 'lose-reply':
        unheard()
        return Promise.reject(new Error(`${operation}: the connection went down before the reply`))
      case 'hang-after':
        unheard()
        return new Promise(() => {})
      case 'later':
        return Promise.resolve().then(ask)
      case 'hold':
        return new Promise((resolve) => held.push(() => resolve(ask())))
    }
  }

  function inject(fault: StoreFault, { on, times = Number.POSITIVE_INFINITY, when = () => true }: FaultPlan = {}) {
    const operations: readonly StoreOperation[] = typeof on === 'string' ? [on] : (on ?? STORE_OPERATIONS)
    const plan: Plan = {
      fault,
      times,
      meets: (operation, args) => operations.includes(operation) && when(...args),
    }
    plans.add(plan)
    return () => void plans.delete(plan)
  }

  function loseHints(when = () => true) {
    hintLosses.add(when)
    return () => void hintLosses.delete(when)
  }

  function hinted<Args extends unknown[]>(wake: (...args: Args) => void) {
    return (...args: Args): void => {
      const losses = [...hintLosses].filter((isLost) => isLost())
      if (losses.length === 0) wake(...args)
    }
  }

  const operations = Object.fromEntries(
    STORE_OPERATIONS.map((operation) => [operation, (...args: readonly unknown[]) => call(operation, args)]),
  )
  return {
    ...(operations as unknown as Pick<JobStore, StoreOperation>),
    leaseMs: store.leaseMs,
    heartbeatMs: store.heartbeatMs,
    watchJob: (jobId, wake) => store.watchJob(jobId, hinted(wake)),
    watchNode: (nodeId, wake) => store.watchNode(nodeId, hinted(wake)),
    footprint: () => store.footprint(),
    inject,
    cut() {
      const one = {}
      const hearAgain = loseHints()
      cuts.add(one)
      return () => {
        cuts.delete(one)
        hearAgain()
      }
    },
    loseHints,
    release() {
      const released = held
      held = []
      for (const go of released) go()
      return released.length
    },
    calls: (operation) => calls.filter((one) => operation === undefined || one.operation === operation),
  }
}

interface Plan {
  readonly fault: StoreFault
  times: number
  meets(operation: StoreOperation, args: readonly unknown[]): boolean
}
