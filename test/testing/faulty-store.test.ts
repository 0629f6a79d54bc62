import { createMemoryJobStore, type NewJob } from 'generation-jobs'
import { createVirtualClock, faultyStore } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { rejection, thrownBy } from '../support/caught.js'

const JOB: NewJob = {
  jobId: 'a',
  operationId: 'o',
  nodeId: 'n',
  want: 'running',
  exclusiveInGroup: false,
  maxLogEvents: 10,
  maxLogBytes: 10,
  retentionMs: 10,
}

function stores() {
  const clock = createVirtualClock()
  const store = createMemoryJobStore({ clock })
  return { clock, store, faulty: faultyStore(store) }
}

async function isPending(answer: unknown, clock: ReturnType<typeof createVirtualClock>): Promise<boolean> {
  let pending = true
  void Promise.resolve(answer).then(() => {
    pending = false
  })
  await clock.settle()
  return pending
}

describe('faulty store', () => {
  it('passes calls through in their tick without a plan, and notes them', () => {
    const { faulty, store } = stores()
    expect(faulty.create(JOB)).toMatchObject({ answer: 'created' })
    expect(faulty.read('a')).toEqual(store.read('a'))
    expect(faulty.calls().map(({ operation }) => operation)).toEqual(['create', 'read'])
    expect(faulty.calls('create')).toEqual([{ operation: 'create', args: [JOB] }])
  })

  it('fails or throws without anything done', async () => {
    const { faulty, store } = stores()
    faulty.inject('fail', { times: 1 })
    expect(await rejection(Promise.resolve(faulty.create(JOB)))).toBeInstanceOf(Error)
    faulty.inject('throw', { times: 1 })
    expect(thrownBy(() => faulty.create(JOB))).toBeInstanceOf(Error)
    expect(store.read('a')).toBeUndefined()
    expect(faulty.create(JOB)).toMatchObject({ answer: 'created' })
  })

  it('loses a reply after the work is done', async () => {
    const { clock, faulty, store } = stores()
    faulty.inject('lose-reply', { on: 'create', times: 1 })
    expect(await rejection(Promise.resolve(faulty.create(JOB)))).toBeInstanceOf(Error)
    expect(store.read('a')).toBeDefined()
    faulty.inject('hang-after', { on: 'create', times: 1 })
    expect(await isPending(faulty.create({ ...JOB, jobId: 'b', operationId: 'p' }), clock)).toBe(true)
    expect(store.read('b')).toBeDefined()
  })

  it('holds calls until they are released, and answers others meanwhile', async () => {
    const { clock, faulty, store } = stores()
    const end = faulty.inject('hold', { on: ['create'], when: (job) => (job as NewJob).jobId === 'a' })
    const answer = faulty.create(JOB)
    expect(faulty.create({ ...JOB, jobId: 'b', operationId: 'p' })).toMatchObject({ answer: 'created' })
    expect(await isPending(answer, clock)).toBe(true)
    expect(store.read('a')).toBeUndefined()
    end()
    expect(faulty.release()).toBe(1)
    expect(await answer).toMatchObject({ answer: 'created' })
    expect(faulty.release()).toBe(0)
  })

  it('answers what the test says, or late', async () => {
    const { faulty } = stores()
    faulty.inject({ answer: 7 }, { on: 'read', times: 1 })
    expect(faulty.read('a')).toBe(7)
    faulty.inject('later', { on: 'create' })
    const answer = faulty.create(JOB)
    expect(answer).toBeInstanceOf(Promise)
    expect(await answer).toMatchObject({ answer: 'created' })
  })

  it('is cut off as a whole, hints included, and comes back', async () => {
    const { clock, faulty, store } = stores()
    void faulty.create(JOB)
    let wakes = 0
    faulty.watchJob('a', () => wakes++)
    const heal = faulty.cut()
    expect(await isPending(faulty.read('a'), clock)).toBe(true)
    const cancel = { jobId: 'a', cancelId: 'c', reason: { kind: 'user', at: 1 } as const, nodeId: 'n' }
    void store.requestCancel(cancel)
    expect(wakes).toBe(0)
    heal()
    expect(faulty.read('a')).toMatchObject({ status: 'cancelling' })
    void store.settle({
      jobId: 'a',
      fencingToken: (faulty.read('a') as { fencingToken: number }).fencingToken,
      operationId: 's',
      end: {
        status: 'cancelled',
        reason: cancel.reason,
        commit: 'none',
        cleanup: 'clean',
        forced: false,
        queuedMs: 0,
        runMs: 0,
      },
    })
    expect(wakes).toBe(1)
  })
})
