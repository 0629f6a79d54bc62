import type { JobFilter } from '../../core/job-store.js'
import { checkSame } from './check.js'
import type { ContractWorld, Scenario } from './contract-world.js'
import { STATUSES } from './statuses.js'

/** LIST: by owner, group and status, oldest first. */
export const listing: readonly Scenario[] = [
  {
    name: 'list: answers what matches every given field, oldest first',
    async play(world) {
      const ids = await jobs(world)
      const expected: [JobFilter, readonly string[]][] = [
        [{}, ['a', 'b', 'c', 'd', 'e', 'f']],
        [{ owner: 'o' }, ['a', 'b', 'e']],
        [{ owner: 'p' }, ['c', 'd']],
        [{ group: 'g' }, ['a', 'c', 'f']],
        [{ owner: 'o', group: 'g' }, ['a']],
        [{ owner: 'p', group: 'g' }, ['c']],
        [{ status: ['running'] }, ['a', 'd', 'f']],
        [{ status: ['pending', 'completed'] }, ['b', 'c']],
        [{ owner: 'o', status: ['running', 'cancelling'] }, ['a', 'e']],
        [{ owner: 'p', group: 'g', status: ['completed'] }, ['c']],
        [{ owner: 'p', group: 'g', status: ['running'] }, []],
        [{ status: [] }, []],
        [{ owner: 'nobody' }, []],
        [{ group: 'none' }, []],
        [{ owner: 'o', group: undefined, status: undefined }, ['a', 'b', 'e']],
      ]
      for (const [filter, names] of expected) {
        const listed = (await world.store.list(filter)).map(({ jobId }) => ids.get(jobId))
        checkSame(listed, names, `list ${JSON.stringify(filter)}`)
      }
    },
  },
  {
    name: 'list: keeps the order of creation when jobs go on',
    async play(world) {
      const first = await world.job('running')
      await world.advance(2)
      const second = await world.job('pending')
      await world.advance(2)
      await world.cancel(first.jobId)
      await world.start(second)
      checkSame(
        (await world.store.list({})).map(({ jobId }) => jobId),
        [first.jobId, second.jobId],
        'list',
      )
    },
  },
  ...STATUSES.map(
    (status): Scenario => ({
      name: `list: shows a ${status} job as read does, under its status only`,
      async play(world) {
        const record = await world.job(status, { owner: 'o', group: 'g', metadata: { a: [] } })
        checkSame(await world.store.list({ owner: 'o' }), [record], 'list by owner')
        checkSame(await world.store.list({ group: 'g', status: [status] }), [record], 'list by group and status')
        const others = STATUSES.filter((other) => other !== status)
        checkSame(await world.store.list({ status: others }), [], 'list by the other statuses')
      },
    }),
  ),
]

/** Six jobs, a to f, by id. */
async function jobs(world: ContractWorld): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>()
  const add = async (name: string, ...job: Parameters<ContractWorld['job']>) => {
    ids.set((await world.job(...job)).jobId, name)
    await world.advance(2)
  }
  await add('a', 'running', { owner: 'o', group: 'g' })
  await add('b', 'pending', { owner: 'o', group: 'h' })
  await add('c', 'completed', { owner: 'p', group: 'g' })
  await add('d', 'running', { owner: 'p' })
  await add('e', 'cancelling', { owner: 'o' })
  await add('f', 'running', { group: 'g' })
  return ids
}
