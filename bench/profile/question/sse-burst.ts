import { readySource } from '../../contender/sources.ts'
import { watchAll } from '../../sse/ask.ts'
import { ownStreams } from '../../sse/own-streams.ts'
import { serve } from '../../sse/server.ts'
import { startViewers } from '../../sse/viewers.ts'
import { sampleWork } from '../cpu/sample-work.ts'
import { cpuTables } from '../cpu/tables.ts'
import type { Profile } from '../profile.ts'

const CLIENTS = 1_000
const CHUNKS = 30

export const sseBurst: Profile = {
  title: `SSE, ${CLIENTS} clients at once with a job of ${CHUNKS} ready chunks each`,
  async take() {
    const server = await serve(ownStreams(() => readySource(CHUNKS)))
    const viewers = await startViewers()
    const watched = { url: `${server.origin}/ours`, clients: CLIENTS, chunks: CHUNKS }
    const samples = await sampleWork(() => () => watchAll(viewers, watched))
    viewers.close()
    server.close()
    return cpuTables(samples, 'the server')
  },
}
