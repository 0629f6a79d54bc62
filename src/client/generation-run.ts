import type { CancelKind } from '../protocol/cancel-reason.js'
import { type Answer, ask, type Body, jobPath } from './answer.js'
import { cancelInBackground } from './background-cancel.js'
import type { CancelAnswer } from './cancel-request.js'
import type { ClientContext, StreamEvent } from './client-options.js'
import { createJob } from './create-job.js'
import { createEventFeed, type EventFeed } from './event-feed.js'
import { failure, failureOfAnswer } from './failure.js'
import { enter, type GenerationFailure, type GenerationState, seen, starting } from './generation-state.js'
import { beginInterruption, type Interruption } from './interruption.js'

/** Limit of reading a job's status, ms. */
const STATUS_TIMEOUT_MS = 10_000

/** One run of a client: from `start` or `attach` to its end, or until the client lets go of it. */
export interface GenerationRun {
  /** Resolves when the job is known (`start`) or its stream open (`attach`), and at the latest at the end. */
  readonly ready: Promise<void>
  isOver(): boolean
  /** `body`: the parameters as JSON. */
  start(body: string): void
  attach(jobId: string, after: number): void
  interrupt(): Promise<void>
  /** Lets go of the run: the job goes on, unless a person has asked for its cancel. */
  detach(): void
}

