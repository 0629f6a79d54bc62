import { channel } from 'node:diagnostics_channel'
import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import type { JobSnapshot } from 'generation-jobs'
import { instrumentManager } from 'generation-jobs/otel'
import { controlledSource } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { fixture } from '../support/fixture.js'
import { telemetry } from './support.js'

describe('the spans of a job', () => {
  it('OBS-04: are queue, run, steps and commit below the job, and the job below what was active at register', async () => {
    const { manager } = fixture()
    const { tracer, meter, pathOf, span, spans } = telemetry()
    instrumentManager(manager, { tracer, meter })
    const request = tracer.startSpan('POST /jobs')
    const job = await context.with(trace.setSpan(context.active(), request), () =>
      manager.register(
        async (run) => {
          run.step('Generating')
          await run.stream(
            (async function* () {
              yield 'a'
            })(),
          )
          run.step('Committing')
          return run.commit(() => 'saved')
        },
        { group: 'conversation-1' },
      ),
    )
    await job.settled
    request.end()

    expect(
      spans()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['POST /jobs', 'commit', 'generation_job', 'queue', 'run', 'step Committing', 'step Generating'].sort())
    expect(pathOf('step Generating')).toEqual(['step Generating', 'run', 'generation_job', 'POST /jobs'])
    expect(pathOf('commit')).toEqual(['commit', 'run', 'generation_job', 'POST /jobs'])
    expect(pathOf('queue')).toEqual(['queue', 'generation_job', 'POST /jobs'])
    expect(span('generation_job').attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.conversation.id': 'conversation-1',
      'generation_jobs.job_id': job.jobId,
      'generation_jobs.status': 'completed',
      'generation_jobs.commit': 'done',
    })
  })

  it.each(['function', 'generator'])('LEAK-07: what a %s as producer traces stands below its run', async (kind) => {
    const { manager } = fixture()
    const { tracer, meter, pathOf } = telemetry()
    instrumentManager(manager, { tracer, meter })
    const callModel = async (): Promise<void> => {
      await undefined
      tracer.startSpan('chat model').end()
    }
    const producers = {
      async function() {
        await callModel()
      },
      async *generator() {
        yield 'text'
        await callModel()
      },
    }
    const job = await manager.register(producers[kind as keyof typeof producers])
    await job.settled
    expect(pathOf('chat model')).toEqual(['chat model', 'run', 'generation_job'])
  })

  it('OBS-03: a cancel is an event with its kind and its latency, and no error', async () => {
    const { manager, clock } = fixture()
    const { tracer, meter, span } = telemetry()
    instrumentManager(manager, { tracer, meter })
    const source = controlledSource()
    const job = await manager.register((run) => {
      run.defer(() => new Promise((resolve) => void clock.setTimer(40, () => resolve(undefined))))
      return run.stream(source)
    })
    source.push('a')
    await clock.settle()
    const cancelled = job.cancel({ by: 'ada' })
    await clock.advance(40)
    await cancelled

    const { attributes, events, status } = span('generation_job')
    expect(events.map(({ name }) => name)).toEqual(['cancel_requested', 'cancelled'])
    expect(attributes).toMatchObject({
      'generation_jobs.status': 'cancelled',
      'generation_jobs.cancel.kind': 'user',
      'generation_jobs.cancel.duration_ms': 40,
      'generation_jobs.chunks': 1,
    })
    expect(JSON.stringify([attributes, events])).not.toContain('ada')
    expect(status.code).toBe(SpanStatusCode.UNSET)
  })

  it('SEC-04: a failure is an error with its code, without the message of whoever threw', async () => {
    const { manager } = fixture()
    const { tracer, meter, span } = telemetry()
    instrumentManager(manager, { tracer, meter })
    const job = await manager.register(async () => {
      throw new Error('sk-secret and the whole prompt')
    })
    await job.settled
    const { attributes, events, status } = span('generation_job')
    expect(attributes['error.type']).toBe('producer.failed')
    expect(status.code).toBe(SpanStatusCode.ERROR)
    expect(JSON.stringify([attributes, events, status])).not.toContain('secret')
  })

  it('tell a job that waited in the queue, one that never ran, and one that was refused', async () => {
    const { newManager } = fixture()
    const manager = newManager({ maxConcurrentJobs: 1, maxPendingJobs: 1 })
    const { tracer, meter, spans } = telemetry()
    instrumentManager(manager, { tracer, meter })
    const source = controlledSource()
    const first = await manager.register((run) => run.stream(source))
    const second = await manager.register(async () => 1)
    await expect(manager.register(async () => 1)).rejects.toMatchObject({ code: 'capacity.pending' })
    await second.cancel()
    source.end()
    await first.settled
    const jobs = spans().filter(({ name }) => name === 'generation_job')
    expect(jobs.map(({ attributes }) => attributes['generation_jobs.status'] ?? attributes['error.type'])).toEqual([
      'capacity.pending',
      'cancelled',
      'completed',
    ])
    expect(spans().filter(({ name }) => name === 'run')).toHaveLength(1)
  })

  it('end at once for a repeated key, which makes no second job', async () => {
    const { manager } = fixture()
    const { tracer, meter, spans } = telemetry()
    instrumentManager(manager, { tracer, meter })
    const first = await manager.register(async () => 1, { idempotencyKey: 'k' })
    await manager.register(async () => 1, { idempotencyKey: 'k' })
    await first.settled
    const created = spans().map(({ attributes }) => attributes['generation_jobs.created'])
    expect(created.filter((one) => one === false)).toHaveLength(1)
  })
})

