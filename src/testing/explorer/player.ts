import { firstBroken } from '../invariants/first-broken.js'
import type { StoreOperation } from '../store-operations.js'
import { endOfWorld } from './end-of-world.js'
import {
  type Broken,
  type Execution,
  type ExecutionOptions,
  NO_STALL,
  neverSettles,
  type Picker,
  type Scenario,
} from './execution.js'
import { ExplorerError } from './explorer-error.js'
import { Choice, NextStep, type Step } from './schedule.js'
import { StateHash } from './state-key.js'
import { ExploredWorld } from './world.js'
import type { StoreAnswer } from './world-store.js'
import { afterMicrotasks, macrotask, realTime } from './world-time.js'

/** Plays a scenario once, along the decisions of `picker`. `pauseMs`: real milliseconds of waiting at each step. */
export function play(scenario: Scenario, picker: Picker, options: ExecutionOptions, pauseMs = 0): Promise<Execution> {
  return new Player(scenario, picker, options, pauseMs).play()
}

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
  #isSettled = false
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
    const stalled = this.#choose('stall', options.stalls)
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
    await macrotask() // so that one execution after the other does not starve the event loop
    const { history, board } = this.#world
    return {
      end: typeof end === 'string' ? end : 'broken',
      tokens: this.#tokens,
      tokenSteps: this.#tokenSteps,
      history,
      steps: history.step,
      classes: board.classes,
      broken: typeof end === 'string' ? undefined : end,
    }
  }

  async #playToEnd(): Promise<'complete' | 'known' | 'void' | Broken> {
    const { history, board, time } = this.#world
    const { maxSteps, retentionMs } = this.#options
    this.#start()
    for (;;) {
      await this.#drain()
      const broken = this.#check(false)
      if (broken) return broken
      if (this.#isSettled) break
      if (history.step >= maxSteps) return neverSettles(`it took ${maxSteps} steps`, board.waiting)
      if (this.#picker.isKnown?.(() => this.#hash.key(history, board, time, this.#decided))) return 'known'
      const next = this.#nextStep()
      if (next.size === 0) return await this.#stuck()
      history.step++
      if (!(await this.#take(next))) return 'void'
    }
    const broken = await endOfWorld({
      world: this.#world,
      maxSteps,
      retentionMs,
      choose: (name, values) => this.#choose(name, values),
      attempt: (perform) => this.#attempt(perform),
      drain: () => this.#drain(),
      check: (isOver) => this.#check(isOver),
    })
    return broken ?? 'complete'
  }

  #start(): void {
    const settle = (): void => {
      this.#isSettled = true
    }
    this.#attempt(() => {
      Promise.resolve(this.#scenario(this.#world.facade)).then(settle, (error: unknown) => {
        this.#failure ??= { error }
        settle()
      })
    })
  }

  // ── What can happen, and what does ───────────────────────────────────────────────────────────────────────────────

  #nextStep(): NextStep {
    const { board, time } = this.#world
    const { horizonMs, sameTick } = this.#options
    const events = board.events()
    const timer = time.next(horizonMs)
    const mayPass = timer && (events.length === 0 || timer.dueAt <= time.now || this.#timeSteps > 0)
    const passing: Step = {
      token: 'time',
      kind: 'time',
      isPossible: () => time.next(horizonMs) !== undefined,
      perform: () => this.#fireNext(),
    }
    const steps = [...events, ...(mayPass ? [passing] : []), ...board.actions()]
    return new NextStep(steps, this.#pairs > 0 ? sameTick : false)
  }

  /** Does what the picker wants; `false` if the second half of a pair was not possible any more. */
  async #take(next: NextStep): Promise<boolean> {
    const index = this.#picker.pick(next)
    this.#noteToken(next.token(index))
    const { first, second, distance } = next.at(index)
    if (first.kind === 'time') this.#noteTime()
    if (!second && first.kind === 'time') await this.#passTime(first)
    else this.#attempt(first.perform)
    if (!second) return true
    this.#pairs--
    for (let tick = 0; tick < distance; tick++) await undefined
    if (!second.isPossible()) return false
    this.#attempt(second.perform)
    return true
  }

  #noteTime(): void {
    const { board, history } = this.#world
    if (board.events().length > 0) this.#timeSteps--
    history.note({ type: 'time', waiting: board.waiting })
  }

  /** Time goes on until a limit shows an effect. */
  async #passTime(step: Step): Promise<void> {
    const { board, history } = this.#world
    const seen = history.all.length
    const { version } = board
    while (step.isPossible()) {
      this.#attempt(step.perform)
      await this.#drain()
      if (history.all.length !== seen || board.version !== version || this.#isSettled) return
    }
  }

  #fireNext(): void {
    const { time } = this.#world
    const timer = time.next(this.#options.horizonMs)
    if (timer) time.fire(timer)
  }

  #choose(name: string, values: readonly string[]): string {
    const [first] = values
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
    if (!answers || this.#storeFaults <= 0 || this.#isSettled) return 'now'
    const others = answers.filter((answer) => answer !== 'now')
    const answer = this.#choose(`store.${operation}`, ['now', ...others]) as StoreAnswer
    if (answer !== 'now') this.#storeFaults--
    return answer
  }

  #noteToken(token: string): void {
    this.#tokens.push(token)
    this.#tokenSteps.push(this.#world?.history.step ?? 0) // what stalls is decided before there is a world
  }

  #attempt(perform: () => void): void {
    try {
      perform()
    } catch (error) {
      this.#failure ??= { error }
    }
  }

  // ── What holds ───────────────────────────────────────────────────────────────────────────────────────────────────

  async #drain(): Promise<void> {
    if (this.#pauseMs > 0) await realTime(this.#pauseMs)
    // Only a turn of the event loop shows a rejection that nobody has handled so far.
    await this.#world.time.drain(this.#options.unhandled ? macrotask : afterMicrotasks)
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

  /** Nothing is left that could happen, and the scenario waits. */
  async #stuck(): Promise<Broken> {
    const { history, board } = this.#world
    const seen = history.all.length
    const { version } = board
    await realTime(STUCK_MS)
    await this.#drain()
    if (this.#isSettled || history.all.length !== seen || board.version !== version) {
      throw new ExplorerError(
        'The scenario was moved by something that the world does not control: a real timer, I/O, or another clock. ' +
          'Use world.clock, world.source and world.event for everything it waits for.',
      )
    }
    return neverSettles('nothing is left that could happen', board.waiting)
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
