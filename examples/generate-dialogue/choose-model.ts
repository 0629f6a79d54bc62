import type { LanguageModel } from 'generation-jobs'
import type { DialoguePrompt, DialogueScene } from 'generation-jobs/dialogue'
import type { Arguments } from './arguments.ts'
import type { DialogueGrammar } from './local-model/dialogue-decoder.ts'
import { loadTable, type TrainingListener } from './local-model/load-table.ts'
import { createLocalModel } from './local-model/local-model.ts'
import { createAnthropicModel, createOpenAIModel } from './provider-model.ts'

export interface ChosenModel {
  readonly name: string
  readonly local: boolean
  readonly model: LanguageModel
  /** How this model wants to be asked; absent: as the library asks. */
  readonly buildPrompt: ((scene: DialogueScene) => DialoguePrompt) | undefined
}

/** What the origin product asks for. */
const OPENAI_MODEL = 'gpt-4o'
const ANTHROPIC_MODEL = 'claude-sonnet-5-5'
/** The local model does not ramble: it offers no more than this. */
const MOST_LOCAL_CHOICES = 4

/** The provider that the environment names, else the local model. */
export function chooseModel(
  options: Arguments,
  environment: Readonly<Record<string, string | undefined>>,
  onTraining: TrainingListener,
): ChosenModel {
  const { OPENAI_API_KEY, OPENAI_BASE_URL, ANTHROPIC_API_KEY } = environment
  if (!options.local && (OPENAI_API_KEY || OPENAI_BASE_URL)) {
    const name = environment.OPENAI_MODEL || OPENAI_MODEL
    const model = createOpenAIModel({ apiKey: OPENAI_API_KEY, baseURL: OPENAI_BASE_URL, model: name })
    return { name, local: false, model, buildPrompt: undefined }
  }
  if (!options.local && ANTHROPIC_API_KEY) {
    const name = environment.ANTHROPIC_MODEL || ANTHROPIC_MODEL
    const baseURL = environment.ANTHROPIC_BASE_URL
    const model = createAnthropicModel({ apiKey: ANTHROPIC_API_KEY, baseURL, model: name })
    return { name, local: false, model, buildPrompt: undefined }
  }
  return {
    name: 'local',
    local: true,
    model: createLocalModel({
      loadTable: (signal) => loadTable({ cacheDirectory: options.cacheDirectory, signal, onTraining }),
      grammar: grammarOf(options),
      seed: options.seed,
      tokensPerTick: options.tokensPerTick,
    }),
    // It understands no orders, only a subject.
    buildPrompt: ({ instructions }) => ({ prompt: instructions }),
  }
}

function grammarOf({ request }: Arguments): DialogueGrammar {
  const { characters, npcSpeaker, playerCharacter, maxChoices, choicesMode } = request
  const names = new Set([...characters, npcSpeaker, playerCharacter].filter((name) => name !== undefined))
  const max = Math.min(maxChoices ?? MOST_LOCAL_CHOICES, MOST_LOCAL_CHOICES)
  const least = maxChoices === undefined && choicesMode === 'capped' ? 1 : 2
  return {
    speaker: npcSpeaker ?? characters[0],
    names: [...names],
    choices: { min: Math.min(least, max), max },
  }
}
