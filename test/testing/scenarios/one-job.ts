import { GenerationJobManager, GenerationOrchestrator, type RunContext } from 'generation-jobs'
import type { Scenario, World, WorldSourceOptions } from 'generation-jobs/testing'
import type { Explored } from './scenario.js'

/** A source is read, a lock is held, the text is saved: the smallest job with all parts. */
export function streamAndSave(world: World, options: WorldSourceOptions & { name?: string } = {}) {
  const { name = '', ...source } = options
  const named = (event: string): string => (name === '' ? event : `${name}.${event}`)
  return async (run: RunContext): Promise<string> => {
    run.defer(() => world.event(named('cleanup')), 'lock')
    const { text } = await run.stream(world.source(name === '' ? 's' : name, source))
    const whole = expectedText(name === '' ? 's' : name, source)
    if (text !== whole) throw new Error(`run.stream gave ${JSON.stringify(text)}, not ${JSON.stringify(whole)}`)
    return run.commit(() => world.event(named('save'), { value: text }))
  }
}

function expectedText(name: string, { chunks = 2 }: WorldSourceOptions): string {
  if (typeof chunks !== 'number')
    return chunks.map((chunk) => (typeof chunk === 'string' ? chunk : (chunk.text ?? ''))).join('')
  return Array.from({ length: chunks }, (_, index) => `${name}${index + 1} `).join('')
}

/** The same source, whose return() throws at once: it has let go in the calling tick. */
function throwingReturn(source: AsyncIterable<unknown>): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = source[Symbol.asyncIterator]() as AsyncIterator<string>
      return {
        next: () => iterator.next(),
        return: () => {
          throw new Error('a return() that throws')
        },
      }
    },
  }
}

function oneJob(source: WorldSourceOptions): Scenario {
  return async (world) => {
    const manager = world.manager(GenerationJobManager)
    const job = await manager.register(streamAndSave(world, source), { jobId: 'a' })
    world.action('cancel', () => job.cancel({ by: 'somebody' }))
    await job.settled
  }
}

const ALL = ['next', 'return', 'save', 'cleanup']

