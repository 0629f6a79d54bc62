import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GenerationJobManager } from 'generation-jobs'
import { createGenerationHandler } from 'generation-jobs/http'
import { toNodeHandler } from 'generation-jobs/node'
import { z } from 'zod'

/** The stream of a registered job as the library serves it: routing, authorization and bridge included. */
export function jobStreams(
  manager: GenerationJobManager,
): (jobId: string, req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const handler = createGenerationHandler({
    manager,
    basePath: '/generate',
    params: z.object({}),
    start: () => async () => undefined,
    authorize: () => ({ owner: 'viewer' }),
  })
  const listener = toNodeHandler(handler)
  return (jobId, req, res) => {
    req.url = `/generate/jobs/${jobId}/stream`
    return listener(req, res)
  }
}
