import { setImmediate as macrotask } from 'node:timers/promises'
import { createMemoryJobStore, type JobStore } from 'generation-jobs'
import { expectEnd, newManager, ROOMY } from '../contender/ours.ts'
import { liveHeap } from '../measure/heap.ts'
import { type Question, valueRow } from '../measure/row.ts'

const CHUNKS = 1_000_000
const MAX_ROUNDS = 3
const TEXT = 'x'

/** Heap that stays for each chunk of one long job, when the log itself keeps nothing. */
export const retained: Question = {
  title: `Heap retained per chunk over ${CHUNKS} chunks, outside the log`,
  async ask({ rounds }) {
    const running: number[] = []
    const settled: number[] = []
    for (let round = -1; round < Math.min(rounds, MAX_ROUNDS); round++) {
      const bytes = await oneLongJob(round < 0 ? CHUNKS / 10 : CHUNKS)
      if (round < 0) continue
      running.push(bytes.running)
      settled.push(bytes.settled)
    }
    return [
      valueRow('while it runs, text not counted', 'B', running, {
        goal: 1,
        note: `${TEXT.length} B of text per chunk subtracted once: run.stream() returns it`,
      }),
      valueRow('once it is settled', 'B', settled, { goal: 1, note: 'the value of the job is not its text' }),
    ]
  },
}

async function oneLongJob(chunks: number): Promise<{ running: number; settled: number }> {
  const store = forgetfulStore()
  const manager = newManager({ store, ...ROOMY })
  const before = await liveHeap()
  let reached = (): void => {}
  let goOn = (): void => {}
  const atTheEnd = new Promise<void>((resolve) => {
    reached = resolve
  })
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const handle = await manager.register(async (run) => {
    const { finish } = await run.stream(chunksThenWait(chunks, reached, gate))
    return finish
  })
  await atTheEnd
  const running = (await liveHeap()) - before
  goOn()
  await expectEnd(handle, 'completed')
  await macrotask()
  const settled = (await liveHeap()) - before
  await manager.close()
  return { running: running / chunks - TEXT.length, settled: settled / chunks }
}

/** Takes events as if it kept them. */
function forgetfulStore(): JobStore {
  return { ...createMemoryJobStore(), append: () => ({ answer: 'accepted' }) }
}

function chunksThenWait(chunks: number, reached: () => void, gate: Promise<void>): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      let left = chunks
      return {
        async next(): Promise<IteratorResult<string, undefined>> {
          if (left-- > 0) return { done: false, value: TEXT }
          reached()
          await gate
          return { done: true, value: undefined }
        },
      }
    },
  }
}