/** A run owns its connection, its timers and its interrupt; after its end nothing of it calls `publish`. */
export function createRun<Result>(
  context: ClientContext,
  publish: (state: GenerationState<Result>) => void,
): GenerationRun {
  const { words, onEvent } = context
  const creating = new AbortController()
  const reading = new AbortController()
  let state: GenerationState<Result> = starting()
  let published: GenerationState<Result> | undefined
  let jobId = ''
  let creation: Promise<string> | undefined
  let feed: EventFeed | undefined
  let interruption: Interruption | undefined
  let isOver = false
  let resolveReady = (): void => {}
  const ready = new Promise<void>((resolve) => {
    resolveReady = resolve
  })

  function show(next = state): void {
    state = next
    if (state === published) return
    published = state
    publish(state)
  }

  function release(): void {
    isOver = true
    feed?.close()
    reading.abort()
    interruption?.end()
    resolveReady()
  }

  function finish(next: GenerationState<Result>): void {
    if (isOver) return
    release()
    show(next)
  }

  const fail = (error: GenerationFailure) => finish(enter(state, { phase: 'failed', message: error.message, error }))
  const complete = (result: unknown) =>
    finish(enter(state, { phase: 'completed', message: words.completed, result: result as Result }))
  const endInterrupted = (message: string, forced = false) =>
    finish(enter(state, { phase: 'interrupted', message, forced }))

  function endCancelled({ kind = 'user', message }: Body): void {
    if (kind === 'user') endInterrupted(words.interrupted)
    else fail(failure(words, { code: `cancelled.${kind}`, message }))
  }

  /** Shows the end that a record tells; false when it tells none. */
  function endAsRecorded(record: Body): boolean {
    const { status, kind, result, error } = record
    if (status === 'completed') complete(result)
    else if (status === 'failed') fail(failure(words, Object(error)))
    else if (status !== 'cancelled') return false
    else if (kind) endCancelled(record)
    else endInterrupted(words.alreadyCancelled)
    return true
  }

  // The job becomes known.

  async function create(body: string): Promise<string> {
    const answer = await createJob(context, body, creating.signal)
    const id = answer && answer.status < 300 ? String(answer.body.job_id ?? '') : ''
    if (isOver) return id
    if (!id) fail(failureOfAnswer(words, answer))
    else {
      know(id, 0)
      if (interruption) {
        show(seen(state, { jobId }))
        interruption.ask(id)
      } else {
        show(enter(state, { phase: 'running', jobId, canInterrupt: true }))
        feed?.open()
      }
      resolveReady()
    }
    return id
  }

  function know(id: string, after: number): void {
    jobId = id
    feed = createEventFeed(context, id, after, {
      wantsMore: () => !interruption?.isOwn,
      onOpen() {
        if (state.phase === 'starting') show(enter(state, { phase: 'running', jobId, canInterrupt: true }))
        resolveReady()
      },
      onEvent: onStreamEvent,
      onBatch: show,
      onEnd: onStreamEnd,
    })
  }

  // What the stream says.

  function onStreamEvent(lastSeq: number, event?: StreamEvent): void {
    state = seen(state, { lastSeq })
    if (!event || (event.type === 'complete' && interruption?.isAccepted)) return
    onEvent(event)
    if (isOver) return
    if (event.type === 'step') state = seen(state, { step: event.step })
    else if (event.type === 'chunk') state = seen(state, { text: state.text + event.content })
    else if (event.type === 'cancelling') onCancelling(event.kind)
    else if (event.type === 'cancelled') endCancelled({ ...event })
    else if (event.type === 'complete') complete(event.result)
    else if (event.type === 'error') fail(failure(words, event))
  }

  /** The job is on its one way to `cancelled`; a person at another tab may have asked. */
  function onCancelling(kind: CancelKind): void {
    if (interruption) interruption.isAccepted = true
    else if (kind !== 'user') state = enter(state, { phase: 'running', jobId })
    else {
      beginInterrupt(false).isAccepted = true
      state = enter(state, { phase: 'interrupting', message: words.interrupting, isInterrupting: true })
    }
  }

  function onStreamEnd(answer?: Answer): void {
    const unreadable = (): void => {
      if (!interruption) fail(failureOfAnswer(words, answer)) // else its own limit decides
    }
    const isDrained = answer?.status === 204
    if (!isDrained && answer?.status !== 410) unreadable()
    else void readEnd(STATUS_TIMEOUT_MS, {}, isDrained ? () => feed?.retry() : unreadable)
  }

  /** The job has ended; its record says how, or else what is known already. The stream may be faster. */
  async function readEnd(timeoutMs: number, known: Body, otherwise: () => void): Promise<void> {
    const record = await ask(context, jobPath(jobId), timeoutMs, reading)
    if (isOver || endAsRecorded({ ...known, ...record?.body }) || endAsRecorded(known)) return
    otherwise()
  }

  // The interrupt.

  function beginInterrupt(isOwn: boolean): Interruption {
    interruption = beginInterruption(context, isOwn, onCancelAnswer, force)
    return interruption
  }

  function onCancelAnswer(answer: CancelAnswer): void {
    const { outcome, status } = answer
    if (outcome === 'cancelled') endCancelled(answer)
    else if (outcome === 'too-late') goOn()
    else if (outcome === 'already-settled') void readEnd(interruption?.stopLimit() ?? 0, { status }, force)
    else if (outcome === 'not-found') force()
    else if (outcome === 'requested' && interruption) interruption.isAccepted = true
  }

  /** Too late: the result is being saved, so the run is followed to its end. */
  function goOn(): void {
    interruption?.end()
    interruption = undefined
    show(enter(state, { phase: 'running', jobId, message: words.tooLate }))
    if (!isOver) feed?.open()
  }

  /** The person is free; a cancel that nobody answered goes on without this run. */
  function force(): void {
    cancelLater()
    endInterrupted(words.interruptForced, true)
  }

  function cancelLater(): boolean {
    if (!interruption?.isOwn || interruption.isAnswered) return false
    void cancelInBackground(context, jobId || (creation ?? ''))
    return true
  }

  return {
    ready,
    isOver: () => isOver,
    start(body) {
      creation = create(body)
      show()
    },
    attach(id, after) {
      know(id, after)
      show(starting(id, after))
      feed?.open()
    },
    interrupt() {
      if (interruption) return interruption.over
      if (!state.canInterrupt) return ready
      const own = beginInterrupt(true)
      show(enter(state, { phase: 'interrupting', message: words.interrupting, isInterrupting: true }))
      if (jobId && !isOver) own.ask(jobId)
      return own.over
    },
    detach() {
      if (isOver) return
      if (!cancelLater()) creating.abort()
      release()
    },
  }
}
