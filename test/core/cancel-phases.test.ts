import { type CancelKind, GenerationOrchestrator, type JobHandle, type ManagerEvents } from 'generation-jobs'
import { controlledSource, type RecordingStore, recordingStore } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { CANCELLERS } from '../support/cancellers.js'
import { chunksOf } from '../support/event-log.js'
import { expectCancelled } from '../support/expect-cancelled.js'
import { fixture } from '../support/fixture.js'
import { oneEnd } from '../support/one-end.js'
import { CHUNK } from '../support/producer-behaviours.js'
import { type Tap, tap } from '../support/tap.js'
import { within } from '../support/within.js'

/** The same generation in every test, halted at one of its phases: at each of them something is awaited. */
interface Halted {
  readonly prompt: Tap<string>
  readonly generate: Tap<void>
  readonly source: ReturnType<typeof controlledSource>
  readonly valid: Tap<string>
  readonly saved: Tap<void>
  readonly cleaned: Tap<void>
  readonly store: RecordingStore<string>
}

/** Goes one phase further, to where the next thing is awaited. */
const STEPS: ReadonlyArray<readonly [phase: string, go: (at: Halted) => void, step: string]> = [
  ['while the prompt is made', () => {}, 'Prompting'],
  ['while the source is opened', ({ prompt }) => prompt.give('prompt'), 'Generating'],
  ['before the first chunk', ({ generate }) => generate.give(), 'Generating'],
  ['between two chunks', ({ source }) => void source.push(CHUNK), 'Generating'],
  [
    'during the validation',
    ({ source }) => {
      source.push(CHUNK)
      source.end('stop')
    },
    'Validating',
  ],
  ['during the commit', ({ valid }) => valid.give('valid'), 'Committing'],
  ['during the cleanup', ({ saved }) => saved.give(), 'Committing'],
  ['after the settle', ({ cleaned }) => cleaned.give(), 'Committing'],
]

/** The phases in which a cancel still wins. */
const CANCELLABLE = 5
/** Chunks that were delivered by then. */
const CHUNKS = [0, 0, 0, 1, 2, 2, 2, 2]

function world(phase: number) {
  const f = fixture({ retentionMs: 60_000 })
  const at: Halted = {
    prompt: tap(),
    generate: tap(),
    source: controlledSource(),
    valid: tap(),
    saved: tap(),
    cleaned: tap(),
    store: recordingStore(),
  }
  const orchestrator = new GenerationOrchestrator<string, string, string>({
    prompt(_, run) {
      run.defer(() => at.cleaned.next())
      return at.prompt.next()
    },
    async generate() {
      await at.generate.next()
      return at.source
    },
    validate: () => at.valid.next(),
    async commit(result, fence) {
      await at.saved.next()
      await at.store.save(result, fence)
    },
  })
  return {
    f,
    at,
    producer: orchestrator.producer('a prompt'),
    async reach(handle: JobHandle<unknown>): Promise<void> {
      for (const [, go] of STEPS.slice(0, phase + 1)) {
        await f.clock.settle()
        go(at)
      }
      await f.clock.settle()
      expect(handle.snapshot().step).toBe(STEPS[phase]?.[2])
    },
    /** Everything that was awaited is answered, late or not. */
    async goOn(): Promise<void> {
      for (const [, go] of STEPS.slice(phase + 1)) {
        go(at)
        await f.clock.settle()
      }
    },
  }
}

const phases = STEPS.map(([name], phase) => ({ name, phase }))

