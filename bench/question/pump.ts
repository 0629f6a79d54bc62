import { bareLoop } from '../contender/bare.ts'
import { effectionLoop } from '../contender/effections.ts'
import { effectLoop } from '../contender/effects.ts'
import { raceListenerLoop, raceSharedLoop } from '../contender/promise-race.ts'
import { rxLoop } from '../contender/rx.ts'
import { SOURCES } from '../contender/sources.ts'
import { alternate, type Contender } from '../measure/alternate.ts'
import { type Question, type Row, ratioRow } from '../measure/row.ts'
import { loadPumpAlone } from '../pump-alone/build.ts'

/** About as long for each contender: what is compared is one chunk. */
const UNITS = {
  bare: 500_000,
  fair: 500_000,
  unfair: 500_000,
  rx: 200_000,
  raceListener: 50_000,
  raceShared: 50_000,
  effect: 50_000,
  effection: 10_000,
} as const

type Loop = (source: AsyncIterable<string>, signal: AbortSignal) => Promise<number>

/** The loop that can cancel a stuck `next()`, without a job around it, and what its fairness costs. */
export const pump: Question = {
  title: 'Core pump, per chunk, against `for await` + `signal.aborted`',
  async ask({ rounds }) {
    const { pumpAlone } = await loadPumpAlone()
    const pumped =
      (fair: boolean): Loop =>
      async (source) => {
        let characters = 0
        const take = (chunk: string): undefined => {
          characters += chunk.length
        }
        await pumpAlone(source, take, { fair })
        return characters
      }
    const rows: Row[] = []
    for (const [name, sourceOf] of Object.entries(SOURCES)) {
      const contender = (loop: Loop, chunks: number): Contender => {
        return () => async () => {
          const characters = await loop(sourceOf(chunks), new AbortController().signal)
          if (characters !== chunks * 5) throw new Error('chunks were lost')
        }
      }
      const { bare, fair, unfair, ...peers } = await alternate(
        {
          bare: contender(bareLoop, UNITS.bare),
          fair: contender(pumped(true), UNITS.fair),
          unfair: contender(pumped(false), UNITS.unfair),
          rx: contender(rxLoop, UNITS.rx),
          raceListener: contender(raceListenerLoop, UNITS.raceListener),
          raceShared: contender(raceSharedLoop, UNITS.raceShared),
          effect: contender(effectLoop, UNITS.effect),
          effection: contender(effectionLoop, UNITS.effection),
        },
        { rounds, units: UNITS, settleMs: 100 },
      )
      rows.push(
        ratioRow(`bare, ${name}`, bare, bare),
        ratioRow(`pump, ${name}`, fair, bare, { goal: 1.25, finalGoal: 1 }),
        ratioRow(`pump without fairness, ${name}`, unfair, bare, {
          note: 'no look at the clock every 64 chunks, no macrotasks',
        }),
        ratioRow(`RxJS takeUntil, ${name}`, peers.rx, bare, { by: 'peer', note: 'its source is never closed' }),
        ratioRow(`Promise.race, a listener per chunk, ${name}`, peers.raceListener, bare, { by: 'peer' }),
        ratioRow(`Promise.race, one abort promise, ${name}`, peers.raceShared, bare, { by: 'peer', note: 'leaks' }),
        ratioRow(`Effect Stream.runForEach, ${name}`, peers.effect, bare, { by: 'peer' }),
        ratioRow(`effection each(), ${name}`, peers.effection, bare, { by: 'peer' }),
      )
    }
    return rows
  },
}
