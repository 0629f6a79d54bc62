import type { Broken } from './execution.js'
import type { Step } from './schedule.js'
import type { ExploredWorld, WorldManager } from './world.js'

/** What the end needs of the one who plays. */
export interface EndHost {
  readonly world: ExploredWorld
  readonly maxSteps: number
  readonly retentionMs: number
  readonly choose: (name: string, values: readonly string[]) => string
  readonly attempt: (perform: () => void) => void
  readonly drain: () => Promise<void>
  readonly check: (isOver: boolean) => Broken | undefined
}

/** Most answers that come after the scenario's end. */
const MAX_LATE = 20
/** No call of a store lasts longer, with the default limits. */
const STORE_CALL_MS = 10_000

/** After the scenario: what comes late comes, then everything is closed, and nothing may be left. */
export async function endOfWorld(host: EndHost): Promise<Broken | undefined> {
  const mayFail = host.world.board.events().some(isFailure)
  const fails = mayFail && host.choose('late', ['ok', 'error']) === 'error'
  return (await answerLate(host, fails)) ?? (await close(host)) ?? host.check(true)
}

async function answerLate({ world, attempt, drain, check }: EndHost, fails: boolean): Promise<Broken | undefined> {
  const { board, history } = world
  for (let count = 0; count < MAX_LATE; count++) {
    const events = board.events()
    const step = (fails ? events.find(isFailure) : undefined) ?? events[0]
    if (!step) return undefined
    history.step++
    attempt(step.perform)
    await drain()
    const broken = check(false)
    if (broken) return broken
  }
  return { invariant: 'settles', message: `After its end the scenario goes on asking for ${board.waiting.join(', ')}.` }
}

async function close(host: EndHost): Promise<Broken | undefined> {
  const { world, attempt, drain, check, maxSteps } = host
  const { managers, history, board, time } = world
  history.step++
  const closing = managers.filter(({ node }) => !node.isCrashed)
  let open = closing.length
  for (const { manager, node } of closing) {
    node.resume()
    manager.close().then(
      () => open--,
      (error: unknown) =>
        attempt(() => {
          throw error
        }),
    )
  }
  await drain()
  for (let count = 0; open > 0 || closing.some(hasOpenCancel); count++) {
    const broken = check(false)
    if (broken) return broken
    const event = board.events()[0]
    const timer = time.next(Number.POSITIVE_INFINITY)
    if (event) attempt(event.perform)
    else if (timer) attempt(() => time.fire(timer))
    if (count > maxSteps || (!event && !timer)) {
      const owed = board.waiting.join(', ') || 'nothing'
      return {
        invariant: 'settles',
        message: `A manager does not close, or a cancel is never answered; owed: ${owed}.`,
      }
    }
    await drain()
  }
  await noteLeftovers(host, closing)
  return undefined
}

async function noteLeftovers({ world, drain, retentionMs }: EndHost, closed: readonly WorldManager[]): Promise<void> {
  const { history, signals, time } = world
  if (history.of('store').length > 0) {
    // Calls that the store never answered hold a timer until their limit.
    const until = time.now + STORE_CALL_MS
    for (let timer = time.next(until); timer; timer = time.next(until)) {
      time.fire(timer)
      await drain()
    }
  }
  const note = (what: string): void => history.note({ type: 'left', what })
  for (const { dueAt } of time.timers) note(`a timer, due at ${dueAt} ms`)
  world.sweep(retentionMs)
  for (const { manager } of closed) for (const what of nonZero('', manager.stats())) note(what)
  for (const { name, signal } of signals) {
    if (signal.listeners() > 0) note(`${signal.listeners()} listeners on the signal ${name}`)
  }
}

function isFailure({ token }: Step): boolean {
  return token.endsWith('!')
}

function hasOpenCancel({ open }: WorldManager): boolean {
  return open.size > 0
}

/** `jobs.running is 1`, for each number that is not zero. */
function nonZero(path: string, value: object): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const name = path ? `${path}.${key}` : key
    if (typeof inner === 'object' && inner !== null) return nonZero(name, inner)
    return typeof inner === 'number' && inner !== 0 ? [`${name} is ${inner}`] : []
  })
}
