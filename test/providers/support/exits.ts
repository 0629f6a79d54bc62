import {
  GenerationJobManager,
  GenerationOrchestrator,
  type JobHandle,
  type JobOutcome,
  type RunContext,
} from 'generation-jobs'
import { createVirtualClock } from 'generation-jobs/testing'
import { type Answer, startFakeProvider } from './fake-provider.js'
import type { SdkModel } from './sdk-models.js'

/** What a stream is doing when its job ends. */
export const PHASES = ['flowing', 'stalled before headers', 'stalled mid-stream'] as const
/** How a job ends. */
export const EXITS = ['cancel', 'deadline', 'consumer throws', 'validation fails', 'completes'] as const
export type Phase = (typeof PHASES)[number]
export type Exit = (typeof EXITS)[number]

/** What an exit did. */
export interface ExitReport {
  readonly outcome: JobOutcome<string>
  readonly saved: number
  /** Milliseconds from the exit until the provider saw its connection closed. */
  readonly closedMs: number
  readonly signal: AbortSignal
  /** How many requests the provider got. All of them were closed. */
  readonly requests: number
}

const DEADLINE_MS = 60_000

/** Runs one job against a provider of its own, and ends it in one phase of its stream. Time of the job is virtual, I/O is real. */
export async function runExit(sdk: SdkModel, phase: Phase, exit: Exit): Promise<ExitReport> {
  let resume: () => void = () => {}
  const resumes = new Promise<void>((resolve) => {
    resume = resolve
  })
  const endsWell = exit === 'completes' || exit === 'validation fails'
  const provider = await startFakeProvider(answerFor(phase, endsWell && { resumes, keepsOpen: sdk.endsBeforeClose }))
  const clock = createVirtualClock()
  const manager = new GenerationJobManager({ clock, logger: false, deadlineMs: DEADLINE_MS })
  const model = sdk.model(provider.url)
  let exitedAt: number | undefined
  const exits = (): void => {
    exitedAt ??= performance.now()
  }
  let saved = 0
  let signal: AbortSignal | undefined
  let fail: () => void = () => {}

  const orchestrator = new GenerationOrchestrator<string>({
    generate: (prompt, run) => model({ prompt }, run),
    validate: (text) => {
      exits() // the source is done
      if (exit === 'validation fails') throw new Error('not valid')
      return text
    },
    commit: () => {
      saved++
    },
  })
  async function throwing(run: RunContext): Promise<string> {
    const reading = (async () => run.stream(await model({ prompt: 'a prompt' }, run)))()
    reading.catch(() => {})
    await new Promise<void>((resolve) => {
      fail = resolve
    })
    exits()
    throw new Error('consumer')
  }
  const producer = exit === 'consumer throws' ? throwing : orchestrator.producer('a prompt')
  const handle = await manager.register<string>((run) => {
    signal = run.signal
    run.token.onCancel(exits)
    return producer(run) as Promise<string>
  })

  const call = await provider.call(0)
  if (phase !== 'stalled before headers') await firstChunk(handle)
  if (!endsWell && call.isClosed()) throw new Error('the connection was closed before the exit')
  if (exit === 'cancel') void handle.cancel()
  if (exit === 'deadline') await clock.advance(DEADLINE_MS)
  fail()
  resume()

  const outcome = await handle.settled
  const closedAt = await call.closed
  for (const { closed } of provider.calls) await closed
  await manager.close()
  await provider.close()
  if (exitedAt === undefined || signal === undefined) throw new Error('the job did not come to its exit')
  return { outcome, saved, closedMs: Math.max(0, closedAt - exitedAt), signal, requests: provider.calls.length }
}

function answerFor(phase: Phase, ending: Pick<Answer, 'resumes' | 'keepsOpen'> | false): Answer {
  switch (phase) {
    case 'flowing':
      return ending ? { keepsOpen: ending.keepsOpen ?? false } : { fault: 'endless' }
    case 'stalled before headers':
      return { fault: 'stall-before-headers', ...ending }
    case 'stalled mid-stream':
      return { fault: 'stall-mid-stream', ...ending }
  }
}

async function firstChunk(handle: JobHandle<string>): Promise<void> {
  for await (const { type } of handle.events()) if (type === 'chunk') return
}
