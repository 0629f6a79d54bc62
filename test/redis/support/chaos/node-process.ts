// A node of a chaos run, to be stopped and killed: node --import …/package-hooks.mjs node-process.ts <settings as JSON>, with IPC.
import { setTimeout as delay } from 'node:timers/promises'
import { GenerationJobManager, isGenerationJobError, type Producer } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { CLIENTS } from '../clients.js'
import { historyWriter } from './history.js'
import type { Message, NodeSettings, Plan, Request } from './requests.js'

const settings = JSON.parse(process.argv[2] ?? '{}') as NodeSettings
const write = historyWriter(settings.historyPath, settings.name)
const say = (message: Message) => process.connected && process.send?.(message)

process.once('disconnect', () => process.exit())
const { client } = await CLIENTS[settings.client](settings.port)
const { prefix, leaseMs, heartbeatMs } = settings
const manager = new GenerationJobManager({
  store: createRedisJobStore({ client, prefix, leaseMs, heartbeatMs }),
  logger: false,
  gracePeriodMs: 300,
  cancelTimeoutMs: 900,
  commitTimeoutMs: 1_000,
  maxConcurrentJobs: 8,
})

process.on('message', ({ id, ...request }: Request & { id: number }) => {
  const done = (isOk: boolean) => say({ say: 'answer', id, isOk })
  perform(id, request).then(
    () => done(true),
    () => done(false),
  )
})
say({ say: 'ready' })

async function perform(id: number, request: Request): Promise<void> {
  const { jobId } = request
  if (request.ask === 'register') return register(jobId, request.plan)
  if (request.ask === 'cancel') return cancel(jobId)
  for await (const { seq, type } of manager.events(jobId, { after: request.after }))
    say({ say: 'event', id, seq, type })
}

async function register(jobId: string, plan: Plan): Promise<void> {
  const job = await manager.register(producerOf(plan), { jobId }).catch((error: unknown) => {
    // An attempt before this one has arrived.
    if (isGenerationJobError(error) && error.code === 'job.exists') return undefined
    throw error
  })
  write({ what: 'registered', jobId })
  void job?.settled.then((outcome) => {
    const { status, commit, recorded } = outcome
    write({
      what: 'outcome',
      jobId,
      status,
      commit,
      recorded,
      code: 'error' in outcome ? outcome.error.code : undefined,
    })
  })
}

async function cancel(jobId: string): Promise<void> {
  const sentAt = Date.now()
  const told = await manager.cancel(jobId).catch(() => ({ outcome: 'unanswered' as const }))
  write({
    what: 'cancel',
    jobId,
    sentAt,
    outcome: told.outcome,
    status: 'status' in told ? told.status : undefined,
    recorded: 'recorded' in told ? told.recorded : undefined,
  })
}

function producerOf({ chunks, paceMs, ending }: Plan): Producer<unknown> {
  return async (run) => {
    for (let count = 0; count < chunks; count++) {
      run.emit(`chunk ${count}`)
      await delay(paceMs)
    }
    if (ending === 'throws') throw new Error('no')
    if (ending === 'hangs') return new Promise(() => {}) // until it is cancelled
    if (ending === 'returns') return 'a result'
    return run.commit(async ({ jobId, fencingToken }) => {
      write({ what: 'save begun', jobId, fencingToken })
      await delay(paceMs)
      if (ending === 'save throws') throw new Error('no')
      write({ what: 'save done', jobId, fencingToken })
    })
  }
}
