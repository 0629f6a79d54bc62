import { setImmediate as macrotask } from 'node:timers/promises'
import { GenerationJobManager } from 'generation-jobs'
import { expect, it, onTestFinished } from 'vitest'
import { EventBatch } from '../../src/http/event-batch.js'

it.each([10, 59, 100, 1_000])(
  'who catches up on chunks of %i characters has enough for a write each time',
  async (size) => {
    const manager = new GenerationJobManager({ logger: false, maxLogEvents: 100_000 })
    onTestFinished(() => manager.close())
    const chunks = Math.round(400_000 / size)
    const { jobId, settled } = await manager.register(async (run) => {
      for (let chunk = 0; chunk < chunks; chunk++) run.emit({ type: 'chunk', content: 'x'.repeat(size) })
    })
    await settled

    const enough: boolean[] = []
    const batch = new EventBatch(manager.events(jobId), (isMuch) => enough.push(isMuch))
    await batch.open()
    let taken = 0
    while (!batch.isOver) {
      taken += batch.take().length
      batch.read()
      await macrotask()
    }
    expect(taken).toBe(chunks + 1)
    expect(enough.length).toBeGreaterThan(5)
    // The first is asked for before anything is known, and behind the last there is nothing.
    expect(enough.slice(1, -1)).not.toContain(false)
  },
)
