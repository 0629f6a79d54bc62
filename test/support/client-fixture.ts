import {
  type ClientWarning,
  createGenerationClient,
  type GenerationClient,
  type GenerationClientOptions,
  type GenerationState,
  type StreamEvent,
} from 'generation-jobs/client'
import { createVirtualClock, type VirtualClock } from 'generation-jobs/testing'
import { expect, onTestFinished } from 'vitest'
import { type FaultyJobServer, faultyJobServer } from './faulty-job-server.ts'

export interface ClientFixture {
  readonly clock: VirtualClock
  readonly server: FaultyJobServer
  readonly client: GenerationClient<{ topic: string }, string>
  readonly warnings: ClientWarning[]
  readonly events: StreamEvent[]
  /** Every state that was shown, in order. */
  readonly states: GenerationState<string>[]
  /** The phases that were shown, each change once. */
  phases(): string[]
  newClient(options?: Partial<GenerationClientOptions>): GenerationClient<{ topic: string }, string>
  /** Starts a run and waits until its stream is open. */
  running(...chunks: string[]): Promise<void>
}

/** A client against a faulty server on a virtual clock. At the end of a test nothing may be left: no stream, no timer. */
export function clientFixture(options: Partial<GenerationClientOptions> = {}): ClientFixture {
  const clock = createVirtualClock()
  const server = faultyJobServer()
  const warnings: ClientWarning[] = []
  const events: StreamEvent[] = []
  const states: GenerationState<string>[] = []
  const clients: GenerationClient<{ topic: string }, string>[] = []

  function newClient(own: Partial<GenerationClientOptions> = {}) {
    const client = createGenerationClient<{ topic: string }, string>({
      baseUrl: 'http://server.test/api',
      fetch: server.fetch,
      clock,
      onWarning: (warning) => warnings.push(warning),
      ...options,
      ...own,
    })
    clients.push(client)
    return client
  }
  const client = newClient({ onEvent: (event) => events.push(event) })
  client.subscribe((state) => states.push(state))

  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') return
    await clock.settle()
    const live = clients.filter((one) => ['starting', 'running', 'interrupting'].includes(one.getState().phase))
    for (const one of live) one.dispose()
    await clock.settle()
    expect(
      [...server.jobs.values()].filter((job) => job.openStreams() > 0).map(({ id }) => id),
      'streams that are left open',
    ).toEqual([])
    expect(clock.timers(), 'timers that are left').toEqual([])
  })

  return {
    clock,
    server,
    client,
    warnings,
    events,
    states,
    newClient,
    phases: () => states.map(({ phase }) => phase).filter((phase, index, all) => phase !== all[index - 1]),
    async running(...chunks) {
      await client.start({ topic: 'owls' })
      await clock.settle()
      if (chunks.length > 0) server.job().emit(...chunks.map((content) => ({ type: 'chunk', content })))
      await clock.settle()
    },
  }
}
