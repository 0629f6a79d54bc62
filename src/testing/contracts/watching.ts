import { check, checkFields, checkSame, checkSpan } from './check.js'
import { COMPLETED, type ContractWorld, chunks, OTHER, OWNER, REASON, type Scenario } from './contract-world.js'
import { SETTLED } from './statuses.js'

/** TOUCH VIEWER: who is there on behalf of a person, on all nodes, and since when nobody is. */
export const viewing: readonly Scenario[] = [
  {
    name: 'viewers: all that were touched count, each once, whoever touched them',
    async play(world) {
      const job = await world.job('running')
      const touch = (viewerId: string) => ({ jobId: job.jobId, viewerId, ttlMs: 3 * world.unit })
      await world.store.touchViewers([touch('a.1'), touch('a.2')])
      await world.store.touchViewers([touch('b.1'), touch('a.1')])
      checkFields(await world.renew(job), { answer: 'renewed', viewers: 3, unwatchedMs: 0 }, 'renewLeases')
    },
  },
  {
    name: 'viewers: one that leaves no longer counts, and a job that nobody watches says since when',
    async play(world) {
      const job = await world.job('running')
      await world.touch(job.jobId, 'a', 5 * world.unit)
      await world.touch(job.jobId, 'b', 5 * world.unit)
      await world.advance(world.unit)
      await world.touch(job.jobId, 'a', 0)
      await world.advance(world.unit)
      checkFields(await world.renew(job), { viewers: 1, unwatchedMs: 0 }, 'with one left')
      await world.touch(job.jobId, 'b', 0)
      await world.advance(2 * world.unit)
      await checkUnwatched(world, job, 2 * world.unit)
      await world.touch(job.jobId, 'b', 0)
      await checkUnwatched(world, job, 2 * world.unit)
    },
  },
  {
    name: 'viewers: one that is not touched in time left when its time was over',
    async play(world) {
      const job = await world.job('running')
      await world.touch(job.jobId, 'a', world.unit)
      await world.advance(world.unit / 2)
      checkFields(await world.renew(job), { viewers: 1, unwatchedMs: 0 }, 'within its time')
      await world.advance(2.5 * world.unit)
      await checkUnwatched(world, job, 2 * world.unit)
    },
  },
  {
    name: 'viewers: a touch renews the time of a viewer',
    async play(world) {
      const job = await world.job('running')
      for (let round = 0; round < 4; round++) {
        await world.touch(job.jobId, 'a', 2 * world.unit)
        await world.advance(world.unit)
        checkFields(await world.renew(job), { viewers: 1, unwatchedMs: 0 }, `round ${round}`)
      }
    },
  },
  {
    name: 'viewers: one that comes ends the time without any',
    async play(world) {
      const job = await world.job('running')
      await world.advance(2 * world.unit)
      await checkUnwatched(world, job, 2 * world.unit)
      await world.touch(job.jobId, 'a', world.unit)
      checkFields(await world.renew(job), { viewers: 1, unwatchedMs: 0 }, 'renewLeases')
    },
  },
  {
    name: 'viewers: the time without any counts from the start, not from the queue',
    async play(world) {
      const pending = await world.job('pending')
      await world.touch(pending.jobId, 'a', world.unit)
      await world.touch(pending.jobId, 'a', 0)
      await world.advance(3 * world.unit)
      await world.start(pending)
      await world.advance(world.unit)
      await checkUnwatched(world, pending, world.unit)
    },
  },
  {
    name: 'viewers: of a job that is settled, or gone, change nothing',
    async play(world) {
      const jobs = await Promise.all(SETTLED.map((status) => world.job(status)))
      const before = await Promise.all(jobs.map(({ jobId }) => world.seen(jobId)))
      const touches = [...jobs.map(({ jobId }) => jobId), world.id('nobody')].flatMap((jobId) => [
        { jobId, viewerId: 'a', ttlMs: world.unit },
        { jobId, viewerId: 'b', ttlMs: 0 },
      ])
      await world.store.touchViewers(touches)
      checkSame(await Promise.all(jobs.map(({ jobId }) => world.seen(jobId))), before, 'the jobs')
      checkSame((await world.store.list({})).length, jobs.length, 'jobs in the store')
    },
  },
]

