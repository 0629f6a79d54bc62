import { EventEmitter } from 'eventemitter3'
import type { CancelReason } from '../protocol/cancel-reason.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import { CallerCallback } from './caller-context.js'
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
  settled: {
    job: JobSnapshot
    outcome: JobOutcome<unknown>
    /** Chunks delivered, and chunks that came after the cancel; 0 for a job of a dead owner. */
    chunks: number
    droppedChunks: number
    /** From the start of the producer to its first chunk, milliseconds. */
    firstChunkMs?: number
    /** From the cancel request to the settle, milliseconds. */
    cancelMs?: number
  }
  /** A cleanup threw. */
  cleanupFailed: { job: JobSnapshot; label?: string; error: unknown }
}

export const MANAGER_EVENTS: readonly (keyof ManagerEvents)[] = [
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

interface Entry {
  readonly event: string
  readonly listener: unknown
  readonly guard: Guard
}

/** Typed listeners whose failures stay their own: a listener that throws or rejects is reported and stops nobody. */
export class ManagerEmitter {
  readonly #emitter = new EventEmitter()
  readonly #entries: Entry[] = []
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
    const guard = this.#add(event, listener, (payload) => {
      this.#remove(event, (entry) => entry.guard === guard)
      return listener(payload)
    })
  }

  /** Takes the listener off, as often as it was added. */
  off<E extends keyof ManagerEvents>(event: E, listener: Listener<E>): void {
    this.#remove(event, (entry) => entry.listener === listener)
  }

  removeAll(): void {
    this.#emitter.removeAllListeners()
    this.#entries.length = 0
  }

  #add<E extends keyof ManagerEvents>(event: E, key: Listener<E>, listener: Listener<E>): Guard {
    if (!MANAGER_EVENTS.includes(event)) {
      throw new InvalidOptionsError(`on: expected one of ${MANAGER_EVENTS.join(', ')}, got ${show(event)}.`)
    }
    if (typeof key !== 'function')
      throw new InvalidOptionsError(`on: expected the listener to be a function, got ${show(key)}.`)
    const inCallerContext = new CallerCallback(listener)
    const guard = (payload: unknown): void => {
      try {
        const result = inCallerContext.call(payload as ManagerEvents[E])
        if (result instanceof Promise) result.catch(this.#onFailure)
      } catch (error) {
        this.#onFailure(error)
      }
    }
    this.#entries.push({ event, listener: key, guard })
    this.#emitter.on(event, guard)
    return guard
  }

  #remove(event: string, matches: (entry: Entry) => boolean): void {
    for (const entry of this.#entries.filter((one) => one.event === event && matches(one))) {
      this.#entries.splice(this.#entries.indexOf(entry), 1)
      this.#emitter.off(event, entry.guard)
    }
  }
}
