import { setTimeout as wait } from 'node:timers/promises'
import type { LanguageModel } from 'generation-jobs'
import type { ChooseDialogueModel } from '../../../examples/web/server/dialogue-model.ts'
import { MARKUP, SCENES } from './scenes.ts'

/** How many model calls are open: a cancelled generation must leave none. */
export const openCalls = { count: 0 }

export const chooseScriptedModel: ChooseDialogueModel = ({ instructions }) => {
  const [scene = '', words = '', ms = ''] = instructions.split(' ')
  const model = scene === 'dialogue' ? dialogueModel(Number(words), Number(ms)) : MODELS[scene]
  if (!model) throw new Error(`no such scene: ${scene}`)
  return { model, buildPrompt: () => ({ prompt: instructions }) }
}

const MODELS: Record<string, LanguageModel> = {
  [SCENES.markup]: () => counted(spoken(MARKUP.match(/.{1,7}/gs) ?? [], 15)),
  [SCENES.prose]: () => counted(paced(['Il était ', 'une fois, ', 'sans accolade.'], 15)),
  [SCENES.deaf]: () => {
    const words = spoken(['Un', ' deux', ' trois', ' quatre'], 15)
    let left = 6
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => (left-- > 0 ? words.next() : new Promise<never>(() => {})),
        return: () => new Promise<never>(() => {}),
      }),
    }
  },
}

function dialogueModel(words: number, ms: number): LanguageModel {
  const pieces = Array.from({ length: words }, (_, index) => `mot${index} `)
  return () => counted(spoken(pieces, ms))
}

async function* spoken(pieces: readonly string[], ms: number): AsyncGenerator<string, void, void> {
  yield '{"title":"Le pont","node":{"speaker":"Mira","line":"'
  for await (const piece of paced(pieces, ms)) yield JSON.stringify(piece).slice(1, -1)
  yield '","choices":[{"text":"Partir"},{"text":"Rester","test":"Raison+Rhétorique:8"}]}}'
}

async function* paced(pieces: readonly string[], ms: number): AsyncGenerator<string, void, void> {
  for (const piece of pieces) {
    await wait(ms)
    yield piece
  }
}

async function* counted(source: AsyncIterable<string>): AsyncGenerator<string, void, void> {
  openCalls.count += 1
  try {
    yield* source
  } finally {
    openCalls.count -= 1
  }
}
