import { createMemoryJobStore, type JobStore } from 'generation-jobs'
import { createVirtualClock, faultyStore, jobStoreContract, type StoreUnderTest } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { PLANTED_FAULTS, withFault } from './planted-faults.js'

function memoryStore(change: (store: JobStore) => JobStore = (store) => store): StoreUnderTest {
  const clock = createVirtualClock()
  const maxRetainedBytes = 3_000
  const store = change(createMemoryJobStore({ clock, maxRetainedBytes }))
  return { store, advance: clock.advance, hints: true, maxRetainedBytes }
}

describe('DIS-19: the contract of a job store, on the memory store', () => {
  for (const { name, run } of jobStoreContract({ makeStore: memoryStore })) it(name, run)
})

describe('DIS-19: the contract of a job store, on a store that answers promises', () => {
  const makeStore = () =>
    memoryStore((store) => {
      const remote = faultyStore(store)
      remote.inject('later')
      return remote
    })
  for (const { name, run } of jobStoreContract({ makeStore })) it(name, run)
})

describe('the contract of a job store finds a store that breaks one rule', () => {
  it.each(Object.entries(PLANTED_FAULTS))('%s', async (_, plant) => {
    const sound = jobStoreContract({ makeStore: memoryStore })
    const broken = jobStoreContract({ makeStore: () => memoryStore((store) => withFault(store, plant)) })
    const killers: string[] = []
    for (const [index, { name, run }] of broken.entries()) {
      if ((await fails(run)) && !(await fails(async () => sound[index]?.run()))) killers.push(name)
    }
    expect(killers).not.toEqual([])
  })

  it('closes each store, also after a case that failed', async () => {
    let open = 0
    const makeStore = () => {
      open++
      return { ...memoryStore((store) => ({ ...store, reap: () => [] })), close: () => void open-- }
    }
    const results = await Promise.all(jobStoreContract({ makeStore }).map(({ run }) => fails(run)))
    expect(results).toContain(true)
    expect(open).toBe(0)
  })

  it('names every case once', () => {
    const names = jobStoreContract({ makeStore: memoryStore }).map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })
})

async function fails(run: () => Promise<void>): Promise<boolean> {
  return run().then(
    () => false,
    () => true,
  )
}
