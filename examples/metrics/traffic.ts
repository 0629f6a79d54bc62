import { setTimeout as wait } from 'node:timers/promises'
import type { GenerationJobManager, RunContext } from 'generation-jobs'

/** A model that writes up to `words` words and reports its tokens. */
async function* model(words: number, signal: AbortSignal) {
  for (let word = 1; word <= words; word += 1) {
    await wait(2, undefined, { signal })
    yield `word ${word} `
  }
  yield { usage: { inputTokens: 12, outputTokens: words, quality: 'reported' as const } }
}

/** Forty generations: some end, some are interrupted, some fail, and one does not hear that it is interrupted. */
export async function makeTraffic(manager: GenerationJobManager): Promise<void> {
  const metadata = { model: 'local' }
  await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const producer = async (run: RunContext) => {
        if (index % 10 === 3) throw new Error('the model is overloaded')
        if (index === 5) return hearNothing(run)
        await run.stream(model(20 + index, run.signal))
      }
      const job = await manager.register(producer, { metadata })
      if (index % 5 === 0) {
        await wait(15)
        await job.cancel({ by: 'somebody' })
      }
      await job.settled
    }),
  )
}

async function hearNothing(run: RunContext): Promise<void> {
  await wait(100)
  run.tryEmit('too late')
  await wait(3_000)
}
