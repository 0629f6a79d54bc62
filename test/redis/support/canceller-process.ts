// A node that only cancels what it is told to, at once: node --import …/package-hooks.mjs canceller-process.ts <port> <prefix>, with IPC.
import { type CancelResult, GenerationJobManager } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { createClient } from 'redis'

export type CancelAnswer = 'ready' | CancelResult

const [port, prefix] = process.argv.slice(2)
const client = createClient({ socket: { port: Number(port), host: '127.0.0.1' } })
await client.on('error', () => {}).connect()
const manager = new GenerationJobManager({
  store: createRedisJobStore({ client, ...(prefix === undefined ? undefined : { prefix }) }),
  logger: false,
})
const tell = (answer: CancelAnswer) => process.send?.(answer)

process.on('message', (jobId: string) => {
  void manager.cancel(jobId, { by: 'the other process' }).then(tell)
})
process.once('disconnect', () => process.exit())
tell('ready')
