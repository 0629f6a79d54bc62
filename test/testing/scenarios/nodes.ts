import { GenerationJobManager } from 'generation-jobs'
import { streamAndSave } from './one-job.js'
import type { Explored } from './scenario.js'

/** Stores that answer late, and several processes on one store. */
export const nodeScenarios: readonly Explored[] = [
  {
    name: 'one job on a store that answers late, twice or not at all',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const job = await manager.register(streamAndSave(world, { chunks: 1 }), { jobId: 'a' })
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      await job.settled
    },
    options: {
      sameTick: 4,
      timeSteps: 0,
      errors: false,
      store: {
        append: ['later', 'slow-reply', 'lost-reply', 'never', 'fail'],
        claimCommit: ['later', 'slow-reply', 'lost-reply', 'never', 'fail'],
        requestCancel: ['later', 'slow-reply', 'lost-reply', 'never', 'fail'],
        settle: ['later', 'slow-reply', 'lost-reply', 'never', 'fail'],
      },
    },
    further: {
      sameTick: 2,
      timeSteps: 0,
      errors: false,
      maxStoreFaults: 2,
      store: {
        append: ['later', 'slow-reply', 'lost-reply', 'never', 'fail'],
        claimCommit: ['later', 'slow-reply', 'lost-reply', 'never', 'fail'],
        requestCancel: ['later', 'slow-reply', 'lost-reply', 'never', 'fail'],
        settle: ['later', 'slow-reply', 'lost-reply', 'never', 'fail'],
      },
    },
  },
  {
    name: 'one job on a store that is away while it claims, cancels or settles',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const job = await manager.register(
        async (run) => {
          run.defer(() => world.event('cleanup'))
          await world.event('work')
          return run.commit(() => world.event('save'))
        },
        { jobId: 'a' },
      )
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      await job.settled
    },
    options: {
      sameTick: false,
      timeSteps: 1,
      errors: false,
      maxStoreFaults: 4,
      store: {
        claimCommit: ['lost-reply', 'never'],
        requestCancel: ['lost-reply', 'never'],
        settle: ['lost-reply', 'never'],
      },
    },
    further: {
      sameTick: 2,
      timeSteps: 1,
      maxStoreFaults: 4,
      store: {
        claimCommit: ['lost-reply', 'never'],
        requestCancel: ['lost-reply', 'never'],
        settle: ['lost-reply', 'never'],
      },
    },
  },
  {
    name: 'a cancel from another node',
    async play(world) {
      const owner = world.node('owner')
      const other = world.node('other')
      const job = await owner
        .manager(GenerationJobManager)
        .register(streamAndSave(world, { chunks: 1 }), { jobId: 'a' })
      const far = other.manager(GenerationJobManager)
      world.action('cancel', () => job.cancel({ by: 'near' }))
      world.action('cancel-far', () => far.cancel('a', { by: 'far' }))
      await Promise.all([job.settled, far.waitForCompletion('a', { timeoutMs: 60_000 })])
    },
    options: { sameTick: 4, timeSteps: 0 },
    further: { sameTick: 8 },
  },
  {
    name: 'an owner that dies, at every step',
    async play(world) {
      const owner = world.node('owner')
      const other = world.node('other')
      await owner.manager(GenerationJobManager).register(streamAndSave(world, { chunks: 1 }), { jobId: 'a' })
      const far = other.manager(GenerationJobManager)
      world.action('crash', () => owner.crash())
      world.action('cancel', () => far.cancel('a', { by: 'far' }))
      await far.waitForCompletion('a', { timeoutMs: 60_000 })
    },
    options: { sameTick: 2, leaseMs: 6_000, timeSteps: 0 },
    further: { sameTick: 8, leaseMs: 6_000 },
  },
  {
    name: 'an owner that stands still past its lease, and its id is used again',
    async play(world) {
      const owner = world.node('owner', { hints: false }) // so that its own first write is what tells it
      const other = world.node('other')
      const writes = world.choose('writes', ['events', 'commit'])
      const near = owner.manager(GenerationJobManager, { retentionMs: 1_000 })
      const far = other.manager(GenerationJobManager, { retentionMs: 1_000 })
      const job = await near.register(
        async (run) => {
          run.defer(() => owner.event('cleanup'))
          await owner.event('work')
          if (writes === 'events') for (const text of ['first', 'second']) run.emit(text)
          await run.commit(() => owner.event('save'))
        },
        { jobId: 'a' },
      )
      owner.pause()
      await far.waitForCompletion('a', { timeoutMs: 60_000 })
      const again = await reuse(far)
      owner.resume()
      await Promise.all([job.settled, again.settled])

      async function reuse(manager: typeof far) {
        for (;;) {
          try {
            return await manager.register(
              async (run) => {
                run.emit('second life')
                await other.event('again.work')
                await run.commit(() => other.event('again.save'))
              },
              { jobId: 'a' },
            )
          } catch {
            await new Promise<void>((resolve) => void other.clock.setTimer(1_000, resolve))
          }
        }
      }
    },
    options: { sameTick: false, leaseMs: 6_000, timeSteps: 1 },
  },
]
