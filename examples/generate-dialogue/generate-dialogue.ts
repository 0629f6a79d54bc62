import path from 'node:path'
import { GenerationJobManager, type JobOutcome } from 'generation-jobs'
import { createFileDialogueStore, UnityDialogueOrchestrator } from 'generation-jobs/dialogue'
import { ProviderError } from 'generation-jobs/providers'
import type { Arguments } from './arguments.ts'
import { chooseModel } from './choose-model.ts'
import { listenForInterrupts } from './interrupts.ts'
import { createJsonView } from './view/json-view.ts'
import { createJsonLogger, createTidyLogger } from './view/log.ts'
import { isTerminal } from './view/screen.ts'
import { createTextView } from './view/text-view.ts'

/**
 * Generates one dialogue and shows it.
 * @returns the exit code, and whether something of the generation would not end and may hold the process.
 */
export async function generateDialogue(options: Arguments): Promise<{ exitCode: number; leftBehind: boolean }> {
  const { stdout, stderr, env } = process
  const view = options.json ? createJsonView(stdout, stderr) : createTextView(stdout, stderr, options.locale)
  const createLogger = isTerminal(stderr) && !options.json ? createTidyLogger : createJsonLogger
  const manager = new GenerationJobManager({
    locale: options.locale,
    logger: createLogger((line) => view.log(line)),
    // The view has words of its own for each code; only the status is left to say.
    describeError: (error) => {
      if (!(error instanceof ProviderError)) return undefined
      return { code: error.code, message: error.status === undefined ? error.code : `HTTP ${error.status}` }
    },
  })
  const chosen = chooseModel(options, env, (share) => view.training(share))
  const orchestrator = new UnityDialogueOrchestrator({
    model: chosen.model,
    buildPrompt: chosen.buildPrompt,
    store: createFileDialogueStore({ directory: options.directory }),
  })
  const registering = manager.register(orchestrator.producer(options.request))

  let interruptCode = 1
  let ended = false
  listenForInterrupts({
    underNpm: env.npm_lifecycle_event !== undefined,
    async onFirst({ kind, exitCode }) {
      // Nothing is left to interrupt, and the exit code says so.
      if (ended) return
      interruptCode = exitCode
      view.interrupting()
      const result = await (await registering).cancel({ kind })
      if (result.outcome !== 'cancelled') view.notInterrupted(result)
    },
    onSecond({ exitCode }) {
      if (ended) return
      view.close()
      process.exit(exitCode)
    },
  })
  try {
    const job = await registering
    view.started({
      jobId: job.jobId,
      model: chosen.name,
      seed: chosen.local ? options.seed : undefined,
    })
    for await (const event of job.events()) view.event(event)
    const outcome = await job.settled
    ended = true
    const exitCode = exitCodeOf(outcome, interruptCode)
    const file = path.join(options.directory, `${job.jobId}.json`)
    view.ended({ outcome, exitCode, file: outcome.status === 'completed' ? file : undefined })
    return { exitCode, leftBehind: outcome.forced }
  } finally {
    await manager.close()
    view.close()
  }
}

function exitCodeOf({ status }: JobOutcome<unknown>, interruptCode: number): number {
  if (status === 'completed') return 0
  return status === 'cancelled' ? interruptCode : 1
}
