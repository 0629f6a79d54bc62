import { GenerationJobManager, type JobHandle } from 'generation-jobs'
import type { World } from 'generation-jobs/testing'
import { streamAndSave } from './one-job.js'

/** Four jobs whose callbacks cancel, register and wait: every verb is called from within every other. */
export async function reEntrantJobs(world: World): Promise<void> {
  const manager = world.manager(GenerationJobManager, { maxConcurrentJobs: 2 })
  const signal = world.signal('abort')
  const later: Promise<JobHandle<unknown>>[] = []

  manager.on('cancelRequested', ({ job }) => void manager.cancel(job.jobId, { by: `listener of ${job.jobId}` }))
  manager.on('settled', ({ job }) => {
    if (job.jobId === 'b') later.push(manager.register(() => world.event('d.work'), { jobId: 'd', signal }))
  })

  const a = await manager.register(
    (run) => {
      run.token.onCancel(() => void manager.cancel('b', { by: 'a' }))
      return streamAndSave(world, { name: 'a', chunks: 1, closes: 'later' })(run)
    },
    { jobId: 'a', signal },
  )
  const b = await manager.register(
    async (run) => {
      run.defer(async () => {
        void manager.cancel('c', { by: 'cleanup of b' })
        await manager.waitForCompletion('c', { timeoutMs: 100 })
      })
      await world.event('b.work')
      return run.commit(() => world.event('b.save'))
    },
    { jobId: 'b' },
  )
  const c = await manager.register(
    (run) => {
      run.token.onCancel(() => {
        void manager.cancel('a', { by: 'c' })
        throw new Error('a listener that fails')
      })
      return streamAndSave(world, { name: 'c', chunks: 1 })(run)
    },
    { jobId: 'c', deadlineMs: 50 },
  )
  for (const [name, job] of Object.entries({ a, b, c })) {
    world.action(`cancel-${name}`, () => job.cancel({ by: `person of ${name}` }))
  }
  await Promise.all([a.settled, b.settled, c.settled])
  for (const job of later) await (await job).settled
}
