// A job that is no dialogue: it turns notes into a summary file. The text streams while it is written, a lock file is
// released however the job ends, and the summary becomes visible as a whole or not at all.
// Run: node examples/own-producer/main.ts
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { GenerationJobManager, type ModelChunk, type Producer } from 'generation-jobs'

const NOTES = ['The bridge is gone.', 'Nobody was hurt.', 'The ferry runs again tomorrow.']

/** Stands for a model: any async iterable of strings or chunks will do. */
async function* summarise(notes: readonly string[], signal: AbortSignal): AsyncGenerator<ModelChunk> {
  for (const note of notes) {
    await wait(5, undefined, { signal })
    yield { text: `- ${note}\n` }
  }
  yield { finish: 'stop', usage: { inputTokens: 12, outputTokens: 12, quality: 'estimated' } }
}

function writeSummary(directory: string, notes: readonly string[]): Producer<string> {
  return async (run) => {
    const lock = path.join(directory, 'summary.lock')
    await writeFile(lock, run.jobId, { flag: 'wx' })
    run.defer(() => rm(lock), 'lock')

    run.step('Summarising')
    const { text } = await run.stream(summarise(notes, run.signal))

    run.step('Saving')
    return await run.commit(async ({ signal }) => {
      const file = path.join(directory, 'summary.md')
      await writeFile(`${file}.part`, text, { signal })
      await rename(`${file}.part`, file)
      return file
    })
  }
}

const directory = await mkdtemp(path.join(tmpdir(), 'own-producer-'))
const manager = new GenerationJobManager({ locale: 'en', logger: false })
try {
  const cancelled = await manager.register(writeSummary(directory, NOTES))
  for await (const event of cancelled.events()) {
    if (event.type === 'chunk') await cancelled.cancel({ message: 'the reader left' })
  }
  console.log((await cancelled.settled).status, await readdir(directory))

  const job = await manager.register(writeSummary(directory, NOTES))
  for await (const event of job.events()) {
    if (event.type === 'step') console.log(`[${event.step}]`)
    if (event.type === 'chunk') process.stdout.write(event.content)
  }
  const outcome = await job.settled
  console.log(outcome.status, outcome.commit, await readdir(directory))
  if (outcome.status === 'completed' && outcome.value !== undefined) {
    console.log(await readFile(outcome.value, 'utf8'))
  }
} finally {
  await manager.close()
  await rm(directory, { recursive: true })
}
