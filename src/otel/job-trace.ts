import { type Attributes, type Context, type Span, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import type { ManagerEvents } from '../core/manager-events.js'
import type { JobOutcome } from '../core/outcome.js'
import type { CancelReason } from '../protocol/cancel-reason.js'
import { ATTRIBUTE, OPERATION, SPAN } from './names.js'

/** The spans of one job: one for all of it, and below it the queue, the run, each step and the commit. */
export class JobTrace {
  readonly #tracer: Tracer
  readonly #job: Span
  readonly #jobContext: Context
  #runContext: Context
  #queue: Span | undefined
  #run: Span | undefined
  #step: Span | undefined
  #commit: Span | undefined
  #isEnded = false

  constructor(tracer: Tracer, parent: Context) {
    this.#tracer = tracer
    this.#job = tracer.startSpan(SPAN.job, { attributes: { [ATTRIBUTE.operation]: OPERATION } }, parent)
    this.#jobContext = trace.setSpan(parent, this.#job)
    this.#runContext = this.#jobContext
    this.#queue = tracer.startSpan(SPAN.queue, {}, this.#jobContext)
  }

  /** Where spans of the producer belong. */
  get runContext(): Context {
    return this.#runContext
  }

  registered(attributes: Attributes): void {
    this.#job.setAttributes(attributes)
  }

  started(): void {
    this.#queue?.end()
    this.#queue = undefined
    this.#run = this.#tracer.startSpan(SPAN.run, {}, this.#jobContext)
    this.#runContext = trace.setSpan(this.#jobContext, this.#run)
  }

  step(name: string): void {
    this.#step?.end()
    const attributes = { [ATTRIBUTE.step]: name }
    this.#step = this.#tracer.startSpan(`${SPAN.step} ${name}`, { attributes }, this.#runContext)
  }

  committing(): void {
    this.#commit = this.#tracer.startSpan(SPAN.commit, {}, this.#runContext)
  }

  cancelRequested({ kind }: CancelReason): void {
    this.#job.addEvent('cancel_requested', { [ATTRIBUTE.cancelKind]: kind })
  }

  cleanupFailed(label: string | undefined): void {
    this.#job.addEvent('cleanup_failed', label === undefined ? {} : { label })
  }

  /** What the event of the end tells beyond the outcome. */
  counted({ chunks, droppedChunks, firstChunkMs, cancelMs }: ManagerEvents['settled']): void {
    this.#job.setAttributes({
      [ATTRIBUTE.chunks]: chunks,
      [ATTRIBUTE.lateChunks]: droppedChunks,
      ...(firstChunkMs !== undefined && { [ATTRIBUTE.timeToFirstChunk]: firstChunkMs / 1_000 }),
      ...(cancelMs !== undefined && { [ATTRIBUTE.cancelMs]: cancelMs }),
    })
  }

  /** A cancel is an end like any other; only a failure is an error. */
  settled(outcome: JobOutcome<unknown>): void {
    if (this.#isEnded) return
    this.#job.setAttributes(outcomeAttributes(outcome))
    if (outcome.status === 'cancelled') this.#job.addEvent('cancelled', { [ATTRIBUTE.cancelKind]: outcome.reason.kind })
    if (outcome.status === 'failed') this.#fail(outcome.error.code)
    this.#end()
  }

  /** The registration was refused, so there is no job. */
  refused(code: string): void {
    this.#fail(code)
    this.#end()
  }

  /** An earlier job with the same key was answered. */
  joined(): void {
    this.#job.setAttribute(ATTRIBUTE.created, false)
    this.#end()
  }

  #fail(code: string): void {
    this.#job.setAttribute(ATTRIBUTE.errorType, code)
    // No message: a foreign one may hold a prompt or a key.
    for (const span of [this.#commit, this.#run, this.#job]) span?.setStatus({ code: SpanStatusCode.ERROR })
  }

  #end(): void {
    this.#isEnded = true
    for (const span of [this.#commit, this.#step, this.#run, this.#queue, this.#job]) span?.end()
  }
}

function outcomeAttributes(outcome: JobOutcome<unknown>): Attributes {
  const { status, commit, cleanup, forced, recorded, usage } = outcome
  return {
    [ATTRIBUTE.status]: status,
    [ATTRIBUTE.commit]: commit,
    [ATTRIBUTE.cleanup]: cleanup,
    [ATTRIBUTE.forced]: forced,
    [ATTRIBUTE.recorded]: recorded,
    ...(outcome.status === 'cancelled' && { [ATTRIBUTE.cancelKind]: outcome.reason.kind }),
    ...(usage?.inputTokens !== undefined && { [ATTRIBUTE.inputTokens]: usage.inputTokens }),
    ...(usage?.outputTokens !== undefined && { [ATTRIBUTE.outputTokens]: usage.outputTokens }),
  }
}
