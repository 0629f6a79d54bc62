import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  GenerationJobManager,
  type GenerationJobManagerOptions,
  type Producer,
  type RegisterOptions,
} from 'generation-jobs'
import { createGenerationHandler, type GenerationHandler, type GenerationHandlerOptions } from 'generation-jobs/http'
import { toNodeHandler } from 'generation-jobs/node'
import { expect, onTestFinished } from 'vitest'
import { z } from 'zod'

/** What a test's create body may say. */
export const params = z.object({ prompt: z.string().min(1), note: z.unknown().optional() })
export type Params = z.output<typeof params>

export const BASE = '/api/v1/dialogues/generate'

export interface ServedOptions extends Partial<Omit<GenerationHandlerOptions<Params>, 'manager' | 'params' | 'start'>> {
  manager?: GenerationJobManager | undefined
  managerOptions?: GenerationJobManagerOptions | undefined
  produce?: Producer<unknown> | undefined
  register?: RegisterOptions | undefined
  start?: GenerationHandlerOptions<Params>['start'] | undefined
}

/** The owner stands in a header; without it nobody asks. */
export const authorizeByHeader: GenerationHandlerOptions<Params>['authorize'] = (request) => {
  const owner = request.headers.get('x-user')
  return owner === null ? null : { owner }
}

export interface Handled {
  readonly manager: GenerationJobManager
  readonly handler: GenerationHandler
}

/** A handler without a server, for what needs no socket. */
export function handled(options: ServedOptions = {}): Handled {
  const { manager: given, managerOptions, produce = echo, register, start, ...rest } = options
  const manager = given ?? new GenerationJobManager({ logger: false, ...managerOptions })
  const handler = createGenerationHandler({
    manager,
    params,
    authorize: authorizeByHeader,
    logger: false,
    start: start ?? (() => (register ? { producer: produce, options: register } : produce)),
    ...rest,
  })
  return { manager, handler }
}

const echo: Producer<unknown> = async (run) => {
  run.emit('hello ')
  run.emit('world')
  return { text: 'hello world' }
}

export interface Served extends Handled {
  /** Of the base path. */
  readonly url: string
  readonly origin: string
  readonly server: Server
}

/** The same on node:http. After the test no viewer, reader or socket may be left. */
export async function served(options: ServedOptions = {}): Promise<Served> {
  const { manager, handler } = handled(options)
  const server = createServer(toNodeHandler(handler))
  const origin = await listen(server)
  onTestFinished(async ({ task }) => {
    await manager.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    if (task.result?.state === 'fail') return
    const { viewers, subscriptions, timers, listeners, waiters } = manager.stats()
    expect({ viewers, subscriptions, timers, listeners, waiters }).toEqual({
      viewers: 0,
      subscriptions: 0,
      timers: 0,
      listeners: 0,
      waiters: 0,
    })
  })
  return { manager, handler, server, origin, url: `${origin}${options.basePath ?? BASE}` }
}

/** Listens on a free port of the loopback and says its origin. */
export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
