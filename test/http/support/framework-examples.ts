import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { GenerationJobManager } from 'generation-jobs'
import { vi } from 'vitest'
import { listen } from './generation-server.js'

const EXAMPLES = '../../../examples/frameworks'

export const FRAMEWORKS = ['node-http', 'express', 'fastify', 'hono', 'nest', 'next-route']
/** What their create body says. */
export const ABOUT = { about: 'a dragon' }

export interface RunningExample {
  readonly server: Server
  readonly manager: GenerationJobManager
  /** Of the base path. */
  readonly url: string
}

/** The examples are programs: they listen when they are loaded, on the port that the environment names. Once per test file. */
export async function startExample(name: string): Promise<RunningExample> {
  vi.stubEnv('PORT', '0')
  const shared = await import(`${EXAMPLES}/generation.ts`)
  const { server, manager } = name === 'next-route' ? await hostRoute() : await import(`${EXAMPLES}/${name}.ts`)
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/generate`
  return { server, manager: manager ?? shared.manager, url }
}

/** A route file has no server: any host of fetch handlers will do. */
async function hostRoute(): Promise<{ server: Server; manager?: undefined }> {
  const route: Record<string, (request: Request) => Promise<Response>> = await import(`${EXAMPLES}/next-route.ts`)
  const fetch = (request: Request) => route[request.method]?.(request) ?? new Response(null, { status: 405 })
  const server = createAdaptorServer({ fetch }) as Server
  await listen(server)
  return { server }
}

export async function stop({ server }: RunningExample): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

/** What the example's database has of a job. */
export async function storyOf(jobId: string): Promise<string | undefined> {
  const { stories } = await import(`${EXAMPLES}/story.ts`)
  return stories.get(jobId)
}
