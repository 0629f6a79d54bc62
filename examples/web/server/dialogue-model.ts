import { randomUUID } from 'node:crypto'
import type { Arguments } from '../../generate-dialogue/arguments.ts'
import { type ChosenModel, chooseModel } from '../../generate-dialogue/choose-model.ts'
import { loadTable } from '../../generate-dialogue/local-model/load-table.ts'
import type { DialogueRequest } from './dialogue-request.ts'

/** Who writes the dialogue of a request. */
export type ChooseDialogueModel = (request: DialogueRequest) => Pick<ChosenModel, 'model' | 'buildPrompt'>

/** As `npm start` does: the provider of the environment, else the small model in this process. */
export const chooseDialogueModel: ChooseDialogueModel = ({ instructions, characters, tokensPerSecond }) => {
  const options: Arguments = {
    request: { instructions, characters },
    directory: '',
    locale: 'fr',
    json: false,
    local: false,
    seed: randomUUID(),
    tokensPerTick: tokensPerSecond / 100,
    cacheDirectory: undefined,
  }
  return chooseModel(options, process.env, () => {})
}

/** Trains the local model if nobody has; otherwise the first generation would wait for it. */
export async function prepareLocalModel(): Promise<void> {
  let isTold = false
  await loadTable({
    signal: new AbortController().signal,
    onTraining() {
      if (!isTold) console.log('Apprentissage du modèle local, une seule fois...')
      isTold = true
    },
  })
}