/** One job in every order of what can happen to it. */
export const oneJobScenarios: readonly Explored[] = [
  {
    name: 'one job, 3 chunks, every set of things that hang',
    play: oneJob({ chunks: 3, closes: 'later' }),
    options: { stalls: ALL, timeSteps: 0 },
    further: { stalls: ALL, timeSteps: 1 },
  },
  {
    name: 'one job, 2 chunks, limits pass while things are on their way',
    play: oneJob({ chunks: 2, closes: 'later' }),
    options: {},
    further: { timeSteps: 2 },
  },
  { name: 'one job, a source that ignores return()', play: oneJob({ closes: 'deaf' }), options: { timeSteps: 0 } },
  { name: 'one job, a source without return()', play: oneJob({ closes: 'missing' }), options: { timeSteps: 0 } },
  {
    name: 'one job, two cancels and a signal',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const signal = world.signal('abort')
      const job = await manager.register(
        async (run) => {
          run.signal.addEventListener('abort', () => world.note('the signal aborted'), { once: true })
          return streamAndSave(world, { chunks: 1 })(run)
        },
        { jobId: 'a', signal },
      )
      world.action('cancel', () => job.cancel({ by: 'first' }))
      world.action('cancel2', () => manager.cancel('a', { by: 'second', timeoutMs: 1_000 }))
      const [waited] = await Promise.all([manager.waitForCompletion('a', { timeoutMs: 60_000 }), job.settled])
      if (!waited.settled) throw new Error('a wait of a minute was not enough')
    },
    options: { timeSteps: 0, sameTick: 1 },
    further: { timeSteps: 0, sameTick: 8 },
  },
  {
    name: 'one job with a deadline and an idle limit',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const job = await manager.register(streamAndSave(world, { chunks: 1, closes: 'later' }), {
        jobId: 'a',
        deadlineMs: 100,
        idleTimeoutMs: 60,
      })
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      await job.settled
    },
    options: { sameTick: 1, timeSteps: 2 },
    further: { sameTick: 8, timeSteps: 2 },
  },
  {
    name: 'one job, its producer is a generator',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const job = await manager.register(
        async function* (run) {
          run.defer(() => world.event('cleanup'))
          for (let count = 1; count <= 2; count++) {
            await world.event('work')
            yield `chunk ${count}`
          }
          return 'done'
        },
        { jobId: 'a' },
      )
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      await job.settled
    },
    options: { timeSteps: 0, stalls: ['work', 'cleanup'] },
  },
  {
    name: 'one job, its producer ignores the cancel',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const job = await manager.register(
        async (run) => {
          run.defer(() => world.event('cleanup'))
          for (let count = 1; count <= 2; count++) {
            await world.event('work', { error: false })
            run.tryEmit(`chunk ${count}`)
          }
          await run.commit(() => world.event('save')).catch(() => undefined)
          run.defer(() => world.event('late'), 'late')
          await world.event('work', { error: false })
        },
        { jobId: 'a' },
      )
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      await job.settled
    },
    options: { sameTick: 3 },
    further: { sameTick: 8, timeSteps: 2 },
  },
  {
    name: 'one job, four cleanups that fail, wait and register more',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const job = await manager.register(
        async (run) => {
          run.defer(() => world.event('cleanup'), 'first')
          run.defer(() => {
            throw new Error('a cleanup that fails')
          }, 'fails')
          run.defer(async () => {
            await world.event('cleanup')
            run.defer(() => world.event('cleanup'), 'late')
          }, 'registers')
          run.defer(() => undefined, 'last')
          await world.event('work')
        },
        { jobId: 'a' },
      )
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      await job.settled
    },
    options: { sameTick: 4 },
    further: { sameTick: 8, timeSteps: 2 },
  },
  {
    name: 'one job of an orchestrator, each stage waits',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const orchestrator = new GenerationOrchestrator({
        prompt: (topic: string) => world.event('prompt', { value: topic }),
        generate: (_topic: string, run) => {
          run.defer(() => world.event('cleanup'))
          return world.event('open', { value: world.source('s', { chunks: 1 }) })
        },
        validate: (text: string) => world.event('validate', { value: text }),
        commit: () => world.event('save'),
      })
      const job = await manager.register(orchestrator.producer('bread'), { jobId: 'a' })
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      await job.settled
    },
    options: { timeSteps: 0 },
  },
  {
    name: 'one job of an orchestrator, its source ends incomplete',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const orchestrator = new GenerationOrchestrator({
        generate: () => world.source('s', { chunks: ['half of it', { finish: 'length' }] }),
        commit: () => world.event('save'),
      })
      const job = await manager.register(orchestrator.producer(undefined), { jobId: 'a' })
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      const { status } = await job.settled
      if (status === 'completed') throw new Error('half a text is complete')
    },
    options: { sameTick: 2, timeSteps: 0 },
  },
  {
    name: 'one job, its producer waits for nothing',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const job = await manager.register(
        async (run) => {
          void run.stream(world.source('s', { chunks: 1, closes: 'later' }))
          await world.event('work')
          void run.commit(() => world.event('save'))
          void run.commit(() => world.event('save'))
        },
        { jobId: 'a' },
      )
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      await job.settled
    },
    options: { sameTick: 2, timeSteps: 0 },
  },
  {
    name: 'one job, its producer does not wait for a source that lets go in the calling tick',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const job = await manager.register(
        async (run) => {
          run.defer(() => world.event('cleanup'))
          void run.stream(throwingReturn(world.source('s', { chunks: 1, closes: 'missing' }) as AsyncIterable<unknown>))
          await world.event('work')
        },
        { jobId: 'a' },
      )
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      await job.settled
    },
    options: { timeSteps: 0 },
  },
  {
    name: 'one job, its producer goes on after its commit',
    async play(world) {
      const manager = world.manager(GenerationJobManager)
      const job = await manager.register(
        async (run) => {
          run.defer(() => world.event('cleanup'))
          await run.commit(() => world.event('save'))
          await world.event('more')
          return 'saved'
        },
        { jobId: 'a' },
      )
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      await job.settled
    },
    options: { sameTick: 4, stalls: ['more', 'cleanup'] },
    further: { stalls: ['save', 'more', 'cleanup'], timeSteps: 2 },
  },
]
