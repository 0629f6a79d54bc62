import { ReadableStream as WebStream } from 'node:stream/web'
import { setTimeout as wait } from 'node:timers/promises'
import type { LanguageModel } from 'ai'
import { GenerationJobManager } from 'generation-jobs'
import type { BrowserContext } from 'playwright-core'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { createChatApp } from '../../examples/use-chat/server/chat-app.ts'
import { createChatArchive } from '../../examples/use-chat/server/chat-archive.ts'
import { type BuiltPage, buildPage } from '../../examples/web/server/built-page.ts'
import { listen } from '../../examples/web/server/listen.ts'
import { describeInChromium } from './support/chromium.ts'
import { expectReleased } from './support/released.ts'

type AiSdkModel = Extract<LanguageModel, { specificationVersion: 'v4' }>

/** Far above what anything here takes. */
const LIMIT_MS = 15_000

/** Writes what the question says: `<words> <ms>`, or fails after some words for `fail`. */
function scriptedModel() {
  const calls = { made: 0, open: 0 }
  async function* parts(question: string, signal: AbortSignal | undefined) {
    calls.made += 1
    calls.open += 1
    try {
      yield { type: 'stream-start', warnings: [] }
      yield { type: 'text-start', id: '0' }
      const [words, ms] = question === 'fail' ? [3, 10] : question.split(' ').map(Number)
      for (let index = 0; index < (words ?? 0); index += 1) {
        await wait(ms, undefined, { signal })
        yield { type: 'text-delta', id: '0', delta: `mot${index} ` }
      }
      if (question === 'fail') throw new Error('the provider is down, key sk-secret')
      yield { type: 'text-end', id: '0' }
      yield {
        type: 'finish',
        finishReason: { unified: 'stop', raw: 'stop' },
        usage: { inputTokens: {}, outputTokens: {} },
      }
    } finally {
      calls.open -= 1
    }
  }
  const model: AiSdkModel = {
    specificationVersion: 'v4',
    provider: 'test',
    modelId: 'scripted',
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('not used')),
    doStream: async ({ prompt, abortSignal }) => {
      const last = prompt.at(-1)
      const part = last?.role === 'user' ? last.content[0] : undefined
      const stream = WebStream.from(parts(part?.type === 'text' ? part.text : '', abortSignal))
      return { stream: stream as Awaited<ReturnType<AiSdkModel['doStream']>>['stream'] }
    },
  }
  return { model, calls }
}

/** A promise that the test resolves when it wants to. */
function openLater() {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((open) => {
    resolve = open
  })
  return { promise, resolve }
}

const text = (words: number) => Array.from({ length: words }, (_, index) => `mot${index} `).join('')

