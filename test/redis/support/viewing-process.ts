// A server that only serves viewers, to be killed: node --import …/package-hooks.mjs viewing-process.ts <options as JSON>.
import { GenerationJobManager } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { CLIENTS, type ClientName } from './clients.js'

export interface ViewingOptions {
  readonly client: ClientName
  readonly port: number
  readonly prefix: string
  readonly leaseMs: number
  readonly heartbeatMs: number
  readonly jobId: string
  readonly viewers: number
}

const options = JSON.parse(process.argv[2] ?? '{}') as ViewingOptions
const tell = (event: string) => process.stdout.write(`${JSON.stringify({ event })}\n`)
const { client } = await CLIENTS[options.client](options.port)
const { prefix, leaseMs, heartbeatMs, jobId } = options
const manager = new GenerationJobManager({
  store: createRedisJobStore({ client, prefix, leaseMs, heartbeatMs }),
  logger: false,
})

async function view(events: AsyncIterable<unknown>, onFirst: () => void): Promise<void> {
  for await (const _ of events) onFirst()
}

const seen = Array.from(
  { length: options.viewers },
  () => new Promise<void>((resolve) => void view(manager.events(jobId, { viewer: true }), resolve)),
)
await Promise.all(seen)
tell('watching')
