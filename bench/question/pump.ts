import { bareLoop } from '../contender/bare.ts'
import { SOURCES } from '../contender/sources.ts'
import { alternate } from '../measure/alternate.ts'
import { type Question, type Row, ratioRow } from '../measure/row.ts'
import { loadPumpAlone } from '../pump-alone/build.ts'

const CHUNKS = 1_000_000

/** The loop that can cancel a stuck `next()`, without a job around it, and what its fairness costs. */
export const pump: Question = {
  title: 'Core pump, per chunk, against `for await` + `signal.aborted`',
  async ask({ rounds }) {
    const { pumpAlone } = await loadPumpAlone()
    const rows: Row[] = []
    for (const [name, sourceOf] of Object.entries(SOURCES)) {
      const pumped = (fair: boolean) => () => async (): Promise<void> => {
        let characters = 0
        await pumpAlone(
          sourceOf(CHUNKS),
          (chunk) => {
            characters += chunk.length
            return undefined
          },
          { fair },
        )
        if (characters !== CHUNKS * 5) throw new Error('chunks were lost')
      }
      const taken = await alternate(
        {
          bare: () => () => bareLoop(sourceOf(CHUNKS), new AbortController().signal),
          fair: pumped(true),
          unfair: pumped(false),
        },
        { rounds },
      )
      rows.push(
        ratioRow(`bare, ${name}`, taken.bare, taken.bare, CHUNKS),
        ratioRow(`pump, ${name}`, taken.fair, taken.bare, CHUNKS, { goal: 1.25, finalGoal: 1 }),
        ratioRow(`pump without fairness, ${name}`, taken.unfair, taken.bare, CHUNKS),
        {
          ...ratioRow(`fairness, ${name}: pump against pump without`, taken.fair, taken.unfair, CHUNKS),
          note: 'the look at the clock every 64 chunks, and the macrotasks',
        },
      )
    }
    return rows
  },
}
