import type { Wish } from './ask.ts'
import type { Visit } from './visit.ts'

const STORY: Wish = { words: 20, finish: 'stop' }
const LONG_STORY: Wish = { words: 10_000, finish: 'stop' }
const HANGING: Wish = { words: 0, finish: 'stop' }
const CUT_OFF: Wish = { words: 20, finish: 'length' }

/** What people do and what happens to them; each answers what the person was told. */
export const SITUATIONS: Readonly<Record<string, (visit: Visit) => Promise<string>>> = {
  'nobody interrupts': async (visit) => {
    await visit.ask(STORY)
    return visit.lastWord()
  },
  'interrupt in mid-stream': async (visit) => {
    await visit.ask(LONG_STORY)
    await visit.words(3)
    return visit.cancel()
  },
  'interrupt while the provider hangs': async (visit) => {
    await visit.ask(HANGING)
    await visit.isCalled()
    return visit.cancel()
  },
  'two clicks on interrupt': async (visit) => {
    await visit.ask(LONG_STORY)
    await visit.words(3)
    return (await Promise.all([visit.cancel(), visit.cancel()])).toSorted().toReversed().join(' and ')
  },
  'interrupt while it is being saved': async (visit) => {
    await visit.ask(STORY)
    await visit.isSaving()
    return visit.cancel()
  },
  'interrupt after the end': async (visit) => {
    await visit.ask(STORY)
    await visit.lastWord()
    return visit.cancel()
  },
  'the page is loaded again in mid-stream': async (visit) => {
    await visit.ask(STORY)
    await visit.words(3)
    await visit.reload()
    return visit.lastWord()
  },
  'the model is cut off at its limit': async (visit) => {
    await visit.ask(CUT_OFF)
    return visit.lastWord()
  },
  'the server is shut down in mid-stream': async (visit) => {
    await visit.ask(LONG_STORY)
    await visit.words(3)
    const [told] = await Promise.all([visit.lastWord(), visit.shutDown()])
    return told
  },
}
