import type { JobRecord } from '../../core/job-store.js'
import { checkFields, checkSame } from './check.js'
import { type ContractWorld, chunks, OTHER, REASON, type Scenario } from './contract-world.js'
import { LIVE } from './statuses.js'

/** What begins or renews a lease: only the owner, by what it does with its fencing token. */
const RENEWALS: Record<string, (world: ContractWorld, job: JobRecord) => Promise<unknown>> = {
  start: (world, job) => world.start(job),
  append: (world, job) => world.append(job, chunks(1, 1)),
  claimCommit: (world, job) => world.claim(job),
  renewLeases: (world, job) => world.renew(job),
}

/** What must not renew it: a dead owner's job would never be settled. */
const NO_RENEWALS: Record<string, (world: ContractWorld, job: JobRecord) => Promise<unknown>> = {
  'a cancel': (world, { jobId }) => world.cancel(jobId),
  'a viewer': (world, { jobId }) => world.touch(jobId, 'viewer', world.unit),
  'a reader': (world, { jobId }) => world.seen(jobId),
  'a reaper': async (world) => world.store.reap(),
  'a renewal that is fenced': (world, job) => world.renew(older(job)),
  'an append that is fenced': (world, job) => world.append(older(job), chunks(1, 1)),
  'a claim that is fenced': (world, job) => world.claim(older(job)),
}

/** RENEW: leases, and what an owner learns with them. */
export const leases: readonly Scenario[] = [
  ...LIVE.map(
    (status): Scenario => ({
      name: `renewLeases: tells the owner of a ${status} job its status${status === 'cancelling' ? ' and the reason' : ''}`,
      async play(world) {
        const record = await world.job(status)
        const told = { answer: 'renewed', status, viewers: 0 }
        const reason = status === 'cancelling' ? REASON : undefined
        const before = await world.seen(record.jobId)
        checkFields(await world.renew(record), { ...told, reason }, 'renewLeases')
        checkSame(await world.seen(record.jobId), before, 'the job')
      },
    }),
  ),
  {
    name: 'renewLeases: answers for many in the order asked, each by itself',
    async play(world) {
      const [pending, committing, failed] = [
        await world.job('pending'),
        await world.job('committing'),
        await world.job('failed'),
      ]
      const answers = await world.store.renewLeases([
        failed,
        { ...pending, fencingToken: pending.fencingToken - 1 },
        committing,
        { jobId: world.id('nobody'), fencingToken: 1 },
        pending,
      ])
      const told = answers.map((one) => (one.answer === 'renewed' ? one.status : one.answer))
      checkSame(told, ['already-settled', 'fenced', 'committing', 'gone', 'pending'], 'renewLeases')
      const [first] = answers
      checkSame(first && 'record' in first ? first.record : undefined, failed, 'the record of the settled one')
      checkSame(await world.store.renewLeases([]), [], 'renewLeases of nothing')
    },
  },
  ...Object.entries(RENEWALS).map(
    ([name, renew]): Scenario => ({
      name: `lease: ${name} gives the owner a whole lease from now`,
      async play(world) {
        const job = await world.job(name === 'start' ? 'pending' : 'running')
        const { leaseMs } = world.store
        await world.advance((leaseMs * 3) / 4)
        await renew(world, job)
        await world.advance((leaseMs * 3) / 4)
        checkSame(await world.store.reap(), [], 'reap within the new lease')
        await world.advance((leaseMs * 2) / 4)
        checkSame(
          (await world.store.reap()).map(({ jobId }) => jobId),
          [job.jobId],
          'reap after it',
        )
      },
    }),
  ),
  {
    name: 'lease: an owner that renews keeps its job however long it takes',
    async play(world) {
      const job = await world.job('running')
      for (let beat = 0; beat < 20; beat++) {
        await world.advance(world.store.heartbeatMs)
        checkFields(await world.renew(job), { answer: 'renewed', status: 'running' }, `renewal ${beat}`)
        checkSame(await world.store.reap(), [], `reap ${beat}`)
      }
    },
  },
  ...Object.entries(NO_RENEWALS).map(
    ([name, ask]): Scenario => ({
      name: `lease: ${name} does not renew it`,
      async play(world) {
        const { jobId, ...job } = await world.job('running')
        const { leaseMs } = world.store
        await world.advance((leaseMs * 3) / 4)
        await ask(world, { jobId, ...job })
        await world.advance((leaseMs * 2) / 4)
        checkSame(
          (await world.store.reap()).map((record) => record.jobId),
          [jobId],
          'reap',
        )
      },
    }),
  ),
  {
    name: 'lease: the node that starts a queued job has one from then on',
    async play(world) {
      const queued = await world.created(world.newQueuedJob())
      await world.advance(3 * world.store.leaseMs)
      await world.start(queued, { nodeId: OTHER })
      await world.advance((world.store.leaseMs * 3) / 4)
      checkSame(await world.store.reap(), [], 'reap within the lease')
      await world.advance((world.store.leaseMs * 2) / 4)
      checkFields((await world.store.reap())[0], { jobId: queued.jobId, status: 'failed' }, 'reap after it')
    },
  },
]

function older(job: JobRecord): JobRecord {
  return { ...job, fencingToken: job.fencingToken - 1 }
}
