import { setTimeout as wait } from 'node:timers/promises'
import type { GenerationJobManager, JobHandle, RegisterOptions, RunContext } from 'generation-jobs'

interface Scene {
  readonly name: string
  readonly play: (run: RunContext) => Promise<unknown>
  readonly options?: RegisterOptions
  /** When a person presses Interrupt, ms after the registration. */
  readonly cancelAfterMs?: number
}

/** Every kind of end. The names are the jobs' ids, with a number. */
const SCENES: readonly Scene[] = [
  { name: 'cooperative', play: (run) => tell(run, 400), cancelAfterMs: 1_600 },
  { name: 'slow-cleanup', play: withSlowCleanups, cancelAfterMs: 1_300 },
  { name: 'deaf-source', play: (run) => run.stream(deafSource()), cancelAfterMs: 900 },
  { name: 'commit', play: commits },
  { name: 'deadline', play: (run) => tell(run, 400), options: { deadlineMs: 3_500 } },
  { name: 'failed', play: fails },
  { name: 'hung-cleanup', play: withHungCleanup, cancelAfterMs: 1_100 },
  { name: 'queued', play: (run) => tell(run, 30) },
  { name: 'queued-cancel', play: (run) => tell(run, 30), cancelAfterMs: 700 },
]

const BETWEEN_SCENES_MS = 150
const BETWEEN_ROUNDS_MS = 4_000

/** Plays all scenes, again and again, until the signal; then it cancels what is live. Resolves when all jobs are settled. */
export async function playScenes(manager: GenerationJobManager, signal: AbortSignal): Promise<void> {
  for (let round = 1; !signal.aborted; round += 1) {
    const playing = SCENES.map((scene, index) =>
      playScene(manager, scene, { jobId: `${scene.name}-${round}`, startAfterMs: index * BETWEEN_SCENES_MS, signal }),
    )
    await Promise.all(playing)
    await pause(BETWEEN_ROUNDS_MS, signal)
  }
}

async function playScene(
  manager: GenerationJobManager,
  { play, options, cancelAfterMs }: Scene,
  { jobId, startAfterMs, signal }: { jobId: string; startAfterMs: number; signal: AbortSignal },
): Promise<void> {
  await pause(startAfterMs, signal)
  if (signal.aborted) return
  const job: JobHandle<unknown> = await manager.register(play, { ...options, jobId, signal })
  if (cancelAfterMs !== undefined) {
    await pause(cancelAfterMs, signal)
    await job.cancel({ by: 'a person' })
  }
  await job.settled
}

/** A model that hears the signal. */
async function* words(count: number, signal: AbortSignal) {
  for (let word = 1; word <= count; word += 1) {
    await wait(25, undefined, { signal })
    yield `word${word} `
  }
}

async function tell(run: RunContext, count: number): Promise<void> {
  run.step('Prompting')
  await wait(150, undefined, { signal: run.signal })
  run.step('Generating')
  await run.stream(words(count, run.signal))
}

async function withSlowCleanups(run: RunContext): Promise<void> {
  run.defer(() => wait(60), 'delete temporary file')
  run.defer(() => wait(420), 'close connection')
  await tell(run, 400)
}

/** Hears no signal and never comes back. */
function deafSource(): AsyncIterable<string> {
  let isFirst = true
  return {
    [Symbol.asyncIterator]: () => ({
      next() {
        if (!isFirst) return new Promise(() => {})
        isFirst = false
        return Promise.resolve({ done: false, value: 'once ' })
      },
      return: () => new Promise(() => {}),
    }),
  }
}

async function commits(run: RunContext): Promise<string> {
  await tell(run, 40)
  run.step('Validating')
  await wait(120, undefined, { signal: run.signal })
  run.defer(() => wait(40), 'release lock')
  return run.commit(async () => {
    await wait(600)
    return 'saved'
  })
}

async function fails(run: RunContext): Promise<void> {
  run.defer(() => wait(90), 'close connection')
  await tell(run, 12)
  throw new Error('the model is overloaded')
}

async function withHungCleanup(run: RunContext): Promise<void> {
  run.defer(() => {}, 'delete temporary file')
  run.defer(() => new Promise<void>(() => {}), 'close connection')
  await tell(run, 400)
}

/** Ends early, quietly, at the signal. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return wait(ms, undefined, { signal }).catch(() => undefined)
}
