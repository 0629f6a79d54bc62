import { ExplorerError } from './explorer-error.js'
import { checkName, type Step } from './schedule.js'
import type { TimeZone } from './world-time.js'

/** One way in which an event answers. */
export interface Outcome {
  /** `''` as hoped, `'!'` with an error, or the name of another one. */
  readonly name: string
  readonly happen: () => void
}

/** Something outside that was asked for an answer and has not given it yet. */
export interface PendingEvent {
  readonly name: string
  /** The last part of its name: events of one class stall together. */
  readonly className: string
  readonly zone: TimeZone
  readonly outcomes: readonly Outcome[]
}

/** Something that may happen once, or never. */
interface Action {
  readonly name: string
  readonly zone: TimeZone | undefined
  readonly happen: () => void
}

/** What the outside owes, and what it may do of its own accord. */
export class EventBoard {
  readonly #pending = new Map<string, PendingEvent>()
  readonly #actions = new Map<string, Action>()
  readonly #stalled: ReadonlySet<string>
  readonly #withErrors: boolean
  readonly classes = new Set<string>()
  /** Rises with each change. */
  version = 0

  constructor(stalled: ReadonlySet<string>, withErrors: boolean) {
    this.#stalled = stalled
    this.#withErrors = withErrors
  }

  /** Names of all events that are owed, those that never come included. */
  get waiting(): string[] {
    return [...this.#pending.keys()]
  }

  /** An event to wait for. Returns what takes it back. */
  expect(name: string, zone: TimeZone, outcomes: readonly Outcome[]): () => void {
    const base = checkName(name)
    let unique = base
    for (let count = 2; this.#pending.has(unique); count++) unique = `${base}#${count}`
    const className = base.slice(base.lastIndexOf('.') + 1)
    const event: PendingEvent = { name: unique, className, zone, outcomes }
    this.classes.add(className)
    this.#pending.set(unique, event)
    this.version++
    return () => this.#remove(event)
  }

  /** Something that may happen at any moment, once. Returns what takes it back. */
  allow(name: string, zone: TimeZone | undefined, happen: () => void): () => void {
    if (this.#actions.has(checkName(name))) throw new ExplorerError(`There are two actions named ${name}.`)
    const action: Action = { name, zone, happen }
    this.#actions.set(name, action)
    this.version++
    return () => {
      if (this.#actions.get(name) === action) this.#actions.delete(name)
    }
  }

  /** All answers that can come now. */
  events(): Step[] {
    const steps: Step[] = []
    for (const event of this.#pending.values()) {
      if (!event.zone.isActive || this.#stalled.has(event.className)) continue
      for (const outcome of event.outcomes) {
        if (outcome.name === '!' && !this.#withErrors) continue
        const ending = outcome.name === '' || outcome.name === '!' ? outcome.name : `:${outcome.name}`
        steps.push({
          token: `${event.name}${ending}`,
          kind: 'event',
          isPossible: () => this.#pending.get(event.name) === event,
          perform: () => {
            this.#remove(event)
            outcome.happen()
          },
        })
      }
    }
    return steps
  }

  actions(): Step[] {
    const steps: Step[] = []
    for (const action of this.#actions.values()) {
      if (action.zone?.isActive === false) continue
      steps.push({
        token: action.name,
        kind: 'action',
        isPossible: () => this.#actions.get(action.name) === action,
        perform: () => {
          this.#actions.delete(action.name)
          this.version++
          action.happen()
        },
      })
    }
    return steps
  }

  #remove(event: PendingEvent): void {
    if (this.#pending.get(event.name) !== event) return
    this.#pending.delete(event.name)
    this.version++
  }
}
