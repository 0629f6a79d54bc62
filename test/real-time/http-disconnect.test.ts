import { expect, it, onTestFinished } from 'vitest'
import { overSockets } from '../http/support/calls.js'
import { FRAMEWORKS, startExample, stop } from '../http/support/framework-examples.js'
import { untilAborted } from '../http/support/gate.js'
import { OpenStream, textOf } from '../http/support/sse.js'
import { until } from '../http/support/timers-clock.js'

it.each(FRAMEWORKS)(
  'SSE-07: %s sees a viewer leave within 50 ms (margin ×10)',
  async (name) => {
    const running = await startExample(name)
    onTestFinished(() => stop(running))
    const { manager } = running
    const job = await manager.register(
      async (run) => {
        run.emit('first')
        return untilAborted(run.signal)
      },
      { owner: 'ann' },
    )
    const ann = overSockets(running)
    const spans: number[] = []
    for (let round = 0; round < 20; round++) {
      const leaving = new AbortController()
      const stream = new OpenStream(await ann.stream(job.jobId, '', { signal: leaving.signal }))
      await stream.readUntil((received) => textOf(received) !== '')
      const leftAt = performance.now()
      leaving.abort()
      await until(() => manager.stats().viewers === 0)
      spans.push(performance.now() - leftAt)
    }
    await job.cancel()
    spans.sort((a, b) => a - b)
    expect(spans.at(-1), `median ${spans[10]} ms`).toBeLessThan(500)
  },
  60_000,
)
