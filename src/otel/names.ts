/**
 * Names of spans, metrics and attributes. Those of `gen_ai.*` are the semantic conventions for generative AI (status: development);
 * what they have no word for is `generation_jobs.*`.
 */
export const SPAN = { job: 'generation_job', queue: 'queue', run: 'run', step: 'step', commit: 'commit' } as const

export const METRIC = {
  live: 'generation_jobs.live',
  settled: 'generation_jobs.settled',
  forced: 'generation_jobs.forced',
  lateChunks: 'generation_jobs.late_chunks',
  queueDuration: 'generation_jobs.queue.duration',
  cancelDuration: 'generation_jobs.cancel.duration',
  operationDuration: 'gen_ai.client.operation.duration',
  timeToFirstChunk: 'gen_ai.client.operation.time_to_first_chunk',
  tokenUsage: 'gen_ai.client.token.usage',
} as const

export const ATTRIBUTE = {
  jobId: 'generation_jobs.job_id',
  status: 'generation_jobs.status',
  created: 'generation_jobs.created',
  step: 'generation_jobs.step',
  commit: 'generation_jobs.commit',
  cleanup: 'generation_jobs.cleanup',
  forced: 'generation_jobs.forced',
  recorded: 'generation_jobs.recorded',
  cancelKind: 'generation_jobs.cancel.kind',
  cancelMs: 'generation_jobs.cancel.duration_ms',
  chunks: 'generation_jobs.chunks',
  lateChunks: 'generation_jobs.late_chunks',
  errorType: 'error.type',
  operation: 'gen_ai.operation.name',
  conversation: 'gen_ai.conversation.id',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  tokenType: 'gen_ai.token.type',
  timeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
} as const

/** What a job is in the words of the conventions; an application's own attributes may say something else. */
export const OPERATION = 'chat'