describeInChromium('useChat over generation jobs', (browser) => {
  let page: BuiltPage
  beforeAll(async () => {
    page = await buildPage(new URL('../../examples/use-chat/page', import.meta.url))
  }, 60_000)

  async function start({ save = () => Promise.resolve() }: { save?: () => Promise<void> } = {}) {
    const { model, calls } = scriptedModel()
    const inner = createChatArchive()
    const saved: string[] = []
    const archive: typeof inner = {
      read: inner.read,
      async write(owner, chatId, messages) {
        const last = messages.at(-1)
        if (last?.role === 'assistant') {
          await save()
          saved.push(last.parts.map((part) => (part.type === 'text' ? part.text : '')).join(''))
        }
        await inner.write(owner, chatId, messages)
      },
    }
    const manager = new GenerationJobManager({ logger: false, gracePeriodMs: 1_000 })
    const app = createChatApp({ manager, page, archive, model })
    const requests: string[] = []
    const server = await listen((request, context) => {
      requests.push(`${request.method} ${new URL(request.url).pathname}`)
      return app(request, context)
    }, 0)
    const context = await browser().newContext({ locale: 'fr-FR' })
    onTestFinished(async () => {
      await context.close()
      await manager.close()
      await server.close()
    })
    return {
      ...server,
      manager,
      calls,
      saved,
      context,
      asked: (what: string) =>
        requests.filter((request) => request.startsWith('POST') && request.endsWith(what)).length,
      statuses: async () => (await manager.list()).map(({ status }) => status),
      inside: async () => ({ stats: manager.stats(), openCalls: calls.open }),
    }
  }

  async function openTab(context: BrowserContext, url: string) {
    const tab = await context.newPage()
    tab.setDefaultTimeout(LIMIT_MS)
    const faults: string[] = []
    tab.on('pageerror', (error) => faults.push(String(error)))
    tab.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text()))
        faults.push(message.text())
    })
    await tab.goto(url)
    await tab.locator('main').waitFor()
    const answer = tab.locator('li[data-role=assistant]').last()
    return {
      tab,
      faults,
      url: () => tab.url(),
      async ask(question: string) {
        await tab.getByLabel('Question').fill(question)
        await tab.getByRole('button', { name: 'Envoyer' }).click()
      },
      reads: (words: string) => answer.getByText(words).waitFor(),
      stop: () => tab.getByRole('button', { name: 'Interrompre' }).click(),
      says: (words: string) => tab.getByRole('status').getByText(words, { exact: true }).waitFor(),
      ready: () => tab.locator('main[data-status=ready]').waitFor(),
      shows: () => answer.evaluate((element) => element.textContent ?? ''),
      answers: () => tab.locator('li[data-role=assistant]').count(),
    }
  }

  it('G6: an answer that ends by itself is shown whole and saved once, and a reload shows it again', async () => {
    const server = await start()
    const chat = await openTab(server.context, server.url)
    await chat.ask('20 5')
    await chat.reads('mot19')
    await chat.ready()
    expect(await chat.shows()).toBe(text(20))
    expect(server.saved).toEqual([text(20)])
    await chat.tab.reload()
    await chat.reads('mot19')
    expect(await chat.answers()).toBe(1)
    expect(server.calls.made).toBe(1)
    await expectReleased(server)
    expect(chat.faults).toEqual([])
  })

  it('G1 G6: stop() cancels the job on the server: the model call is closed, nothing is saved, the page says what is true', async () => {
    const server = await start()
    const chat = await openTab(server.context, server.url)
    await chat.ask('100000 10')
    await chat.reads('mot5 ')
    await chat.stop()
    await chat.says('Génération interrompue')
    expect(await server.statuses()).toEqual(['cancelled'])
    expect(server.calls.open).toBe(0)
    expect(server.asked('/cancel')).toBe(1)
    await chat.ready()
    expect(server.saved).toEqual([])
    await expectReleased(server)
    await chat.ask('5 5') // and it goes on
    await chat.reads('mot4')
    await expect.poll(() => server.saved, { timeout: LIMIT_MS }).toEqual([text(5)])
    expect(chat.faults).toEqual([])
  })

  it('G9: a page that is closed cancels nothing; opened again it resumes to the whole text', async () => {
    const server = await start()
    const first = await openTab(server.context, server.url)
    await first.ask('150 15')
    await first.reads('mot5 ')
    const url = first.url()
    await first.tab.close()
    const again = await openTab(server.context, url)
    await again.reads('mot5 ')
    await again.reads('mot149')
    await again.ready()
    expect(await again.shows()).toBe(text(150))
    expect(await again.answers()).toBe(1)
    expect([server.asked('/jobs'), server.asked('/cancel'), server.calls.made]).toEqual([1, 0, 1])
    expect(server.saved).toEqual([text(150)])
    await expectReleased(server)
  })

  it('G9 G10: a reload in mid-answer resumes the same message', async () => {
    const server = await start()
    const chat = await openTab(server.context, server.url)
    await chat.ask('150 15')
    await chat.reads('mot5 ')
    await chat.tab.reload()
    await chat.reads('mot149')
    await chat.ready()
    expect(await chat.shows()).toBe(text(150))
    expect(server.saved).toEqual([text(150)])
    expect(server.asked('/cancel')).toBe(0)
    await expectReleased(server)
    expect(chat.faults).toEqual([])
  })

  it('G1: stop works after a resume too, again after another reload, and what was stopped does not come back', async () => {
    const server = await start()
    const chat = await openTab(server.context, server.url)
    await chat.ask('100000 10')
    await chat.reads('mot5 ')
    await chat.tab.reload()
    await chat.tab.reload()
    await chat.reads('mot5 ')
    await chat.stop()
    await chat.says('Génération interrompue')
    expect(await server.statuses()).toEqual(['cancelled'])
    expect([server.calls.open, server.asked('/cancel')]).toEqual([0, 1])
    await chat.tab.reload()
    await chat.ready()
    expect(await chat.answers()).toBe(0)
    expect(server.saved).toEqual([])
    await expectReleased(server)
    expect(chat.faults).toEqual([])
  })

  it('CLI-16: a second tab resumes beside the first; what one stops ends in both, and both say so', async () => {
    const server = await start()
    const first = await openTab(server.context, server.url)
    await first.ask('100000 10')
    await first.reads('mot5 ')
    const second = await openTab(server.context, first.url())
    await second.reads('mot5 ')
    await expect.poll(() => server.manager.stats().viewers, { timeout: LIMIT_MS }).toBe(2)
    await second.stop()
    await Promise.all([first.says('Génération interrompue'), second.says('Génération interrompue')])
    await Promise.all([first.ready(), second.ready()])
    expect([server.asked('/cancel'), server.calls.open]).toEqual([1, 0])
    await expectReleased(server)
    expect([...first.faults, ...second.faults]).toEqual([])
  })

  it('G13: a stop that comes while the answer is being saved is told so, and the whole answer is shown', async () => {
    const gate = openLater()
    const server = await start({ save: () => gate.promise })
    const chat = await openTab(server.context, server.url)
    await chat.ask('10 5')
    await expect.poll(server.statuses, { timeout: LIMIT_MS }).toEqual(['committing'])
    await chat.stop()
    await chat.says('Interruption en cours...')
    gate.resolve()
    await expect.poll(server.statuses, { timeout: LIMIT_MS }).toEqual(['completed'])
    await chat.reads('mot9')
    await chat.ready()
    expect(await chat.shows()).toBe(text(10))
    expect(server.saved).toEqual([text(10)])
    expect(await chat.tab.getByRole('status').textContent()).not.toBe('Génération interrompue')
    await expectReleased(server)
  })

  it('CLI-03: a stop before the job is known cancels it as soon as it is, says so only then, and leaves no call that bills', async () => {
    const server = await start()
    const chat = await openTab(server.context, server.url)
    const held = openLater()
    await chat.tab.route('**/jobs', async (route) => {
      const response = await route.fetch()
      await held.promise
      await route.fulfill({ response })
    })
    await chat.ask('100000 10')
    await expect.poll(() => server.calls.open, { timeout: LIMIT_MS }).toBe(1)
    await chat.stop()
    await chat.ready()
    expect(await chat.tab.getByRole('status').textContent()).toBe('Interruption en cours...')
    expect(server.asked('/cancel')).toBe(0)
    held.resolve()
    await chat.says('Génération interrompue')
    expect([await server.statuses(), server.asked('/cancel'), server.saved]).toEqual([['cancelled'], 1, []])
    await expectReleased(server)
    expect(chat.faults).toEqual([])
  })

  it('CLI-03: a stop while the answer to the create is lost finds the job by its key, and cancels it', async () => {
    const server = await start()
    const chat = await openTab(server.context, server.url)
    const held = openLater()
    let creates = 0
    await chat.tab.route('**/jobs', async (route) => {
      creates += 1
      if (creates > 1) return route.continue()
      await route.fetch()
      await held.promise
      await route.abort()
    })
    await chat.ask('100000 10')
    await expect.poll(() => server.calls.open, { timeout: LIMIT_MS }).toBe(1)
    await chat.stop()
    held.resolve()
    await chat.says('Génération interrompue')
    expect([await server.statuses(), server.calls.made, server.asked('/cancel')]).toEqual([['cancelled'], 1, 1])
    expect(creates).toBe(2)
    await expectReleased(server)
  })

  it('G10: a connection that breaks is read on after its cursor: no word twice, none missing', async () => {
    const server = await start()
    const chat = await openTab(server.context, server.url)
    await chat.ask('150 15')
    await chat.reads('mot5 ')
    await server.context.setOffline(true)
    await wait(500)
    await server.context.setOffline(false)
    await chat.reads('mot149')
    expect(await chat.shows()).toBe(text(150))
    await expectReleased(server)
  })

  it('G14: a model that fails shows our words and none of the provider’s', async () => {
    const server = await start()
    const chat = await openTab(server.context, server.url)
    await chat.ask('fail')
    await chat.tab.getByRole('alert').waitFor()
    expect(await chat.tab.getByRole('alert').textContent()).toBe('Le modèle a échoué')
    expect(await chat.tab.content()).not.toContain('sk-secret')
    expect(server.saved).toEqual([])
    await expectReleased(server)
  })
})
