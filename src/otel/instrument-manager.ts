import { type Attributes, diag, type Meter, metrics, type Tracer, trace } from '@opentelemetry/api'
import { InvalidOptionsError, kindOf } from '../core/errors.js'
import type { GenerationJobManager } from '../core/manager.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import { measureManager } from './manager-metrics.js'
import { traceManager } from './manager-traces.js'

const SCOPE = 'generation-jobs'

/** Of {@link instrumentManager}. */
export interface InstrumentOptions {
  /** @defaultValue the global provider's tracer `generation-jobs`, which does nothing until an SDK is registered */
  tracer?: Tracer | undefined
  /** @defaultValue the global provider's meter `generation-jobs`, likewise */
  meter?: Meter | undefined
  /**
   * What the application knows about a job besides, for its span and all its metrics: `gen_ai.provider.name`, `gen_ai.request.model`.
   * Keep it to few different values: each combination is a time series. @defaultValue none
   */
  attributes?: ((job: JobSnapshot) => Attributes) | undefined
}

/**
 * Traces and measures the jobs of one manager, until the returned function is called or the manager is closed.
 *
 * The span of a job is a child of what is active when `register` is called, and the spans that its producer makes are children of
 * its run. Prompts, texts and messages of errors are never in it. Metrics are of this process; jobs of a dead owner count where they
 * were reaped.
 *
 * @throws {InvalidOptionsError} when `attributes` is no function
 */
export function instrumentManager(manager: GenerationJobManager, options: InstrumentOptions = {}): () => void {
  const { tracer = trace.getTracer(SCOPE), meter = metrics.getMeter(SCOPE), attributes = () => ({}) } = options
  if (typeof attributes !== 'function') {
    throw new InvalidOptionsError(`instrumentManager: expected attributes to be a function, got ${kindOf(attributes)}.`)
  }
  const attributesOf = (job: JobSnapshot): Attributes => {
    try {
      return attributes(job)
    } catch (error) {
      diag.warn(`generation-jobs: attributes() threw for job ${job.jobId}`, error)
      return {}
    }
  }
  const stops = [traceManager(manager, tracer, attributesOf), measureManager(manager, meter, attributesOf)]
  return () => {
    for (const stop of stops.splice(0)) stop()
  }
}
