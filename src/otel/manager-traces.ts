import { type Attributes, context, type Tracer } from '@opentelemetry/api'
import { isGenerationJobError } from '../core/errors.js'
import type { JobHandle } from '../core/job-handle.js'
import type { GenerationJobManager } from '../core/manager.js'
import type { RegisterOptions } from '../core/options.js'
import type { Producer } from '../core/producer.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import { JobTrace } from './job-trace.js'
import { listen } from './listen.js'
import { ATTRIBUTE } from './names.js'
import { tracedProducer } from './traced-producer.js'

/** Traces the jobs that are registered with this manager. Answers the end of it; traces under way go on to their ends. */
export function traceManager(
  manager: GenerationJobManager,
  tracer: Tracer,
  attributesOf: (job: JobSnapshot) => Attributes,
): () => void {
  const traces = new Map<string, JobTrace>()
  const stopFollowing = followJobs(manager, traces)
  const register = manager.register.bind(manager)

  async function tracedRegister<T>(producer: Producer<T>, options?: RegisterOptions): Promise<JobHandle<T>> {
    const trace = new JobTrace(tracer, context.active())
    let handle: JobHandle<T>
    try {
      // Whatever is no function is left for register to refuse.
      const traced = typeof producer === 'function' ? tracedProducer(producer, () => trace.runContext) : producer
      handle = await register(traced, options)
    } catch (error) {
      trace.refused(isGenerationJobError(error) ? error.code : 'register.failed')
      throw error
    }
    if (!handle.created) {
      trace.joined()
      return handle
    }
    const { jobId } = handle
    const job = handle.snapshot()
    trace.registered({
      [ATTRIBUTE.jobId]: jobId,
      ...(job.group !== undefined && { [ATTRIBUTE.conversation]: job.group }),
      ...attributesOf(job),
    })
    traces.set(jobId, trace)
    void handle.settled.then((outcome) => {
      traces.delete(jobId)
      trace.settled(outcome)
    })
    return handle
  }

  manager.register = tracedRegister
  return () => {
    if (manager.register === tracedRegister) Reflect.deleteProperty(manager, 'register')
    stopFollowing()
  }
}

function followJobs(manager: GenerationJobManager, traces: ReadonlyMap<string, JobTrace>): () => void {
  const listeners = [
    listen(manager, 'started', ({ job }) => traces.get(job.jobId)?.started()),
    listen(manager, 'step', ({ job, step }) => traces.get(job.jobId)?.step(step)),
    listen(manager, 'committing', ({ job }) => traces.get(job.jobId)?.committing()),
    listen(manager, 'cancelRequested', ({ job, reason }) => traces.get(job.jobId)?.cancelRequested(reason)),
    listen(manager, 'cleanupFailed', ({ job, label }) => traces.get(job.jobId)?.cleanupFailed(label)),
    listen(manager, 'settled', (settled) => traces.get(settled.job.jobId)?.counted(settled)),
  ]
  return () => {
    for (const stop of listeners) stop()
  }
}
