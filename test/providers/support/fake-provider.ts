import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { chatCompletions, messages, responses, SECRET, type WireFinish, type WireFormat } from './wire-formats.js'

/** What goes wrong in an answer; `endless` goes on for ever. */
export type Fault =
  | 'stall-before-headers'
  | 'stall-mid-stream'
  | 'cut-mid-frame'
  | 'slow-drip'
  | 'error-frame'
  | 'malformed-json'
  | 'silent-end'
  | 'endless'
  | { readonly status: number; readonly headers?: Record<string, string> }

/** One answer. Without a fault it streams the texts and ends well. */
export interface Answer {
  readonly texts?: readonly string[]
  readonly finish?: WireFinish
  /** @defaultValue true */
  readonly usage?: boolean
  readonly fault?: Fault
  /** How many of the texts come before the fault. @defaultValue all */
  readonly textsBeforeFault?: number
  /** A stalled answer goes on when this resolves. */
  readonly resumes?: Promise<void>
  /** The connection stays open after the end. */
  readonly keepsOpen?: boolean
}

/** One request as the server saw it. */
export interface ProviderCall {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
  /** Resolves with `performance.now()` when the connection of this request is closed. */
  readonly closed: Promise<number>
  readonly isClosed: () => boolean
  /** Resolves when everything was written that will be before the connection is closed. */
  readonly written: Promise<void>
}

export interface FakeProvider {
  readonly url: string
  readonly calls: readonly ProviderCall[]
  /** The call with this number, from 0, as soon as it comes. */
  call(index: number): Promise<ProviderCall>
  close(): Promise<void>
}

export const TEXTS = ['Bon', 'jour', ' 🌉']

/**
 * A model provider on loopback that speaks Chat Completions, Responses (background ones too: they can be retrieved and cancelled) and
 * Messages. The answer is chosen by the request's number, so that a retry can go better.
 */