describe.each(CANCELLERS)('$name', ({ kind, takesMs, prepare }) => {
  it.each(phases.slice(0, CANCELLABLE))(
    'CAN-01, CVC-02, CLN-01: $name cancels; nothing that is answered afterwards counts, cleanup runs once',
    async ({ phase }) => {
      const { f, at, producer, reach, goOn } = world(phase)
      const { options, cancel } = prepare()
      const handle = await f.manager.register(producer, options)
      await reach(handle)
      expect(handle.snapshot().status).toBe('running')

      const cancelled = cancel({ manager: f.manager, handle, clock: f.clock })
      if (takesMs) await cancelled
      expect(handle.snapshot()).toMatchObject({ status: 'cancelling', cancel: { reason: { kind } } })
      await goOn()
      await expectCancelled(f, handle, { kind, forced: false, chunks: CHUNKS[phase] ?? 0 })
      expect(f.logs.of('job.cancelled')[0]?.fields.step).toBe(STEPS[phase]?.[2])
      expect(at.store.calls()).toEqual([])
      expect(at.saved.waiting + at.cleaned.waiting).toBe(0)
    },
  )

  it.each(phases.slice(CANCELLABLE))(
    'CVC-03, CAN-08: $name changes nothing: the job completes, saved once',
    async ({ phase }) => {
      const { f, at, producer, reach, goOn } = world(phase)
      const { options, cancel } = prepare()
      const handle = await f.manager.register(producer, options)
      await reach(handle)
      const before = handle.snapshot()
      const cancelled = cancel({ manager: f.manager, handle, clock: f.clock })
      if (takesMs) await cancelled
      await f.clock.settle()
      expect(handle.snapshot()).toEqual(before)
      await goOn()
      const { outcome, events, record } = await oneEnd(f, handle)
      expect(outcome).toMatchObject({ status: 'completed', commit: 'done', value: 'valid', cleanup: 'clean' })
      expect(record.cancel).toBeUndefined()
      expect(chunksOf(events)).toHaveLength(2)
      expect(events.map(({ type }) => type)).not.toContain('cancelling')
      expect(at.store.committed()).toEqual(['valid'])
      expect(f.logs.of('job.cancel_requested')).toEqual([])
    },
  )

  it('CAN-10, G8: during the cleanup of a job that is cancelled already changes neither its reason nor its end', async () => {
    const { f, at, producer, reach, goOn } = world(2)
    const { options, cancel } = prepare()
    const handle = await f.manager.register(producer, options)
    await reach(handle)
    const first = handle.cancel({ kind: 'replaced', by: 'first' })
    await f.clock.settle()
    expect(at.cleaned.waiting).toBe(1)
    const cancelled = cancel({ manager: f.manager, handle, clock: f.clock })
    if (takesMs) await cancelled
    await goOn()
    const outcome = await expectCancelled(f, handle, { kind: 'replaced', forced: false, chunks: 0 })
    expect(outcome.reason.by).toBe('first')
    expect(await within(f.clock, 0, first)).toMatchObject({ outcome: 'cancelled', joined: false })
  })
})

describe("a listener of the job's own events cancels it", () => {
  const cases: Array<[event: keyof ManagerEvents, expected: string, answer: object]> = [
    ['registered', 'cancelled', { outcome: 'cancelled', joined: false }],
    ['started', 'cancelled', { outcome: 'cancelled', joined: false }],
    ['step', 'cancelled', { outcome: 'cancelled', joined: false }],
    ['committing', 'completed', { outcome: 'too-late', status: 'completed' }],
    ['cleanupFailed', 'completed', { status: 'completed' }], // too late, or settled already: both are true
    ['settled', 'completed', { outcome: 'already-settled', status: 'completed' }],
  ]
  it.each(cases)('CAN-11, C11: in %s: %s', async (event, expected, answer) => {
    const f = fixture({ retentionMs: 1_000 })
    const answers: unknown[] = []
    f.manager.on(event, ({ job }) => {
      void f.manager.cancel(job.jobId).then((result) => answers.push(result))
    })
    let saves = 0
    const handle = await f.manager.register(async (run) => {
      run.defer(() => Promise.reject(new Error('cleanup')))
      run.step('Any')
      run.emit('late')
      return run.commit(() => ++saves)
    })
    const { outcome, events } = await oneEnd(f, handle)
    expect(outcome.status).toBe(expected)
    expect(saves).toBe(expected === 'completed' ? 1 : 0)
    expect(chunksOf(events)).toHaveLength(expected === 'completed' ? 1 : 0)
    expect(answers).toEqual([expect.objectContaining(answer)])
  })

  it.each(['registered', 'started'] as const)('CAN-06: in %s, its producer is never called', async (event) => {
    const f = fixture({ retentionMs: 1_000 })
    f.manager.on(event, ({ job }) => void f.manager.cancel(job.jobId))
    let calls = 0
    const handle = await f.manager.register(async () => ++calls)
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
    expect(calls).toBe(0)
  })

  it('CAN-11: in cancelRequested: it joins, and nobody is told again', async () => {
    const f = fixture({ retentionMs: 1_000 })
    const kinds: CancelKind[] = []
    const answers: unknown[] = []
    f.manager.on('cancelRequested', ({ job, reason }) => {
      kinds.push(reason.kind)
      void f.manager.cancel(job.jobId, { kind: 'shutdown' }).then((result) => answers.push(result))
    })
    const handle = await f.manager.register((run) => new Promise((resolve) => run.token.onCancel(resolve)))
    await f.clock.settle()
    void handle.cancel()
    await expectCancelled(f, handle, { kind: 'user', forced: false, chunks: 0 })
    expect(kinds).toEqual(['user'])
    expect(answers).toEqual([expect.objectContaining({ outcome: 'cancelled', joined: true })])
  })
})
