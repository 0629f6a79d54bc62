// What all servers here serve, except Express, which has it in its own file.
import { GenerationJobManager } from 'generation-jobs'
import { createGenerationHandler } from 'generation-jobs/http'
import { z } from 'zod'
import { saveStory, tellStory } from './story.ts'

export const manager = new GenerationJobManager({ logger: false })

export const handler = createGenerationHandler({
  manager,
  basePath: '/api/generate',
  params: z.object({ about: z.string().min(1) }),
  authorize(request) {
    const owner = request.headers.get('x-user') // your session goes here
    return owner === null ? null : { owner }
  },
  start: ({ about }) => {
    return async (run) => {
      const { text } = await run.stream(tellStory(about, run.signal))
      return run.commit(() => saveStory(run.jobId, text))
    }
  },
})
