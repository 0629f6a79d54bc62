import { z } from 'zod'
import type { CancelToken } from '../core/cancel-token.js'
import type { LanguageModel } from '../core/generation-source.js'
import type { OrchestratorOptions } from '../core/options.js'
import { GenerationOrchestrator, type StageContext } from '../core/orchestrator.js'
import type { Producer } from '../core/producer.js'
import type { GenerationEvent } from '../core/stand-alone-run.js'
import { checkOptions } from './check-options.js'
import { applyChoiceRules, type ChoiceOptions } from './choice-rules.js'
import { buildDialoguePrompt, type DialoguePrompt } from './dialogue-prompt.js'
import {
  choiceOptions,
  type DialogueScene,
  resolveDialogueRequest,
  type UnityDialogueRequest,
} from './dialogue-request.js'
import type { DialogueStore } from './dialogue-store.js'
import { parseDialogue } from './parse-dialogue.js'
import { renderUnityNodes } from './render-unity-nodes.js'
import type { UnityDialogue } from './unity-node.js'
import { validateUnityNodes } from './validate-unity-nodes.js'

type BuildPrompt = (scene: DialogueScene) => DialoguePrompt | Promise<DialoguePrompt>

/** The choice options are for requests that do not say. */
export interface UnityDialogueOrchestratorOptions extends ChoiceOptions {
  /** Writes the text of the dialogue; asked once per run. */
  readonly model: LanguageModel
  /** Gets the finished dialogue. Without one there is no step Committing, and the job's value is all there is. */
  readonly store?: DialogueStore | undefined
  /** @defaultValue {@link buildDialoguePrompt} */
  readonly buildPrompt?: BuildPrompt | undefined
}

const isFunction = (value: unknown): boolean => typeof value === 'function'

const optionsSchema = z.strictObject({
  model: z.custom<LanguageModel>(isFunction, 'expected a function'),
  store: z
    .custom<DialogueStore>(
      (value) => isFunction((value as DialogueStore | null)?.save),
      'expected an object with save()',
    )
    .optional(),
  buildPrompt: z.custom<BuildPrompt>(isFunction, 'expected a function').optional(),
  ...choiceOptions,
})

/**
 * Generates one dialogue for Unity: prompt → model → schema, choice rules, nodes, references → store.
 * The value of a run is `{ title, nodes }`; only a dialogue that passed every rule is saved.
 */
export class UnityDialogueOrchestrator {
  readonly #options: UnityDialogueOrchestratorOptions
  readonly #standAlone: OrchestratorOptions | undefined

  /**
   * @param standAlone for `generateWithEvents`; a manager's own values win.
   * @throws {InvalidOptionsError} for a wrong or unknown option.
   */
  constructor(options: UnityDialogueOrchestratorOptions, standAlone?: OrchestratorOptions) {
    this.#options = checkOptions(optionsSchema, options, 'dialogue orchestrator options')
    this.#standAlone = standAlone
  }

  /**
   * The producer to register with a manager.
   * @throws {InvalidOptionsError} for a wrong request, at the call: no job has to fail for it.
   */
  producer(request: UnityDialogueRequest): Producer<UnityDialogue> {
    const scene = resolveDialogueRequest(request, this.#options)
    return this.#orchestratorFor(scene).producer(scene)
  }

  /**
   * Generates without a manager; the last event says how it ended.
   * @throws {InvalidOptionsError} for a wrong request, at the call.
   */
  generateWithEvents(
    request: UnityDialogueRequest,
    token?: CancelToken | AbortSignal | (() => boolean),
  ): AsyncGenerator<GenerationEvent<UnityDialogue>, void, void> {
    const scene = resolveDialogueRequest(request, this.#options)
    return this.#orchestratorFor(scene).generateWithEvents(scene, token)
  }

  #orchestratorFor(scene: DialogueScene) {
    const { model, store, buildPrompt = buildDialoguePrompt } = this.#options
    return new GenerationOrchestrator<DialogueScene, UnityDialogue, DialoguePrompt>(
      {
        prompt: (request) => buildPrompt(request),
        generate: (prompt, { signal, jobId }) => model(prompt, { signal, jobId }),
        validate: (text, run) => toDialogue(text, scene, run),
        commit: store && ((dialogue, fence) => store.save(dialogue, fence)),
      },
      this.#standAlone,
    )
  }
}

function toDialogue(text: string, scene: DialogueScene, { jobId, logger }: StageContext): UnityDialogue {
  const answered = parseDialogue(text)
  const response = applyChoiceRules(answered, scene)
  const received = answered.node.choices?.length ?? 0
  const kept = response.node.choices?.length ?? 0
  if (kept < received) {
    logger.warn(
      { event: 'dialogue.choices-cut', job_id: jobId, received, kept },
      'The model gave more choices than allowed',
    )
  }
  if (kept === 0 && !response.node.line) {
    logger.warn(
      { event: 'dialogue.empty-node', job_id: jobId },
      'The node has neither a line nor choices: it ends the dialogue',
    )
  }
  const nodes = renderUnityNodes(response)
  validateUnityNodes(nodes)
  return { title: response.title, nodes }
}
