import { GenerationOrchestrator } from 'generation-jobs'
import { bareLoop } from '../contender/bare.ts'
import { count, expectEnd, newManager, streamedJobs } from '../contender/ours.ts'
import { readySource } from '../contender/sources.ts'
import { alternate } from '../measure/alternate.ts'
import { type Question, ratioRow } from '../measure/row.ts'

/** With the steps they fit into the log of a job. */
const CHUNKS = 90_000

/** The stages around a stream: prompt, generate, validate, commit. */
export const orchestrator: Question = {
  title: 'Orchestrator of four stages, per chunk, against `for await` + `signal.aborted`',
  async ask({ rounds }) {
    const stages = new GenerationOrchestrator<number, string, number>(
      {
        prompt: (chunks) => chunks,
        generate: (chunks) => readySource(chunks),
        validate: (text) => text.slice(0, 10),
        commit: () => undefined,
      },
      { logger: false },
    )
    const taken = await alternate(
      {
        bare: () => () => bareLoop(readySource(CHUNKS), new AbortController().signal),
        stream: () => () => streamedJobs({ jobs: 1, chunks: CHUNKS, sourceOf: readySource, hasReader: false }),
        producer: () => async () => {
          const manager = newManager()
          await expectEnd(await manager.register(stages.producer(CHUNKS)), 'completed')
          await manager.close()
        },
        standAlone: () => async () => {
          const events = await count(stages.generateWithEvents(CHUNKS))
          if (events < CHUNKS) throw new Error(`${events} events came`)
        },
      },
      { rounds, units: CHUNKS },
    )
    return [
      ratioRow('bare', taken.bare, taken.bare),
      ratioRow('job that streams, no stages', taken.stream, taken.bare),
      ratioRow('job with the stages', taken.producer, taken.bare),
      ratioRow('job with the stages, against none', taken.producer, taken.stream, { goal: 1.1 }),
      ratioRow('generateWithEvents(), read', taken.standAlone, taken.bare),
    ]
  },
}
