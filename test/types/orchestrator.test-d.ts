import {
  type CancelKind,
  type CancelToken,
  type Clock,
  type CommitFence,
  type GenerationEvent,
  GenerationOrchestrator,
  type GenerationSource,
  type Json,
  type JsonObject,
  type LanguageModel,
  type Logger,
  type OrchestratorOptions,
  type Producer,
  type RunContext,
  type StageContext,
} from 'generation-jobs'
import { describe, expectTypeOf, test } from 'vitest'
import { z } from 'zod'

interface Scene {
  readonly place: string
}
interface Page {
  readonly nodes: readonly string[]
}
interface Prepared {
  readonly prompt: string
}

declare const source: GenerationSource
const pageSchema = z.object({ nodes: z.array(z.string()), title: z.string().default('Untitled') })

describe('GenerationOrchestrator infers from its stages', () => {
  test('generate alone: the prompt is the request, the result is the text', () => {
    const orchestrator = new GenerationOrchestrator({ generate: (_scene: Scene, _run) => source })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, string, Scene>>()
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene>>()
    expectTypeOf(orchestrator.producer).toEqualTypeOf<(request: Scene) => Producer<string>>()
  })

  test('generate and commit: commit gets the text', () => {
    const orchestrator = new GenerationOrchestrator({
      generate: async (_scene: Scene) => source,
      commit: (result, fence) => {
        expectTypeOf(result).toEqualTypeOf<string>()
        expectTypeOf(fence).toEqualTypeOf<CommitFence>()
      },
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, string, Scene>>()
  })

  test('a validating function gives the result', () => {
    const orchestrator = new GenerationOrchestrator({
      generate: (_scene: Scene) => source,
      validate: (text, run) => {
        expectTypeOf(text).toEqualTypeOf<string>()
        expectTypeOf(run).toEqualTypeOf<StageContext>()
        return { nodes: [text] }
      },
      commit: async (page) => void expectTypeOf(page).toEqualTypeOf<{ nodes: string[] }>(),
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, { nodes: string[] }, Scene>>()
  })

  test('an async validating function gives what it resolves to', () => {
    const orchestrator = new GenerationOrchestrator({
      generate: (_scene: Scene) => source,
      validate: async (text): Promise<Page> => ({ nodes: [text] }),
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, Page, Scene>>()
  })

  test('a schema gives its output', () => {
    const orchestrator = new GenerationOrchestrator({
      generate: (_scene: Scene) => source,
      validate: pageSchema,
      commit: (page) => {
        expectTypeOf(page).toEqualTypeOf<{ nodes: string[]; title: string }>()
      },
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, { nodes: string[]; title: string }, Scene>>()
  })

  test('a prompting stage gives the prompt, the result stays the text', () => {
    const orchestrator = new GenerationOrchestrator({
      prompt: (scene: Scene): Prepared => ({ prompt: scene.place }),
      generate: (prompt, run) => {
        expectTypeOf(prompt).toEqualTypeOf<Prepared>()
        expectTypeOf(run).toEqualTypeOf<StageContext>()
        return source
      },
      commit: (text) => void expectTypeOf(text).toEqualTypeOf<string>(),
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, string, Prepared>>()
  })

  test('an async prompting stage gives what it resolves to', () => {
    const orchestrator = new GenerationOrchestrator({
      prompt: async (scene: Scene, run): Promise<Prepared> => ({ prompt: `${scene.place} ${run.jobId}` }),
      generate: (prompt) => {
        expectTypeOf(prompt).toEqualTypeOf<Prepared>()
        return source
      },
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, string, Prepared>>()
  })

  test('all four stages', () => {
    const orchestrator = new GenerationOrchestrator({
      prompt: (scene: Scene): Prepared => ({ prompt: scene.place }),
      generate: (prompt) => {
        expectTypeOf(prompt).toEqualTypeOf<Prepared>()
        return source
      },
      validate: (text): Page => ({ nodes: [text] }),
      commit: (page, fence) => {
        expectTypeOf(page).toEqualTypeOf<Page>()
        expectTypeOf(fence.fencingToken).toEqualTypeOf<number>()
      },
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, Page, Prepared>>()
    expectTypeOf(orchestrator.producer({ place: 'a tavern' })).toEqualTypeOf<Producer<Page>>()
  })

  test('all four stages with a schema', () => {
    const orchestrator = new GenerationOrchestrator({
      prompt: (scene: Scene): Prepared => ({ prompt: scene.place }),
      generate: (_prompt) => source,
      validate: pageSchema,
      commit: (page) => void expectTypeOf(page.title).toEqualTypeOf<string>(),
    })
    expectTypeOf(orchestrator).toEqualTypeOf<
      GenerationOrchestrator<Scene, { nodes: string[]; title: string }, Prepared>
    >()
  })

  test('type arguments can be written out', () => {
    expectTypeOf(
      new GenerationOrchestrator<Scene>({ generate: (scene) => (scene.place ? source : source) }),
    ).toEqualTypeOf<GenerationOrchestrator<Scene, string, Scene>>()
    expectTypeOf(
      new GenerationOrchestrator<Scene, Page>({ generate: () => source, validate: () => ({ nodes: [] }) }),
    ).toEqualTypeOf<GenerationOrchestrator<Scene, Page, Scene>>()
    expectTypeOf(
      new GenerationOrchestrator<Scene, Page, Prepared>({
        prompt: ({ place }) => ({ prompt: place }),
        generate: ({ prompt }) => (prompt ? source : source),
        validate: () => ({ nodes: [] }),
      }),
    ).toEqualTypeOf<GenerationOrchestrator<Scene, Page, Prepared>>()
  })

  test('an absent commit may be given as undefined', () => {
    const save = undefined as ((page: Page) => Promise<void>) | undefined
    const orchestrator = new GenerationOrchestrator({
      generate: (_scene: Scene) => source,
      validate: (text): Page => ({ nodes: [text] }),
      commit: save,
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, Page, Scene>>()
  })

  test('commit may take a wider result than validate gives', () => {
    const save = (_result: unknown): void => {}
    const orchestrator = new GenerationOrchestrator({
      generate: (_scene: Scene) => source,
      validate: (text): Page => ({ nodes: [text] }),
      commit: save,
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, Page, Scene>>()
  })
})

// The usual way to write stages: functions that exist already beside arrows whose parameters have no types.
describe('GenerationOrchestrator infers with functions by reference', () => {
  const save = async (_page: Page): Promise<void> => {}
  const toPage = (text: string): Page => ({ nodes: [text] })
  const model: LanguageModel = () => source

  test('commit beside an arrow as validate', () => {
    const orchestrator = new GenerationOrchestrator({
      generate: (_scene: Scene) => source,
      validate: (text) => toPage(text),
      commit: save,
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, Page, Scene>>()
  })

  test('generate beside an arrow as prompt', () => {
    const orchestrator = new GenerationOrchestrator({
      prompt: (scene: Scene, _run) => ({ prompt: scene.place }),
      generate: model,
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, string, { prompt: string }>>()
  })

  test('all but prompt', () => {
    const orchestrator = new GenerationOrchestrator({
      prompt: (scene: Scene) => ({ prompt: scene.place }),
      generate: model,
      validate: toPage,
      commit: save,
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, Page, { prompt: string }>>()
  })

  test('stages written as methods', () => {
    const orchestrator = new GenerationOrchestrator({
      prompt(scene: Scene, run) {
        return { prompt: `${scene.place} ${run.jobId}` }
      },
      generate: model,
      validate(text) {
        return toPage(text)
      },
      commit: save,
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, Page, { prompt: string }>>()
  })
})

describe('a stage', () => {
  test('works with these parts of the run', () => {
    expectTypeOf<StageContext>().toEqualTypeOf<
      Pick<RunContext, 'jobId' | 'token' | 'signal' | 'emit' | 'tryEmit' | 'defer' | 'logger'>
    >()
  })

  test('can hand its run to a language model', () => {
    expectTypeOf<StageContext>().toExtend<Parameters<LanguageModel>[1]>()
    const model: LanguageModel = () => source
    const orchestrator = new GenerationOrchestrator({
      prompt: (scene: Scene) => ({ prompt: scene.place }),
      generate: (prompt, run) => model(prompt, run),
    })
    expectTypeOf(orchestrator).toEqualTypeOf<GenerationOrchestrator<Scene, string, { prompt: string }>>()
  })
})

describe('options of an orchestrator', () => {
  test('are these, all of them optional', () => {
    expectTypeOf<OrchestratorOptions>().toEqualTypeOf<{
      clock?: Clock | undefined
      logger?: Logger | false | undefined
      gracePeriodMs?: number | undefined
      commitTimeoutMs?: number | undefined
    }>()
  })
})

describe('generateWithEvents', () => {
  const orchestrator = new GenerationOrchestrator<Scene, Page>({
    generate: () => source,
    validate: () => ({ nodes: [] }),
  })

  test('takes a token, a signal or a predicate, and may be given none', () => {
    expectTypeOf(orchestrator.generateWithEvents).parameters.toEqualTypeOf<
      [request: Scene, token?: CancelToken | AbortSignal | (() => boolean) | undefined]
    >()
    expectTypeOf(orchestrator.generateWithEvents).returns.toEqualTypeOf<
      AsyncGenerator<GenerationEvent<Page>, void, void>
    >()
  })

  test('yields events that narrow by their type', () => {
    const look = async (): Promise<void> => {
      for await (const event of orchestrator.generateWithEvents({ place: 'a tavern' })) {
        switch (event.type) {
          case 'step':
            expectTypeOf(event.step).toEqualTypeOf<string>()
            break
          case 'chunk':
            expectTypeOf(event.content).toEqualTypeOf<string>()
            break
          case 'metadata':
            expectTypeOf(event.data).toEqualTypeOf<JsonObject>()
            break
          case 'data':
            expectTypeOf(event.name).toEqualTypeOf<string>()
            expectTypeOf(event.data).toEqualTypeOf<Json>()
            break
          case 'complete':
            expectTypeOf(event.result).toEqualTypeOf<Page>()
            break
          case 'cancelled':
            expectTypeOf(event.kind).toEqualTypeOf<CancelKind>()
            break
          case 'error':
            expectTypeOf(event.code).toEqualTypeOf<string>()
            expectTypeOf(event.message).toEqualTypeOf<string>()
            break
          default:
            expectTypeOf(event).toEqualTypeOf<never>()
        }
      }
    }
    expectTypeOf(look).toBeFunction()
  })
})
