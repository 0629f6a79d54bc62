import { EventEmitter } from 'eventemitter3'
import type { CancelReason } from '../protocol/cancel-reason.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import { bindToCaller } from './caller-context.js'
import { InvalidOptionsError, show } from './errors.js'
import type { JobOutcome } from './outcome.js'

/** What a manager tells its listeners, with the job as it stands at that moment. */
export interface ManagerEvents {
  /** The job is recorded. */
  registered: { job: JobSnapshot }
  /** The producer is about to be called. */
  started: { job: JobSnapshot }
  /** The producer named a phase. */
  step: { job: JobSnapshot; step: string }
  /** A cancel reason is recorded. */
  cancelRequested: { job: JobSnapshot; reason: CancelReason }
  /** The commit was claimed: a cancel is too late from here. */
  committing: { job: JobSnapshot }
  /** The job has its end, and everything is released or was forced. */
  settled: { job: JobSnapshot; outcome: JobOutcome<unknown> }
  /** A cleanup threw. */
  cleanupFailed: { job: JobSnapshot; label?: string; error: unknown }
}

const EVENTS: readonly (keyof ManagerEvents)[] = [
  'registered',
  'started',
  'step',
  'cancelRequested',
  'committing',
  'settled',
  'cleanupFailed',
]

type Listener<E extends keyof ManagerEvents> = (payload: ManagerEvents[E]) => unknown

/** A listener as the emitter calls it: its payload is known only by the name of the event. */
type Guard = (payload: unknown) => void

/** Typed listeners whose failures stay their own: a listener that throws or rejects is reported and stops nobody. */
export class ManagerEmitter {
  readonly #emitter = new EventEmitter()
  readonly #guards = new Map<string, Map<unknown, Guard>>()
  readonly #onFailure: (error: unknown) => void

  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure
  }

  has(event: keyof ManagerEvents): boolean {
    return this.#emitter.listenerCount(event) > 0
  }

  emit<E extends keyof ManagerEvents>(event: E, payload: ManagerEvents[E]): void {
    this.#emitter.emit(event, payload)
  }

  on<E extends keyof ManagerEvents>(event: E, listener: Listener<E>): void {
    this.#add(event, listener, listener)
  }

  once<E extends keyof ManagerEvents>(event: E, listener: Listener<E>): void {
    this.#add(event, listener, (payload) => {
      this.off(event, listener)
      return listener(payload)
    })
  }

  off<E extends keyof ManagerEvents>(event: E, listener: Listener<E>): void {
    const guard = this.#guards.get(event)?.get(listener)
    if (!guard) return
    this.#guards.get(event)?.delete(listener)
    this.#emitter.off(event, guard)
  }

  removeAll(): void {
    this.#emitter.removeAllListeners()
    this.#guards.clear()
  }

  #add<E extends keyof ManagerEvents>(event: E, key: Listener<E>, listener: Listener<E>): void {
    if (!EVENTS.includes(event)) {
      throw new InvalidOptionsError(`on: expected one of ${EVENTS.join(', ')}, got ${show(event)}.`)
    }
    if (typeof key !== 'function')
      throw new InvalidOptionsError(`on: expected the listener to be a function, got ${show(key)}.`)
    const inCallerContext = bindToCaller(listener)
    const guard = (payload: unknown): void => {
      try {
        const result = inCallerContext(payload as ManagerEvents[E])
        if (result instanceof Promise) result.catch(this.#onFailure)
      } catch (error) {
        this.#onFailure(error)
      }
    }
    const guards = this.#guards.get(event) ?? new Map<unknown, Guard>()
    this.#guards.set(event, guards.set(key, guard))
    this.#emitter.on(event, guard)
  }
}
