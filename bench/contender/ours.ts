import { GenerationJobManager, type GenerationJobManagerOptions, type JobHandle } from 'generation-jobs'

/** Logs that no measured job can fill; what is kept in them is part of what is measured. */
export const ROOMY = { maxLogEvents: Number.POSITIVE_INFINITY, maxLogBytes: 1024 ** 3 } as const

export function newManager(options: GenerationJobManagerOptions = {}): GenerationJobManager {
  return new GenerationJobManager({ logger: false, ...options })
}

/** Registers a job that streams the source. */
export function streamJob(manager: GenerationJobManager, source: AsyncIterable<string>): Promise<JobHandle<unknown>> {
  return manager.register(async (run) => {
    const { finish } = await run.stream(source)
    return finish
  })
}

/** @throws {Error} when the job did not end so, because then the wrong thing was measured */
export async function expectEnd(handle: JobHandle<unknown>, status: 'completed' | 'cancelled'): Promise<void> {
  const outcome = await handle.settled
  if (outcome.status !== status) throw new Error(`the job ended ${JSON.stringify(outcome)} instead of ${status}`)
}
