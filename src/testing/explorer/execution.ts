import type { StoreOperation } from '../faulty-store.js'
import type { Invariant } from '../invariants/invariant.js'
import { firstBroken } from '../invariants/first-broken.js'
import { ExplorerError } from './explorer-error.js'
import type { History } from './facts.js'
import { Choice, type Decision, NextStep, type Step } from './schedule.js'
import { StateHash, type StateKey } from './state-key.js'
import type { StoreAnswer, StoreAnswers } from './world-store.js'
import { ExploredWorld, type World, type WorldManager } from './world.js'
import { realTime } from './world-time.js'

/** Builds a system under test in a world, and resolves when it has come to its end. */
export type Scenario = (world: World) => unknown

export interface ExecutionOptions {
  readonly sameTick: number | false
  readonly maxPairs: number
  /** Sets of classes of events that never happen, comma-separated; `none` for the empty one. */
  readonly stalls: readonly string[]
  readonly errors: boolean
  readonly timeSteps: number
  readonly store: StoreAnswers
  readonly maxStoreFaults: number
  readonly leaseMs: number
  readonly heartbeatMs: number | undefined
  readonly horizonMs: number
  readonly maxSteps: number
  readonly retentionMs: number
  readonly invariants: readonly Invariant[]
  readonly unhandled: (() => readonly unknown[]) | undefined
}

/** Who decides. */
export interface Picker {
  pick(decision: Decision): number
  /** Asked at each step with the state it would start from; `true`: everything from here on is known. */
  isKnown?(state: () => StateKey): boolean
}

export interface Broken {
  /** Id of the invariant, `scenario` for its own failure, `settles` for one that never ends, `unhandled` for a rejection. */
  readonly invariant: string
  readonly message: string
}

export interface Execution {
  /** `void`: the second half of a pair could not happen any more, so this is no schedule of its own. */
  readonly end: 'complete' | 'broken' | 'known' | 'void'
  readonly tokens: readonly string[]
  /** The step of the history in which each of them was decided. */
  readonly tokenSteps: readonly number[]
  readonly history: History
  readonly steps: number
  readonly classes: ReadonlySet<string>
  readonly broken: Broken | undefined
}

/** Plays a scenario once, along the decisions of `picker`. `pauseMs`: real milliseconds of waiting at each step. */
export function execute(
  scenario: Scenario,
  picker: Picker,
  options: ExecutionOptions,
  pauseMs = 0,
): Promise<Execution> {
  return new Player(scenario, picker, options, pauseMs).play()
}

/** Most answers that come after the scenario's end. */
const MAX_LATE = 20
/** No call of a store lasts longer, with the default limits. */
const STORE_CALL_MS = 10_000
/** Real milliseconds in which a stuck scenario may show that something outside moves it. */
const STUCK_MS = 300

class Player {
  readonly #scenario: Scenario
  readonly #picker: Picker
  readonly #options: ExecutionOptions
  readonly #pauseMs: number
  readonly #world: ExploredWorld
  readonly #hash = new StateHash()
  readonly #tokens: string[] = []
  readonly #tokenSteps: number[] = []
  /** What was decided in the world, which no fact tells. */
  #decided = ''
  #settled = false
  #failure: { readonly error: unknown } | undefined
  #fatal: { readonly error: unknown } | undefined
  #timeSteps: number
  #pairs: number
  #storeFaults: number
  #checked = -1