/** WATCH: hints. Only a store that says that it wakes in time is held to it. */
export const hinting: readonly Scenario[] = [
  hint('watchJob: wakes after new events', async (world) => {
    const job = await world.job('running')
    return { watch: (wake) => world.store.watchJob(job.jobId, wake), cause: () => world.append(job, chunks(1, 1)) }
  }),
  hint('watchJob: wakes after a cancel', async (world) => {
    const { jobId } = await world.job('running')
    return { watch: (wake) => world.store.watchJob(jobId, wake), cause: () => world.cancel(jobId) }
  }),
  hint('watchJob: wakes after the end', async (world) => {
    const job = await world.job('running')
    return { watch: (wake) => world.store.watchJob(job.jobId, wake), cause: () => world.settle(job, COMPLETED) }
  }),
  hint('watchJob: wakes after a pending job was cancelled', async (world) => {
    const { jobId } = await world.job('pending')
    return { watch: (wake) => world.store.watchJob(jobId, wake), cause: () => world.cancel(jobId) }
  }),
  hint('watchJob: wakes after a reap', async (world) => {
    const { jobId } = await world.job('running')
    return { watch: (wake) => world.store.watchJob(jobId, wake), cause: () => world.reapLost() }
  }),
  {
    name: 'watchJob: wakes all watchers of the job but the one that left, and none of another job',
    async play(world) {
      if (world.under.hints !== true) return
      const job = await world.job('running')
      const other = await world.job('running')
      const woken = new Set<number>()
      const watch = (jobId: string, index: number) => world.store.watchJob(jobId, () => void woken.add(index))
      const stops = [watch(job.jobId, 0), watch(job.jobId, 1), watch(job.jobId, 2), watch(other.jobId, 3)]
      stops[1]?.()
      await world.advance(0)
      woken.clear()
      await world.append(job, chunks(1, 1))
      await world.advance(0)
      for (const stop of stops) stop()
      checkSame([...woken].sort(), [0, 2], 'who was woken')
    },
  },
  hint('watchNode: wakes the owner after a cancel of another node', async (world) => {
    const { jobId } = await world.job('running')
    return { watch: (wake) => watchNode(world, OWNER, jobId, wake), cause: () => world.cancel(jobId) }
  }),
  {
    name: 'watchNode: a cancel that comes with the hint is the recorded one, under the fencing token of the owner',
    async play(world) {
      if (world.under.hints !== true) return
      const { jobId, fencingToken } = await world.job('running')
      const told: unknown[] = []
      const stop = world.store.watchNode(OWNER, (woken, cancel) => {
        if (woken === jobId && cancel) told.push(cancel)
      })
      await world.advance(0)
      const cancelId = world.id('cancel')
      for (let time = 0; time < 2; time++) await world.cancel(jobId, REASON, cancelId)
      await world.advance(0)
      stop()
      for (const cancel of told) checkSame(cancel, { fencingToken, reason: REASON }, 'what came with the hint')
    },
  },
  hint(
    'watchNode: a cancel that is sent again under its id while the job is cancelling wakes the owner again',
    async (world) => {
      const { jobId } = await world.job('running')
      const cancelId = world.id('cancel')
      const cancel = () => world.cancel(jobId, REASON, cancelId)
      await cancel()
      await world.advance(0) // the first hint is over
      return { watch: (wake) => watchNode(world, OWNER, jobId, wake), cause: cancel }
    },
  ),
  hint('watchNode: wakes the owner of a pending job after a cancel of another node', async (world) => {
    const { jobId } = await world.job('pending')
    return { watch: (wake) => watchNode(world, OWNER, jobId, wake), cause: () => world.cancel(jobId) }
  }),
  hint('watchNode: wakes the node that took a job from a queue', async (world) => {
    const queued = await world.created(world.newQueuedJob())
    await world.start(queued, { nodeId: OTHER })
    const cause = async () =>
      world.store.requestCancel({ jobId: queued.jobId, cancelId: 'c', reason: REASON, nodeId: OWNER })
    return { watch: (wake) => watchNode(world, OTHER, queued.jobId, wake), cause }
  }),
]

/** A cause wakes who watches, and nobody who watches no longer. */
function hint(
  name: string,
  prepare: (world: ContractWorld) => Promise<{ watch(wake: () => void): () => void; cause(): Promise<unknown> }>,
): Scenario {
  return {
    name,
    async play(world) {
      if (world.under.hints !== true) return
      const { watch, cause } = await prepare(world)
      const woken = { staying: 0, left: 0 }
      watch(() => void woken.left++)() // before the other: a node has one watcher
      const stop = watch(() => void woken.staying++)
      await world.advance(0) // a store on a network may wake once when it begins to hear
      woken.staying = 0
      await cause()
      await world.advance(0)
      stop()
      check(woken.staying > 0, 'the watcher was not woken')
      checkSame(woken.left, 0, 'wake-ups of a watcher that had left')
    },
  }
}

function watchNode(world: ContractWorld, nodeId: string, jobId: string, wake: () => void): () => void {
  return world.store.watchNode(nodeId, (woken) => {
    if (woken === jobId) wake()
  })
}

async function checkUnwatched(world: ContractWorld, job: Parameters<ContractWorld['renew']>[0], ms: number) {
  const answer = await world.renew(job)
  checkFields(answer, { answer: 'renewed', viewers: 0 }, 'renewLeases')
  checkSpan('unwatchedMs' in answer ? answer.unwatchedMs : -1, ms, world.unit / 2, 'unwatchedMs')
}
