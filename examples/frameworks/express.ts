// The ten-minute Stop button: the server. Run: node examples/frameworks/express.ts
import express from 'express'
import { GenerationJobManager } from 'generation-jobs'
import { createGenerationHandler } from 'generation-jobs/http'
import { toNodeHandler } from 'generation-jobs/node'
import { z } from 'zod'
import { saveStory, tellStory } from './story.ts'

export const manager = new GenerationJobManager()
const handler = createGenerationHandler({
  manager,
  basePath: '/api/generate',
  params: z.object({ about: z.string().min(1) }),
  authorize(request) {
    const owner = request.headers.get('x-user') // your session goes here
    return owner === null ? null : { owner }
  },
  start:
    ({ about }) =>
    async (run) => {
      const { text } = await run.stream(tellStory(about, run.signal))
      return run.commit(() => saveStory(run.jobId, text))
    },
})
const app = express().use('/api/generate', toNodeHandler(handler))
export const server = app.listen(Number(process.env.PORT ?? 3000))
