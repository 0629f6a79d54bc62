// The same server with the library.
import express from 'express'
import { GenerationJobManager } from 'generation-jobs'
import { createGenerationHandler } from 'generation-jobs/http'
import { toNodeHandler } from 'generation-jobs/node'
import { z } from 'zod'
import type { Story } from './story.ts'

const wish = z.object({ words: z.number(), finish: z.enum(['stop', 'length']) })

export const after: Story = ({ ask, archive }) => {
  const manager = new GenerationJobManager({ logger: false })
  const handler = createGenerationHandler({
    manager,
    basePath: '',
    params: wish,
    authorize: () => ({ owner: 'the only user' }),
    start: (params) => async (run) => {
      const { text } = await run.stream(ask(params, run.signal))
      await run.commit(() => archive.save(run.jobId, text))
    },
  })

  const server = express().use(toNodeHandler(handler)).listen(0, '127.0.0.1')
  return {
    server,
    async shutDown() {
      await manager.drain({ timeoutMs: 200 })
      await manager.close()
      server.close()
    },
  }
}
