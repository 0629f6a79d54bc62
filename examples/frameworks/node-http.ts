// Run: node examples/frameworks/node-http.ts
import { createServer } from 'node:http'
import { toNodeHandler } from 'generation-jobs/node'
import { handler } from './generation.ts'

export const server = createServer(toNodeHandler(handler)).listen(Number(process.env.PORT ?? 3000))