describe('the metrics of a manager', () => {
  it('OBS-03: count ends by status and kind, cancels in seconds, and reported tokens only', async () => {
    const { manager, clock } = fixture()
    const { tracer, meter, points } = telemetry()
    const attributes = (job: JobSnapshot) => ({ 'gen_ai.request.model': String(job.metadata?.model) })
    instrumentManager(manager, { tracer, meter, attributes })
    const source = controlledSource()
    const job = await manager.register((run) => run.stream(source), { metadata: { model: 'm' } })
    await clock.advance(500)
    source.push('a')
    source.push({ usage: { inputTokens: 7, outputTokens: 9, quality: 'reported' } })
    source.end()
    await job.settled
    const deaf = await manager.register(() => new Promise<never>(() => {}), { metadata: { model: 'm' } })
    await clock.settle()
    expect((await points('generation_jobs.live')).map(({ attributes, value }) => [attributes, value])).toContainEqual([
      { 'generation_jobs.status': 'running' },
      1,
    ])
    const cancelled = deaf.cancel()
    await clock.advance(7_000)
    await cancelled

    const common = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' }
    expect(await points('generation_jobs.settled')).toMatchObject([
      { attributes: { ...common, 'generation_jobs.status': 'completed' }, value: 1 },
      { attributes: { 'generation_jobs.status': 'cancelled', 'generation_jobs.cancel.kind': 'user' }, value: 1 },
    ])
    expect(await points('generation_jobs.forced')).toMatchObject([{ attributes: common, value: 1 }])
    expect(await points('gen_ai.client.operation.time_to_first_chunk')).toMatchObject([
      { value: { count: 1, sum: 0.5 } },
    ])
    expect(await points('gen_ai.client.token.usage')).toMatchObject([
      { attributes: { 'gen_ai.token.type': 'input' }, value: { sum: 7 } },
      { attributes: { 'gen_ai.token.type': 'output' }, value: { sum: 9 } },
    ])
    const [latency] = await points('generation_jobs.cancel.duration')
    expect(latency?.value).toMatchObject({ count: 1, sum: expect.closeTo(3.5, 1) })
    expect((await points('generation_jobs.live')).map(({ value }) => value)).toEqual([0, 0, 0, 0])
  })

  it('OBS-05: attributes that throw stop neither job nor metric', async () => {
    const { manager } = fixture()
    const { tracer, meter, points } = telemetry()
    instrumentManager(manager, {
      tracer,
      meter,
      attributes: () => {
        throw new Error('not today')
      },
    })
    const job = await manager.register(async () => 1)
    expect((await job.settled).status).toBe('completed')
    expect(await points('generation_jobs.settled')).toMatchObject([{ value: 1 }])
  })

  it('stop when told to, and leave nothing on the manager', async () => {
    const { manager } = fixture()
    const { tracer, meter, points, spans } = telemetry()
    const stop = instrumentManager(manager, { tracer, meter })
    stop()
    stop()
    await (await manager.register(async () => 1)).settled
    expect(spans()).toEqual([])
    expect(await points('generation_jobs.settled')).toEqual([])
    expect(Object.hasOwn(manager, 'register')).toBe(false)
  })

  it('refuse attributes that are no function', () => {
    const { manager } = fixture()
    expect(() => instrumentManager(manager, { attributes: 'model' as never })).toThrow(
      'expected attributes to be a function',
    )
  })
})

describe('diagnostics_channel', () => {
  it('OBS-04: publishes every manager event to whoever subscribes', async () => {
    const { manager } = fixture()
    const seen: [string, string][] = []
    const names = ['registered', 'started', 'settled'].map((name) => `generation-jobs:${name}`)
    const listener = (message: unknown, name: string | symbol) =>
      void seen.push([String(name), (message as { job: JobSnapshot }).job.jobId])
    for (const name of names) channel(name).subscribe(listener)
    const job = await manager.register(async () => 1)
    await job.settled
    for (const name of names) channel(name).unsubscribe(listener)
    expect(seen).toEqual(names.map((name) => [name, job.jobId]))
  })
})
