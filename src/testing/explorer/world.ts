import type { GenerationSource } from '../../core/generation-source.js'
import type { JobStore } from '../../core/job-store.js'
import { createMemoryJobStore } from '../../core/memory/memory-job-store.js'
import type { GenerationJobManagerOptions } from '../../core/options.js'
import type { Clock } from '../../protocol/clock.js'
import { type CountingSignal, countingSignal } from '../counting-signal.js'
import type { StoreOperation } from '../store-operations.js'
import { EventBoard } from './event-board.js'
import { ExplorerError } from './explorer-error.js'
import { History } from './facts.js'
import { type ManagerLike, observedManager } from './observed-manager.js'
import { RecordWatch } from './record-watch.js'
import { WorldNodeState } from './world-node.js'
import { type WorldSourceOptions, worldSource } from './world-source.js'
import { type StoreAnswer, worldStore } from './world-store.js'
import { WorldTime } from './world-time.js'

/** One process in the world: what it reaches of the outside. */
export interface WorldNode {
  /** Its clock; the explorer moves it. */
  readonly clock: Clock
  /** Its way to the memory store that all nodes share. */
  readonly store: JobStore
  /** A manager of this node: `world.manager(GenerationJobManager, { gracePeriodMs: 100 })`. What its jobs do is checked. */
  manager<M extends ManagerLike>(
    Manager: new (options: GenerationJobManagerOptions) => M,
    options?: Omit<GenerationJobManagerOptions, 'clock' | 'store'>,
  ): M
  /** A source whose every answer is an event. */
  source(name: string, options?: WorldSourceOptions): GenerationSource
  /** Waits for the outside: a save, a cleanup, a request. Resolves or rejects when the explorer says so, or never. */
  event<T = undefined>(name: string, options?: EventOptions<T>): Promise<T>
  /** As SIGSTOP, SIGCONT, SIGKILL. */
  pause(): void
  resume(): void
  crash(): void
}

/** How an event of the outside world can come out; each way is a schedule of its own. */
export interface EventOptions<T> {
  /** What it resolves with. */
  value?: T | undefined
  /** What it may reject with; `false`: it never rejects. @defaultValue an Error that says `<name> failed` */
  error?: unknown
  /** Further outcomes by name; what one throws, the event rejects with. */
  outcomes?: Readonly<Record<string, () => T>> | undefined
}

/** The outside of a system under test, in the hands of the explorer: nothing happens here that it does not decide. */
export interface World extends WorldNode {
  /** Another process. Without `hints` it hears nothing from the store of its own accord: they may get lost. */
  node(name: string, options?: { hints?: boolean | undefined }): WorldNode
  /** Something that may happen once, at any moment or never: a cancel, a reader who leaves. */
  action(name: string, happen: () => unknown): void
  /** Decides something here and now. */
  choose<T extends string>(name: string, values: readonly T[]): T
  /** A caller's signal that may abort at any moment, as an action of that name; nothing of ours may stay on it. */
  signal(name: string): AbortSignal
  /** Adds a line to the trace. */
  note(text: string): void
}

export interface WorldSetup {
  readonly stalled: ReadonlySet<string>
  readonly errors: boolean
  readonly leaseMs: number
  readonly heartbeatMs: number | undefined
  readonly choose: (name: string, values: readonly string[]) => string
  readonly answerOf: (operation: StoreOperation) => StoreAnswer
}

/** A manager that a scenario made. */
export interface WorldManager {
  readonly manager: ManagerLike
  readonly node: WorldNodeState
  /** Numbers of its cancels that are not answered. */
  readonly open: ReadonlySet<number>
}

/** A world and its other side: what the explorer sees and moves. */
export class ExploredWorld {
  readonly time = new WorldTime()
  readonly history = new History(this.time)
  readonly board: EventBoard
  readonly store: JobStore
  readonly managers: WorldManager[] = []
  readonly signals: { readonly name: string; readonly signal: CountingSignal }[] = []
  readonly facade: World
  readonly #watch: RecordWatch
  readonly #setup: WorldSetup
  #calls = 0

  constructor(setup: WorldSetup) {
    this.#setup = setup
    this.board = new EventBoard(setup.stalled, setup.errors)
    this.store = createMemoryJobStore({ clock: this.time.clock({ isActive: true }), leaseMs: setup.leaseMs })
    this.#watch = new RecordWatch(this.store, this.history)
    this.facade = this.#makeFacade()
  }

  /** Deletes what is past its retention, as the sweep of any node would. */
  sweep(retentionMs: number): void {
    this.time.now += retentionMs
    void this.store.sweep()
    this.#watch.forget()
  }

  #makeFacade(): World {
    const { board, history } = this
    const choose = this.#setup.choose
    const names = new Set<string>()
    return Object.assign(this.#makeNode(''), {
      node: (name: string, { hints = true }: { hints?: boolean | undefined } = {}) => {
        if (name === '' || names.has(name)) throw new ExplorerError(`There are two nodes named ${name}.`)
        names.add(name)
        return this.#makeNode(name, hints)
      },
      action: (name: string, happen: () => unknown) => {
        board.allow(name, undefined, () => void happen())
      },
      choose: <T extends string>(name: string, values: readonly T[]): T => choose(name, values) as T,
      signal: (name: string) => {
        const signal = countingSignal()
        this.signals.push({ name, signal })
        board.allow(name, undefined, () => signal.abort())
        return signal.signal
      },
      note: (text: string) => history.note({ type: 'note', text }),
    })
  }

  #makeNode(name: string, hears = true): WorldNode {
    const { board, history, time } = this
    const node = new WorldNodeState(name, hears)
    const clock = time.clock(node)
    const { heartbeatMs, answerOf } = this.#setup
    const watch = this.#watch
    const store = worldStore({ inner: this.store, node, board, history, watch, heartbeatMs, decide: answerOf })
    const move = (what: 'paused' | 'resumed' | 'crashed', go: () => void) => (): void => {
      history.note({ type: 'node', node: name, what })
      board.version++
      go()
    }
    return {
      clock,
      store,
      manager: (Manager, options = {}) => {
        const open = new Set<number>()
        const parts = { history, watch, open, nextCall: () => ++this.#calls }
        const manager = observedManager(Manager, options, { clock, store }, parts)
        this.managers.push({ manager, node, open })
        return manager
      },
      source: (source, options = {}) => worldSource(source, options, { board, history, zone: node }),
      event: <T>(event: string, options: EventOptions<T> = {}): Promise<T> => expectEvent(board, node, event, options),
      pause: move('paused', () => node.pause()),
      resume: move('resumed', () => node.resume()),
      crash: move('crashed', () => node.crash()),
    }
  }
}

function expectEvent<T>(
  board: EventBoard,
  node: WorldNodeState,
  name: string,
  { value, error = new Error(`${name} failed`), outcomes = {} }: EventOptions<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const others = Object.entries(outcomes).map(([other, make]) => ({
      name: other,
      happen: () => {
        try {
          resolve(make())
        } catch (thrown) {
          reject(thrown)
        }
      },
    }))
    board.expect(name, node, [
      { name: '', happen: () => resolve(value as T) },
      ...(error === false ? [] : [{ name: '!', happen: () => reject(error) }]),
      ...others,
    ])
  })
}
