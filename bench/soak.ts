// `npm run bench:soak` runs 100,000 and then 1,000,000 short jobs of mixed endings through one manager and shows that nothing
// is left of them: `stats()` all zeros after the sweep, and less than one byte of heap per job between the two.
import { exit, stdout } from 'node:process'
import { setImmediate as macrotask, setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { GenerationJobManager, JobHandle, JobOutcome } from 'generation-jobs'
import { newManager } from './contender/ours.ts'
import { readySource, stuckSource } from './contender/sources.ts'
import { liveHeap } from './measure/heap.ts'

const { values } = parseArgs({
  options: { first: { type: 'string', default: '100000' }, second: { type: 'string', default: '1000000' } },
})
const FLIGHT = 200
const RETENTION_MS = 200
/** Two heartbeats after the retention: by then the sweep has been. */
const SWEPT_MS = RETENTION_MS + 2_500

const released = { count: 0 }
const callersSignal = new AbortController().signal
const endings = new Map<string, number>()

/** Each way a job can end, with the parts of a job that hold something. */
const JOBS: readonly ((manager: GenerationJobManager, index: number) => Promise<JobHandle<unknown>>)[] = [
  (manager) => manager.register(async () => 1),
  (manager) => manager.register((run) => run.stream(readySource(3)), { signal: callersSignal }),
  (manager, index) =>
    manager.register(
      async (run) => {
        run.defer(async () => macrotask())
        run.step('Generating')
        const { text } = await run.stream(readySource(2))
        return run.commit(() => text)
      },
      { owner: `owner ${index % 10}`, group: `group ${index % 100}`, idempotencyKey: `key ${index}` },
    ),
  async (manager) => read(await manager.register((run) => run.stream(readySource(5)))),
  (manager) =>
    manager.register(async () => {
      throw new Error('the producer failed')
    }),
  (manager) =>
    manager.register(async (run) => {
      run.defer(() => {
        throw new Error('the cleanup failed')
      })
      await run.commit(() => {
        throw new Error('the save failed')
      })
    }),
  async (manager) => {
    const handle = await manager.register((run) => run.stream(stuckSource(released)), { metadata: { kind: 'stuck' } })
    await handle.cancel({ by: 'soak' })
    return handle
  },
  async (manager) => {
    const own = new AbortController()
    const handle = await manager.register(
      async (run) => {
        run.token.onCancel(() => {})
        run.signal.addEventListener('abort', () => {}, { once: true })
        await run.stream(stuckSource(released))
      },
      { signal: own.signal },
    )
    await macrotask()
    own.abort()
    return handle
  },
  async (manager) => {
    const handle = await manager.register(async () => 1)
    void handle.cancel({ kind: 'replaced' }) // before its producer is called
    return handle
  },
  // Deaf: cancelled at its deadline, and forced when half of the grace period is over.
  (manager) => manager.register(() => new Promise<void>(() => {}), { deadlineMs: 2 }),
  (manager) =>
    manager.register(async function* () {
      yield 'a'
      yield { type: 'metadata', data: { note: 'b' } }
      return { ok: true }
    }),
]

/** Running jobs do not keep a process alive, and a deaf one has nothing else that would. */
const stayAlive = setInterval(() => {}, 60_000)
const manager = newManager({ retentionMs: RETENTION_MS, gracePeriodMs: 20, cancelTimeoutMs: 60 })
const report = (line: string): void => void stdout.write(`${line}\n`)

await soak(20_000) // compiled code and caches
const start = await heapWhenSwept()
const first = Number(values.first)
const second = Number(values.second)
await soak(first)
const afterFirst = await heapWhenSwept()
await soak(second)
const afterSecond = await heapWhenSwept()
const slope = (afterSecond - afterFirst) / second
await manager.close()
clearInterval(stayAlive)

for (const [ending, count] of [...endings].sort()) report(`${String(count).padStart(9)} ${ending}`)
report(`heap: ${start} B at the start, ${afterFirst} B after ${first} jobs, ${afterSecond} B after ${second} more`)
report(`slope: ${slope.toFixed(3)} B per job (goal: below 1)`)
exit(slope < 1 ? 0 : 1)

async function soak(jobs: number): Promise<void> {
  const before = performance.now()
  for (let done = 0; done < jobs; done += FLIGHT) {
    await Promise.all(Array.from({ length: FLIGHT }, (_, at) => one(done + at)))
    await macrotask() // timers: deadlines and the sweep
  }
  report(`${jobs} jobs in ${((performance.now() - before) / 1_000).toFixed(1)} s`)
}

async function one(index: number): Promise<void> {
  const job = JOBS[index % JOBS.length]
  if (!job) return
  const { settled } = await job(manager, index)
  const outcome = await settled
  const ending = describe(outcome)
  endings.set(ending, (endings.get(ending) ?? 0) + 1)
}

function describe(outcome: JobOutcome<unknown>): string {
  const { status, commit, cleanup, forced } = outcome
  const why = status === 'cancelled' ? outcome.reason.kind : status === 'failed' ? outcome.error.code : ''
  return [status, why, `commit ${commit}`, `cleanup ${cleanup}`, forced ? 'forced' : ''].filter(Boolean).join(', ')
}

async function read(handle: JobHandle<unknown>): Promise<JobHandle<unknown>> {
  for await (const _ of handle.events());
  return handle
}

/** @throws {Error} when the manager still holds something */
async function heapWhenSwept(): Promise<number> {
  await sleep(SWEPT_MS)
  const left = nonZero(manager.stats())
  if (left.length > 0) throw new Error(`stats() is not all zeros after the sweep: ${left.join(', ')}`)
  report('stats() is all zeros')
  // Code that is no longer used is flushed only after some collections; the least is what is really held.
  return Math.min(await liveHeap(), await liveHeap())
}

function nonZero(counters: object, path = ''): string[] {
  return Object.entries(counters).flatMap(([key, value]) =>
    typeof value === 'object' ? nonZero(value, `${path}${key}.`) : value === 0 ? [] : [`${path}${key} ${value}`],
  )
}
