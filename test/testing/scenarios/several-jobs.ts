import { GenerationJobManager } from 'generation-jobs'
import { streamAndSave } from './one-job.js'
import type { Explored } from './scenario.js'

/** Jobs beside, after and inside each other. */
export const severalJobScenarios: readonly Explored[] = [
  {
    name: 'two jobs, 2 chunks each, side by side',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const a = await manager.register(streamAndSave(world, { name: 'a', chunks: 2 }), { jobId: 'a' })
      const b = await manager.register(streamAndSave(world, { name: 'b', chunks: 2 }), { jobId: 'b' })
      world.action('cancel-a', () => a.cancel({ by: 'somebody' }))
      await Promise.all([a.settled, b.settled])
    },
    options: { prune: true, sameTick: false, timeSteps: 0 },
    further: { prune: true, sameTick: 2, timeSteps: 0 },
  },
  {
    name: 'a job within a job, linked by its signal',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const parent = await manager.register(
        async (run) => {
          run.defer(() => world.event('parent.cleanup'))
          const child = await manager.register(streamAndSave(world, { name: 'child', chunks: 1 }), {
            jobId: 'child',
            signal: run.signal,
          })
          world.action('cancel-child', () => child.cancel({ by: 'child' }))
          const outcome = await child.settled
          if (outcome.status !== 'completed') throw new Error(`the child is ${outcome.status}`)
          await run.commit(() => world.event('parent.save'))
        },
        { jobId: 'parent' },
      )
      world.action('cancel', () => parent.cancel({ by: 'parent' }))
      await parent.settled
    },
    options: { sameTick: 2, timeSteps: 0 },
    further: { sameTick: 8, timeSteps: 0 },
  },
  {
    name: 'a job that waits for the slot of another',
    async play(world) {
      const manager = world.manager(GenerationJobManager, { maxConcurrentJobs: 1 })
      const first = await manager.register(
        async (run) => {
          run.defer(() => world.event('a.cleanup'))
          await world.event('a.work')
        },
        { jobId: 'a' },
      )
      const second = await manager.register(() => world.event('b.work'), { jobId: 'b', deadlineMs: 500 })
      world.action('cancel-a', () => first.cancel({ by: 'a' }))
      world.action('cancel-b', () => second.cancel({ by: 'b' }))
      const followed = first.settled.then(async () => {
        for (let tick = 0; tick < 20; tick++) await undefined
        if (second.snapshot().status === 'pending') throw new Error('a slot is free, and the job still waits for it')
      })
      await Promise.all([followed, second.settled])
    },
    options: { sameTick: 2 },
    further: { sameTick: 8 },
  },
  {
    name: 'a job that replaces another of its group',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const first = await manager.register(streamAndSave(world, { name: 'a', chunks: 1, closes: 'later' }), {
        jobId: 'a',
        group: 'talk',
      })
      const replaced = new Promise<void>((resolve) => {
        world.action('replace', async () => {
          try {
            const second = await manager.register(() => world.event('b.work'), {
              jobId: 'b',
              group: 'talk',
              onConflict: 'replace',
            })
            if (!(await first.settled)) throw new Error('unreachable')
            await second.settled
          } catch (error) {
            // A commit that had begun is not replaced.
            if ((await manager.get('a'))?.status === 'cancelled') throw error
          } finally {
            resolve()
          }
        })
      })
      await Promise.all([first.settled, replaced])
    },
    options: { sameTick: 4, timeSteps: 0 },
    further: { sameTick: 8 },
  },
  {
    name: 'a drain while one job runs and one waits',
    async play(world) {
      const manager = world.manager(GenerationJobManager, { maxConcurrentJobs: 1 })
      const a = await manager.register(streamAndSave(world, { name: 'a', chunks: 1 }), { jobId: 'a' })
      const b = await manager.register(() => world.event('b.work'), { jobId: 'b' })
      const drained = new Promise<void>((resolve) => {
        world.action('drain', () => manager.drain({ timeoutMs: 2_000 }).then(() => resolve()))
      })
      await Promise.all([a.settled, b.settled, drained])
    },
    options: { sameTick: 2 },
    further: { sameTick: 8 },
  },
  {
    name: 'a viewer who leaves and comes back',
    async play(world) {
      const manager = world.manager(GenerationJobManager, { onDisconnect: 'cancel', disconnectGraceMs: 1_000 })
      const job = await manager.register(streamAndSave(world, { chunks: 1 }), { jobId: 'a' })
      const read = (): { leave(): void } => {
        const reader = manager.events('a', { viewer: true })[Symbol.asyncIterator]()
        const readOn = async (): Promise<void> => {
          for (;;) if ((await reader.next()).done) return
        }
        void readOn()
        return { leave: () => void reader.return?.() }
      }
      world.action('view', () => {
        const viewer = read()
        world.action('leave', () => {
          viewer.leave()
          world.action('view-again', read)
        })
      })
      await job.settled
    },
    options: { sameTick: false, heartbeatMs: 1_000, leaseMs: 6_000 },
    further: { sameTick: 1, heartbeatMs: 1_000, leaseMs: 6_000 },
  },
]
