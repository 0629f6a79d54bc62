import { describe, expect, it } from 'vitest'
import { recordingStore } from '../../src/testing/index.js'

const fence = (jobId: string, fencingToken = 1, signal?: AbortSignal) => ({ jobId, fencingToken, signal })

describe('recording store', () => {
  it('shows a saved result before save returns, and works unbound', async () => {
    const { save, committed, crashImage } = recordingStore<string>()
    const saving = save('whole text', fence('a', 3))
    expect(committed()).toEqual(['whole text'])
    expect(crashImage()).toEqual([{ jobId: 'a', fencingToken: 3, result: 'whole text' }])
    await saving
  })

  it('shows nothing of a save that hangs', async () => {
    const store = recordingStore<string>({ before: () => new Promise(() => {}) })
    void store.save('whole text', fence('a'))
    await Promise.resolve()
    expect([store.committed(), store.crashImage()]).toEqual([[], []])
    expect(store.calls()).toEqual([{ jobId: 'a', fencingToken: 1, result: 'whole text', state: 'saving' }])
  })

  it('saves nothing when the hook before it throws', async () => {
    const error = new Error('disk full')
    const store = recordingStore({ before: () => Promise.reject(error) })
    await expect(store.save('text', fence('a'))).rejects.toBe(error)
    expect([store.committed(), store.calls()[0]?.state]).toEqual([[], 'failed'])
  })

  it('keeps what became visible when only the answer is lost', async () => {
    const store = recordingStore({ after: () => Promise.reject(new Error('lost')) })
    await expect(store.save('text', fence('a'))).rejects.toThrow('lost')
    expect([store.committed(), store.calls()[0]?.state]).toEqual([['text'], 'committed'])
  })

  it('refuses an older fencing token of the same job, also when it was taken while waiting', async () => {
    let release = () => {}
    const store = recordingStore<string>({
      before: (result) => result === 'old' && new Promise<void>((resolve) => (release = resolve)),
    })
    const old = store.save('old', fence('a', 1))
    await store.save('new', fence('a', 2))
    release()
    await expect(old).rejects.toThrow('stale')
    await store.save('other job', fence('b', 1))
    expect(store.committed()).toEqual(['new', 'other job'])
    expect(store.calls()[0]?.state).toBe('refused')
  })

  it('refuses when the signal of the fence aborted first, unless it ignores signals', async () => {
    const reason = new Error('commit timeout')
    const aborted = AbortSignal.abort(reason)
    const heeding = recordingStore()
    await expect(heeding.save('text', fence('a', 1, aborted))).rejects.toBe(reason)
    expect(heeding.committed()).toEqual([])
    const deaf = recordingStore({ ignoresSignal: true })
    await deaf.save('text', fence('a', 1, aborted))
    expect(deaf.committed()).toEqual(['text'])
  })

  it('tells two saves of one job apart from one, and the crash image holds the last', async () => {
    const store = recordingStore<number>()
    await store.save(1, fence('a'))
    await store.save(2, fence('a'))
    expect(store.committed()).toEqual([1, 2])
    expect(store.crashImage()).toEqual([{ jobId: 'a', fencingToken: 1, result: 2 }])
  })

  it('copies results, so that a later change is not seen, and keeps what cannot be copied', async () => {
    const store = recordingStore<object>()
    const result = { nodes: ['a'] }
    await store.save(result, fence('a'))
    result.nodes.push('b')
    expect(store.committed()).toEqual([{ nodes: ['a'] }])
    const live = { fn: () => {} }
    await store.save(live, fence('b'))
    expect(store.committed()[1]).toBe(live)
  })
})