  constructor(scenario: Scenario, picker: Picker, options: ExecutionOptions, pauseMs: number) {
    this.#scenario = scenario
    this.#picker = picker
    this.#options = options
    this.#pauseMs = pauseMs
    this.#timeSteps = options.timeSteps
    this.#pairs = options.maxPairs
    this.#storeFaults = options.maxStoreFaults
    const stalled = options.stalls.length === 1 ? (options.stalls[0] ?? '') : this.#choose('stall', options.stalls)
    this.#world = new ExploredWorld({
      stalled: new Set(stalled === NO_STALL ? [] : stalled.split(',')),
      errors: options.errors,
      leaseMs: options.leaseMs,
      heartbeatMs: options.heartbeatMs,
      choose: (name, values) => this.#choose(name, values),
      answerOf: (operation) => this.#answerOf(operation),
    })
  }

  async play(): Promise<Execution> {
    const end = await this.#playToEnd()
    const { history, board } = this.#world
    const { broken } = typeof end === 'string' ? { broken: undefined } : end
    return {
      end: typeof end === 'string' ? end : 'broken',
      tokens: this.#tokens,
      tokenSteps: this.#tokenSteps,
      history,
      steps: history.step,
      classes: board.classes,
      broken,
    }
  }

  async #playToEnd(): Promise<'complete' | 'known' | 'void' | { broken: Broken }> {
    this.#start()
    for (;;) {
      await this.#drain()
      const broken = this.#check(false)
      if (broken) return { broken }
      if (this.#settled) break
      const { history, board, time } = this.#world
      if (history.step >= this.#options.maxSteps) return { broken: neverSettles(`${history.step} steps`, board.waiting) }
      if (this.#picker.isKnown?.(() => this.#hash.key(history, board, time, this.#decided))) return 'known'
      const next = this.#nextStep()
      if (next.size === 0) return { broken: await this.#stuck() }
      history.step++
      if (!(await this.#take(next))) return 'void'
    }
    const broken = await this.#endOfWorld()
    return broken ? { broken } : 'complete'
  }

  #start(): void {
    const done = (): void => {
      this.#settled = true
    }
    try {
      Promise.resolve(this.#scenario(this.#world.facade)).then(done, (error: unknown) => {
        this.#failure = { error }
        done()
      })
    } catch (error) {
      this.#failure = { error }
      done()
    }
  }

  // ── What can happen next ─────────────────────────────────────────────────────────────────────────────────────────

  #nextStep(): NextStep {
    const { board, time } = this.#world
    const events = board.events()
    const steps: Step[] = [...events]
    const timer = time.next(this.#options.horizonMs)
    if (timer && (events.length === 0 || timer.dueAt <= time.now || this.#timeSteps > 0)) {
      steps.push({
        token: 'time',
        kind: 'time',
        isPossible: () => time.next(this.#options.horizonMs) !== undefined,
        perform: () => this.#fireOne(),
      })
    }
    steps.push(...board.actions())
    return new NextStep(steps, this.#pairs > 0 ? this.#options.sameTick : false)
  }

  /** Does what the picker wants; `false` if the second half of a pair was not possible any more. */
  async #take(next: NextStep): Promise<boolean> {
    const index = this.#picker.pick(next)
    this.#noteToken(next.token(index))
    const { first, second, distance } = next.at(index)
    if (!second) {
      if (first.kind === 'time') await this.#passTime(first)
      else this.#try(first.perform)
      return true
    }
    this.#pairs--
    this.#try(first.perform)
    for (let tick = 0; tick < distance; tick++) await undefined
    if (!second.isPossible()) return false
    this.#try(second.perform)
    return true
  }

  /** Time goes on until a limit shows an effect. */
  async #passTime(step: Step): Promise<void> {
    const { board, history, time } = this.#world
    this.#noteTime()
    const seen = history.all.length
    const { version } = board
    while (step.isPossible()) {
      const timer = time.next(this.#options.horizonMs)
      if (timer) this.#try(() => time.fire(timer))
      await this.#drain()
      if (history.all.length !== seen || board.version !== version || this.#settled) return
    }
  }

  #fireOne(): void {
    const { time } = this.#world
    this.#noteTime()
    const timer = time.next(this.#options.horizonMs)
    if (timer) time.fire(timer)
  }

  #noteTime(): void {
    const { board, history } = this.#world
    if (board.events().length > 0) this.#timeSteps--
    history.note({ type: 'time', waiting: board.waiting })
  }

  #noteToken(token: string): void {
    this.#tokens.push(token)
    this.#tokenSteps.push(this.#world?.history.step ?? 0)
  }

  #choose(name: string, values: readonly string[]): string {
    const first = values[0]
    if (first === undefined) throw new ExplorerError(`choose(${name}): there is nothing to choose from.`)
    if (values.length === 1) return first
    try {
      const choice = new Choice(name, values)
      const index = this.#picker.pick(choice)
      const token = choice.token(index)
      this.#noteToken(token)
      this.#decided += `${token} `
      return values[index] ?? first
    } catch (error) {
      this.#fatal ??= { error } // code under test must not swallow it
      return first
    }
  }

  #answerOf(operation: StoreOperation): StoreAnswer {
    const answers = this.#options.store[operation]
    if (!answers || this.#storeFaults <= 0 || this.#settled) return 'now'
    const answer = this.#choose(`store.${operation}`, ['now', ...answers.filter((one) => one !== 'now')]) as StoreAnswer
    if (answer !== 'now') this.#storeFaults--
    return answer
  }

  // ── What holds ───────────────────────────────────────────────────────────────────────────────────────────────────

  async #drain(): Promise<void> {
    if (this.#pauseMs > 0) await realTime(this.#pauseMs)
    await this.#world.time.drain()
    if (this.#fatal) throw this.#fatal.error
    if (this.#failure?.error instanceof ExplorerError) throw this.#failure.error
  }

  #check(isOver: boolean): Broken | undefined {
    if (this.#failure) return { invariant: 'scenario', message: `The scenario failed: ${textOf(this.#failure.error)}` }
    const unhandled = this.#options.unhandled?.() ?? []
    if (unhandled.length > 0) {
      return { invariant: 'unhandled', message: `Nobody handled a rejection: ${unhandled.map(textOf).join('; ')}` }
    }
    const { history } = this.#world
    if (!isOver && history.all.length === this.#checked) return undefined
    this.#checked = history.all.length
    return firstBroken(this.#options.invariants, history, isOver)
  }

  #try(perform: () => void): void {
    try {
      perform()
    } catch (error) {
      this.#failure ??= { error }
    }
  }

  /** Nothing is left that could happen, and the scenario waits. */
  async #stuck(): Promise<Broken> {
    const { history, board } = this.#world
    const seen = history.all.length
    const { version } = board
    await realTime(STUCK_MS)
    await this.#drain()
    if (this.#settled || history.all.length !== seen || board.version !== version) {
      throw new ExplorerError(
        'The scenario was moved by something that the world does not control: a real timer, I/O, or another clock. ' +
          'Use world.clock, world.source and world.event for everything it waits for.',
      )
    }
    return neverSettles(`nothing is left that could happen`, board.waiting)
  }

  /** After the scenario: what comes late, then everything is closed, and nothing may be left. */
  async #endOfWorld(): Promise<Broken | undefined> {
    const { board } = this.#world
    const failing = board.events().some(isFailure)
    const wantsFailure = failing && this.#choose('late', ['ok', 'error']) === 'error'
    return (await this.#answerLate(wantsFailure)) ?? (await this.#close()) ?? this.#check(true)
  }

  async #answerLate(wantsFailure: boolean): Promise<Broken | undefined> {
    for (let count = 0; count < MAX_LATE; count++) {
      const events = this.#world.board.events()
      const step = (wantsFailure ? events.find(isFailure) : undefined) ?? events[0]
      if (!step) return undefined
      this.#world.history.step++
      this.#try(step.perform)
      await this.#drain()
      const broken = this.#check(false)
      if (broken) return broken
    }
    return { invariant: 'settles', message: `After its end the scenario goes on asking for ${this.#world.board.waiting.join(', ')}.` }
  }

  async #close(): Promise<Broken | undefined> {
    const { managers, history, board, time } = this.#world
    history.step++
    let open = 0
    for (const { manager, node } of managers) {
      node.resume()
      if (node.isCrashed) continue
      open++
      manager.close().then(
        () => open--,
        (error: unknown) => {
          this.#failure ??= { error }
        },
      )
    }
    await this.#drain()
    for (let count = 0; open > 0 || managers.some(hasOpenCancel); count++) {
      const broken = this.#check(false)
      if (broken) return broken
      const timer = time.next(Number.POSITIVE_INFINITY)
      const event = board.events()[0]
      if (count > this.#options.maxSteps || (!timer && !event)) {
        return { invariant: 'settles', message: `A manager does not close, or a cancel is never answered; owed: ${board.waiting.join(', ') || 'nothing'}.` }
      }
      if (event) this.#try(event.perform)
      else if (timer) this.#try(() => time.fire(timer))
      await this.#drain()
    }
    await this.#noteLeftovers()
    return undefined
  }

  /** Calls that the store never answered have a limit; it passes. */
  async #forgetCalls(): Promise<void> {
    const { time } = this.#world
    const until = time.now + STORE_CALL_MS
    for (let timer = time.next(until); timer; timer = time.next(until)) {
      time.fire(timer)
      await this.#drain()
    }
  }

  async #noteLeftovers(): Promise<void> {
    const { history, managers, signals, time } = this.#world
    if (history.of('store').length > 0) await this.#forgetCalls()
    for (const { dueAt } of time.timers) history.note({ type: 'left', what: `a timer, due at ${dueAt} ms` })
    this.#world.sweep(this.#options.retentionMs)
    for (const { manager, node } of managers) {
      if (node.isCrashed) continue
      for (const what of nonZero('', manager.stats())) history.note({ type: 'left', what })
    }
    for (const { name, signal } of signals) {
      if (signal.listeners() > 0) history.note({ type: 'left', what: `${signal.listeners()} listeners on the signal ${name}` })
    }
  }
}

/** The value of the stall choice that stalls nothing. */
export const NO_STALL = 'none'

function isFailure({ token }: Step): boolean {
  return token.endsWith('!')
}

function hasOpenCancel({ node, open }: WorldManager): boolean {
  return !node.isCrashed && open.size > 0
}

function neverSettles(because: string, waiting: readonly string[]): Broken {
  const owed = waiting.length > 0 ? `it waits for ${waiting.join(', ')}` : 'the world owes it nothing'
  return {
    invariant: 'settles',
    message:
      `The scenario never settles: ${because}, and ${owed}. ` +
      'Either the system under test hangs, or the scenario waits for something that does not come from its world (a real timer, I/O, a promise of its own).',
  }
}

/** `jobs.running is 1`, for each number that is not zero. */
function nonZero(path: string, value: object): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const name = path ? `${path}.${key}` : key
    if (typeof inner === 'object' && inner !== null) return nonZero(name, inner)
    return typeof inner === 'number' && inner !== 0 ? [`${name} is ${inner}`] : []
  })
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
