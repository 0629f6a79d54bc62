import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api'
import type { GenerationJobManager } from '../core/manager.js'
import type { ManagerEvents } from '../core/manager-events.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import { listen } from './listen.js'
import { ATTRIBUTE, METRIC, OPERATION } from './names.js'

/** Statuses of jobs that still use something. */
const LIVE = ['pending', 'running', 'committing', 'cancelling'] as const
/** From a few milliseconds, as a cancel should take, to the grace period. */
const CANCEL_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 7, 10]
/** The conventions' own buckets for spans of a model call, seconds. */
const OPERATION_BUCKETS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]

/** Measures the jobs of this process. Answers the end of it. */
export function measureManager(
  manager: GenerationJobManager,
  meter: Meter,
  attributesOf: (job: JobSnapshot) => Attributes,
): () => void {
  const seconds = (name: string, description: string, boundaries = OPERATION_BUCKETS) =>
    meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: boundaries } })

  const live = meter.createObservableGauge(METRIC.live, { description: 'Jobs that have not ended', unit: '{job}' })
  const settled = meter.createCounter(METRIC.settled, { description: 'Jobs that ended', unit: '{job}' })
  const forced = meter.createCounter(METRIC.forced, {
    description: 'Ends that did not wait for user code',
    unit: '{job}',
  })
  const late = meter.createCounter(METRIC.lateChunks, {
    description: 'Chunks after a cancel, dropped',
    unit: '{chunk}',
  })
  const tokens = meter.createHistogram(METRIC.tokenUsage, { description: 'Tokens that were reported', unit: '{token}' })
  const queued = seconds(METRIC.queueDuration, 'From register to the start of the producer')
  const cancelled = seconds(
    METRIC.cancelDuration,
    'From the cancel request until everything is released',
    CANCEL_BUCKETS,
  )
  const operation = seconds(METRIC.operationDuration, 'From the start of the producer to the end of the job')
  const firstChunk = seconds(METRIC.timeToFirstChunk, 'From the start of the producer to its first chunk')

  const observe = (result: ObservableResult): void => {
    const { jobs } = manager.stats()
    for (const status of LIVE) result.observe(jobs[status], { [ATTRIBUTE.status]: status })
  }
  live.addCallback(observe)

  const stopListening = listen(manager, 'settled', (end) => {
    const { outcome, chunks, droppedChunks, firstChunkMs, cancelMs } = end
    const common = { [ATTRIBUTE.operation]: OPERATION, ...attributesOf(end.job) }
    settled.add(1, { ...common, ...endAttributes(end) })
    if (outcome.forced) forced.add(1, common)
    if (droppedChunks > 0) late.add(droppedChunks, common)
    queued.record(outcome.queuedMs / 1_000, common)
    if (cancelMs !== undefined) cancelled.record(cancelMs / 1_000, { ...common, ...endAttributes(end) })
    if (outcome.runMs > 0 || chunks > 0) operation.record(outcome.runMs / 1_000, { ...common, ...errorAttribute(end) })
    if (firstChunkMs !== undefined) firstChunk.record(firstChunkMs / 1_000, common)
    // What nobody reported is not counted: a 0 would say that nothing was used.
    const { inputTokens, outputTokens } = outcome.usage ?? {}
    if (inputTokens !== undefined) tokens.record(inputTokens, { ...common, [ATTRIBUTE.tokenType]: 'input' })
    if (outputTokens !== undefined) tokens.record(outputTokens, { ...common, [ATTRIBUTE.tokenType]: 'output' })
  })

  return () => {
    live.removeCallback(observe)
    stopListening()
  }
}

function endAttributes(end: ManagerEvents['settled']): Attributes {
  const { outcome } = end
  return {
    [ATTRIBUTE.status]: outcome.status,
    ...(outcome.status === 'cancelled' && { [ATTRIBUTE.cancelKind]: outcome.reason.kind }),
    ...errorAttribute(end),
  }
}

/** Only a failure is an error; a cancel is what somebody wanted. */
function errorAttribute({ outcome }: ManagerEvents['settled']): Attributes {
  return outcome.status === 'failed' ? { [ATTRIBUTE.errorType]: outcome.error.code } : {}
}
