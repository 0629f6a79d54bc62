// A look inside: generations of every kind, and a page that shows where their milliseconds go.
// Run: npm run inspector   (PORT=8080 npm run inspector for another port; built by hand: node examples/inspector/main.ts)
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { env } from 'node:process'
import { GenerationJobManager } from 'generation-jobs'
import { toNodeHandler } from 'generation-jobs/node'
import { playScenes } from './demo-scenes.ts'
import { createInspector } from './inspector.ts'

const manager = new GenerationJobManager({
  logger: false,
  gracePeriodMs: 2_000,
  maxConcurrentJobs: 7,
  retentionMs: 90_000,
})
// This server is for one machine, so whoever reaches it may look. In an application: NODE_ENV, or an administrator's session.
const inspector = createInspector({ manager, allow: () => true })

const server = createServer(toNodeHandler(inspector)).listen(Number(env.PORT ?? 5174), '127.0.0.1')
await once(server, 'listening')
console.log(`Open http://127.0.0.1:${(server.address() as AddressInfo).port}/inspector/ (Ctrl-C ends)`)

const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort())
await playScenes(manager, stopped.signal)
await manager.close()
server.close()
server.closeAllConnections()
