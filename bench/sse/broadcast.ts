import type { ServerResponse } from 'node:http'
import { createChannel, createSession, type Session } from 'better-sse'
import { newManager } from '../contender/ours.ts'
import { jobStreams } from './ours.ts'
import { frame, type Listener, SSE_HEADERS } from './server.ts'

/** All requests of a round watch the same generation, which begins when the last has come. One listener per contender. */
export function broadcasts(
  watchers: number,
  source: () => AsyncIterable<string>,
): Record<'raw' | 'once' | 'betterSse' | 'ours', Listener> {
  const gatherRaw = gather<ServerResponse>(watchers, (all) => Promise.all(all.map((res) => writeTo([res], source()))))
  const gatherOnce = gather<ServerResponse>(watchers, (all) => writeTo(all, source()))
  const gatherSessions = gather<[Session, ServerResponse]>(watchers, (all) => channelTo(all, source()))
  return {
    raw: (_req, res) => gatherRaw(res.writeHead(200, SSE_HEADERS)),
    once: (_req, res) => gatherOnce(res.writeHead(200, SSE_HEADERS)),
    async betterSse(req, res) {
      gatherSessions([await createSession(req, res, { keepAlive: null }), res])
    },
    ours: jobTo(watchers, source),
  }
}

/** Collects one of each watcher; with the last of a round it begins. */
function gather<One>(watchers: number, begin: (all: One[]) => unknown): (one: One) => void {
  let all: One[] = []
  return (one) => {
    if (all.push(one) < watchers) return
    void begin(all)
    all = []
  }
}

async function writeTo(responses: readonly ServerResponse[], source: AsyncIterable<string>): Promise<void> {
  let id = 0
  for await (const chunk of source) {
    const text = frame(++id, chunk)
    for (const res of responses) res.write(text)
  }
  for (const res of responses) res.end()
}

async function channelTo(
  watchers: readonly (readonly [Session, ServerResponse])[],
  source: AsyncIterable<string>,
): Promise<void> {
  const channel = createChannel()
  for (const [session] of watchers) channel.register(session)
  for await (const content of source) channel.broadcast({ type: 'chunk', content })
  for (const [, res] of watchers) res.end()
}

function jobTo(watchers: number, source: () => AsyncIterable<string>): Listener {
  const manager = newManager()
  const streamOf = jobStreams(manager)
  let job: { readonly jobId: Promise<string>; begin(): void } | undefined
  let come = 0
  return async (req, res) => {
    job ??= waitingJob()
    const { jobId, begin } = job
    const isLast = ++come === watchers
    if (isLast) {
      job = undefined
      come = 0
    }
    const id = await jobId
    if (isLast) setImmediate(begin)
    await streamOf(id, req, res)
  }

  function waitingJob(): { jobId: Promise<string>; begin(): void } {
    let begin = (): void => {}
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const handle = manager.register(
      async (run) => {
        await begun
        await run.stream(source())
      },
      { owner: 'viewer' },
    )
    return { jobId: handle.then(({ jobId }) => jobId), begin }
  }
}
