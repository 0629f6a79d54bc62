// The AI SDK's useChat with a Stop that stops the model and a reload that resumes: both, over generation-jobs.
// Run: node examples/use-chat/main.ts   (PORT=8080 for another port)
import { GenerationJobManager } from 'generation-jobs'
import { buildPage } from '../web/server/built-page.ts'
import { listen } from '../web/server/listen.ts'
import { createServerLogger } from '../web/server/server-logger.ts'
import { readSettings } from '../web/server/settings.ts'
import { createChatApp } from './server/chat-app.ts'
import { createChatArchive } from './server/chat-archive.ts'
import { localChatModel } from './server/local-chat-model.ts'

const { port } = readSettings(process.env)
const manager = new GenerationJobManager({ logger: createServerLogger(), maxConcurrentJobs: 8 })
const page = await buildPage(new URL('./page', import.meta.url))
const app = createChatApp({ manager, page, archive: createChatArchive(), model: localChatModel })
const server = await listen(app, port)
console.log(`Ouvrez ${server.url} (Ctrl-C pour arrêter)`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop())

async function stop(): Promise<void> {
  await manager.close()
  await server.close()
}