export async function startFakeProvider(answer: Answer | ((index: number) => Answer) = {}): Promise<FakeProvider> {
  const calls: ProviderCall[] = []
  const waiting = new Map<number, (call: ProviderCall) => void>()
  const background = new BackgroundResponses()
  const server = createServer((request, response) => {
    void readBody(request).then(async (body) => {
      let wrote: () => void = () => {}
      const written = new Promise<void>((resolve) => {
        wrote = resolve
      })
      const index = calls.length
      const call = callOf(request, body, written)
      calls.push(call)
      waiting.get(index)?.(call)
      const chosen = typeof answer === 'function' ? answer(index) : answer
      try {
        await respond(call, response, chosen, background)
      } finally {
        wrote()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    call: (index) => {
      const known = calls[index]
      return known ? Promise.resolve(known) : new Promise((resolve) => waiting.set(index, resolve))
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function callOf(request: IncomingMessage, body: Record<string, unknown>, written: Promise<void>): ProviderCall {
  const { method = '', url = '', headers, socket } = request
  let isClosed = false
  const closed = new Promise<number>((resolve) => {
    const onClose = (): void => {
      isClosed = true
      resolve(performance.now())
    }
    if (socket.destroyed) onClose()
    else socket.once('close', onClose)
  })
  return { method, url, headers, body, closed, isClosed: () => isClosed, written }
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += part
  return text === '' ? {} : JSON.parse(text)
}

async function respond(
  call: ProviderCall,
  response: ServerResponse,
  answer: Answer,
  background: BackgroundResponses,
): Promise<void> {
  const { fault } = answer
  if (fault === 'stall-before-headers') {
    if (!answer.resumes) return
    await answer.resumes
  }
  if (typeof fault === 'object') {
    const error = { message: SECRET, type: 'some_error', code: 'some_code' }
    response.writeHead(fault.status, { 'content-type': 'application/json', 'x-secret': SECRET, ...fault.headers })
    response.end(JSON.stringify({ type: 'error', error }))
    return
  }
  if (call.url.endsWith('/cancel')) return sendJson(response, background.cancel(call.url))
  // A connection is used once, so that each test sees its own close.
  response.writeHead(200, { 'content-type': 'text/event-stream', connection: 'close' })
  response.flushHeaders()
  const frames = background.framesOf(call, answer) ?? framesOf(formatOf(call.url), answer)
  await write(response, frames, answer)
}

function formatOf(url: string): WireFormat {
  if (url.endsWith('/chat/completions')) return chatCompletions
  return url.endsWith('/messages') ? messages : responses('resp_1')
}

/** The frames of an answer without its fault. */
function framesOf(format: WireFormat, answer: Answer): Frames {
  const { texts = TEXTS, finish = 'stop', usage = true } = answer
  return { format, start: format.start(), texts: texts.map(format.text), end: format.end(finish, usage) }
}

interface Frames {
  readonly format: WireFormat
  readonly start: readonly string[]
  readonly texts: readonly string[]
  readonly end: readonly string[]
}

async function write(response: ServerResponse, { format, start, texts, end }: Frames, answer: Answer): Promise<void> {
  const { fault, textsBeforeFault } = answer
  const begun = [...start, ...texts.slice(0, fault && textsBeforeFault)].join('')
  switch (fault) {
    case 'stall-mid-stream':
      await send(response, begun)
      if (!answer.resumes) return
      await answer.resumes
      return finish(response, end.join(''), answer)
    case 'endless': {
      await send(response, begun)
      for (let at = 0; !response.destroyed; at++) {
        const isFlowing = response.write(format.text(`${at} `))
        if (!isFlowing) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve))
        await nextTurn()
      }
      return
    }
    case 'cut-mid-frame':
      await send(response, begun + format.text('never whole').slice(0, 40))
      await nextTurn()
      response.destroy()
      return
    case 'slow-drip':
      for (const byte of Buffer.from(begun + end.join(''))) {
        await send(response, Buffer.from([byte]))
        await nextTurn()
      }
      response.end()
      return
    case 'error-frame':
      return finish(response, begun + format.error() + end.join(''))
    case 'malformed-json':
      return finish(response, begun + format.malformed())
    case 'silent-end':
      return finish(response, begun)
    default:
      return finish(response, begun + end.join(''), answer)
  }
}

function finish(response: ServerResponse, text: string, { keepsOpen }: Answer = {}): void {
  if (keepsOpen) response.write(text)
  else response.end(text)
}

function sendJson(response: ServerResponse, value: object): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

function send(response: ServerResponse, text: string | Buffer): Promise<void> {
  return new Promise((resolve) => response.write(text, () => resolve()))
}

/** Responses that run on whatever happens to their connection. */
class BackgroundResponses {
  readonly #frames = new Map<string, Frames>()

  /** The frames of a background response's creation, or of its being taken up again; nothing for any other request. */
  framesOf(call: ProviderCall, answer: Answer): Frames | undefined {
    if (call.method === 'POST') {
      if (call.body.background !== true) return undefined
      const id = `resp_${this.#frames.size + 1}`
      const frames = framesOf(responses(id), answer)
      this.#frames.set(id, frames)
      return frames
    }
    const { pathname, searchParams } = new URL(call.url, 'http://provider')
    const frames = this.#frames.get(pathname.split('/').at(-1) ?? '')
    if (!frames) return undefined
    const after = Number(searchParams.get('starting_after') ?? -1)
    const isAfter = (frame: string) => Number(/"sequence_number":(\d+)/.exec(frame)?.[1]) > after
    return {
      ...frames,
      start: frames.start.filter(isAfter),
      texts: frames.texts.filter(isAfter),
      end: frames.end.filter(isAfter),
    }
  }

  cancel(url: string): object {
    const id = url.split('/').at(-2)
    return { id, object: 'response', status: 'cancelled', output: [] }
  }
}
