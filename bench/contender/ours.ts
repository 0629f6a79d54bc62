import {
  GenerationJobManager,
  type GenerationJobManagerOptions,
  type JobHandle,
  type RegisterOptions,
} from 'generation-jobs'

/** Logs that no measured job can fill; what is kept in them is part of what is measured. */
export const ROOMY = { maxLogEvents: Number.POSITIVE_INFINITY, maxLogBytes: 1024 ** 3 } as const

export function newManager(options: GenerationJobManagerOptions = {}): GenerationJobManager {
  return new GenerationJobManager({ logger: false, ...options })
}

/** Registers a job that streams the source. */
export function streamJob(
  manager: GenerationJobManager,
  source: AsyncIterable<string>,
  options: RegisterOptions = {},
): Promise<JobHandle<unknown>> {
  return manager.register(async (run) => {
    const { finish } = await run.stream(source)
    return finish
  }, options)
}

/** @throws {Error} when the job did not end so, because then the wrong thing was measured */
export async function expectEnd(handle: JobHandle<unknown>, status: 'completed' | 'cancelled'): Promise<void> {
  const outcome = await handle.settled
  if (outcome.status !== status) throw new Error(`the job ended ${JSON.stringify(outcome)} instead of ${status}`)
}

export interface StreamedJobs {
  readonly jobs: number
  readonly chunks: number
  readonly sourceOf: (chunks: number) => AsyncIterable<string>
  readonly hasReader: boolean
}

/** Jobs one after the other through a manager of their own, each read to its end when there is a reader. */
export async function streamedJobs({ jobs, chunks, sourceOf, hasReader }: StreamedJobs): Promise<void> {
  const manager = newManager()
  for (let job = 0; job < jobs; job++) {
    const handle = await streamJob(manager, sourceOf(chunks))
    if (hasReader && (await count(handle.events())) !== chunks + 1) throw new Error('the subscriber missed events')
    await expectEnd(handle, 'completed')
  }
  await manager.close()
}

export async function count(items: AsyncIterable<unknown>): Promise<number> {
  let seen = 0
  for await (const _ of items) seen++
  return seen
}
