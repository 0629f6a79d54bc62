import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { Archive } from './archive.ts'
import { askOf, type Wish } from './ask.ts'
import type { Provider } from './provider.ts'
import type { Story } from './story.ts'

/** For how long anybody waits for something to happen, ms. */
const PATIENCE_MS = 1_500
/** For how long anybody waits for a server to begin its answer, ms. */
const ANSWER_LIMIT_MS = 10_000

/** One person, one story, one server of her own. */
export class Visit {
  readonly #archive = new Archive()
  readonly #provider: Provider
  readonly #running: ReturnType<Story>
  #url = ''
  #jobId = ''
  #stream: { events: { type: string; content?: string }[]; close: () => void; ended: Promise<void> } | undefined

  constructor(story: Story, provider: Provider) {
    this.#provider = provider
    this.#running = story({ ask: askOf(provider.url), archive: this.#archive })
  }

  async ask(wish: Wish): Promise<void> {
    if (!this.#running.server.listening) await once(this.#running.server, 'listening')
    this.#url = `http://127.0.0.1:${(this.#running.server.address() as AddressInfo).port}`
    const headers = { 'content-type': 'application/json' }
    const answer = await this.#post('/jobs', { body: JSON.stringify(wish), headers })
    this.#jobId = ((await answer.json()) as { job_id: string }).job_id
    await this.#watch()
  }

  async #watch(): Promise<void> {
    const closing = new AbortController()
    const events: { type: string; content?: string }[] = []
    const late = setTimeout(() => closing.abort(new Error('The server did not open the stream.')), ANSWER_LIMIT_MS)
    const url = `${this.#url}/jobs/${this.#jobId}/stream`
    const response = await fetch(url, { signal: closing.signal }).finally(() => clearTimeout(late))
    this.#stream = {
      events,
      close: () => closing.abort(),
      ended: response.ok ? read(response, events) : Promise.resolve(),
    }
  }

  async words(count: number): Promise<void> {
    await until(() => (this.#stream?.events.filter(({ content }) => content).length ?? 0) >= count)
  }

  async isCalled(): Promise<void> {
    await until(() => this.#provider.openCalls() > 0)
  }

  async isSaving(): Promise<void> {
    await until(() => this.#archive.saving > 0)
  }

  /** What the server says to an interrupt. */
  async cancel(): Promise<string> {
    const answer = await this.#post(`/jobs/${this.#jobId}/cancel`)
    if (!answer.ok) return `HTTP ${answer.status}`
    const { outcome, status } = (await answer.json()) as { outcome: string; status?: string }
    // The second of two clicks finds the job cancelled, or about to be.
    return status === undefined || status === 'cancelled' ? 'cancelled' : `${outcome}: ${status}`
  }

  async reload(): Promise<void> {
    this.#stream?.close()
    await wait(50) // a page takes longer
    await this.#watch()
  }

  /** How the stream ended. */
  async lastWord(): Promise<string> {
    const isOver = await Promise.race([this.#stream?.ended.then(() => true), wait(PATIENCE_MS, false)])
    if (!isOver) return 'no end'
    const last = this.#stream?.events.at(-1)?.type
    return last === undefined || last === 'chunk' ? 'nothing' : last
  }

  shutDown(): Promise<void> {
    return this.#running.shutDown()
  }

  /** What is left when everything had time to end. */
  async remains(): Promise<{ saved: string; openCalls: number }> {
    await until(() => this.#provider.openCalls() === 0 && this.#archive.saving === 0)
    const words = this.#archive.texts.get(this.#jobId)?.trim().split(' ').length
    return { saved: words === undefined ? 'nothing' : `${words} words`, openCalls: this.#provider.openCalls() }
  }

  async end(): Promise<void> {
    this.#stream?.close()
    this.#running.server.close()
    this.#running.server.closeAllConnections()
    await this.#running.shutDown()
  }

  #post(path: string, init?: RequestInit): Promise<Response> {
    return fetch(this.#url + path, { ...init, method: 'POST', signal: AbortSignal.timeout(ANSWER_LIMIT_MS) })
  }
}

async function read(response: Response, events: { type: string }[]): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const bytes of response.body ?? []) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.startsWith('data: ')) events.push(JSON.parse(line.slice(6)))
    }
  } catch {
    // The page was closed, or the connection was.
  }
}

async function until(condition: () => boolean): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  while (!condition() && performance.now() < until) await wait(5)
}
