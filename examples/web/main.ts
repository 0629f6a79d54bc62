// A page that generates dialogues, with the progress modal of the story: live text, Interrompre, Réduire, reload and resume.
// Run: npm run web   (PORT=8080 npm run web for another port)
import { GenerationJobManager } from 'generation-jobs'
import { isWritableDirectory } from '../generate-dialogue/writable-directory.ts'
import { buildPage } from './server/built-page.ts'
import { chooseDialogueModel, prepareLocalModel } from './server/dialogue-model.ts'
import { listen } from './server/listen.ts'
import { createServerLogger } from './server/server-logger.ts'
import { readSettings } from './server/settings.ts'
import { createWebApp } from './server/web-app.ts'

const { port, directory } = readSettings(process.env)
if (!(await isWritableDirectory(directory))) throw new Error(`DIALOGUES: ${directory} cannot be written`)
const manager = new GenerationJobManager({ logger: createServerLogger(), maxConcurrentJobs: 8, maxJobsPerOwner: 2 })
const [page] = await Promise.all([buildPage(new URL('./page', import.meta.url)), prepareLocalModel()])
const app = createWebApp({ manager, page, directory, chooseModel: chooseDialogueModel })
const server = await listen(app, port)
console.log(`Ouvrez ${server.url} (Ctrl-C pour arrêter)`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop())

/** Every reader is told how its generation ended; then nothing holds the process. */
async function stop(): Promise<void> {
  await manager.close()
  await server.close()
}
