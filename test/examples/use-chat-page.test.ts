import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { UIMessage, UIMessageChunk } from 'ai'
import { expect, it, onTestFinished } from 'vitest'
import { GenerationChatTransport } from '../../examples/use-chat/page/generation-chat-transport.ts'
import { jobStream } from '../../examples/use-chat/page/job-stream.ts'
import type { StopAnswer } from '../../examples/use-chat/page/jobs-api.ts'
import { rejection } from '../support/caught.js'

/** A server of the test's own making; closed with all its connections when the test ends. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function send(response: ServerResponse, ...chunks: UIMessageChunk[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join(''))
}

const word = (id: number) => `id: ${id}\ndata: {"type":"text-delta","id":"text","delta":"word${id} "}\n\n`
const END = 'id: 3\ndata: {"type":"finish"}\n\ndata: [DONE]\n\n'

async function readAll(stream: ReadableStream<UIMessageChunk>): Promise<string[]> {
  const seen: string[] = []
  for await (const chunk of stream) seen.push(chunk.type === 'text-delta' ? chunk.delta : chunk.type)
  return seen
}

it('CLI-09: a connection on which nothing comes any more is closed, and read on after its cursor', async () => {
  const asked: (string | undefined)[] = []
  const closed: Promise<unknown>[] = []
  const url = await serve((request, response) => {
    asked.push(request.url)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(asked.length === 1 ? word(1) : word(2) + END)
    if (asked.length === 1) closed.push(once(response, 'close'))
    else response.end()
  })
  let ends = 0
  const stream = jobStream(`${url}/s`, { onEnd: () => (ends += 1), silenceLimitMs: 50 })
  expect(await readAll(stream)).toEqual(['word1 ', 'word2 ', 'finish'])
  await Promise.all(closed)
  expect([asked, ends]).toEqual([['/s?after=0', '/s?after=1'], 1])
})

it('CLI-09: a server that takes the request and never answers is asked again', async () => {
  let asked = 0
  const url = await serve((_, response) => {
    asked += 1
    if (asked > 1) response.writeHead(200, { 'content-type': 'text/event-stream' }).end(word(1) + END)
  })
  expect(await readAll(jobStream(url, { onEnd: () => {}, silenceLimitMs: 50 }))).toEqual(['word1 ', 'finish'])
})

it.each([
  [401, 'Vous n’êtes plus identifié : rechargez la page'],
  [404, 'La génération est introuvable'],
  [410, 'Le serveur a répondu 410'],
])('G13: a refusal with %i is told as what it is, at once', async (status, message) => {
  let asked = 0
  const url = await serve((_, response) => {
    asked += 1
    response.writeHead(status).end()
  })
  expect(await rejection(readAll(jobStream(url, { onEnd: () => {} })))).toMatchObject({ message })
  expect(asked).toBe(1)
})

it.each([429, 503])('CLI-09: a server that answers %i for a moment is asked again', async (status) => {
  let asked = 0
  const url = await serve((_, response) => {
    asked += 1
    if (asked === 1) response.writeHead(status).end()
    else response.writeHead(200, { 'content-type': 'text/event-stream' }).end(word(1) + END)
  })
  expect(await readAll(jobStream(url, { onEnd: () => {} }))).toEqual(['word1 ', 'finish'])
})

const question = {
  chatId: 'c',
  messages: [] as UIMessage[],
  abortSignal: undefined,
  trigger: 'submit-message' as const,
  messageId: undefined,
} satisfies Parameters<GenerationChatTransport['sendMessages']>[0]

it('a question that the server refused leaves nothing to resume', async () => {
  const api = await serve((_, response) => void response.writeHead(400).end('{"error":{"message":"too long"}}'))
  const transport = new GenerationChatTransport({ api })
  expect(await rejection(transport.sendMessages(question))).toMatchObject({ message: 'too long' })
  expect(await transport.reconnectToStream({ chatId: 'c' })).toBeNull()
})

it.each([
  [{ outcome: 'too-late', status: 'completed' }, true],
  [{ outcome: 'too-late', status: 'committing' }, true],
  [{ outcome: 'too-late', status: 'failed' }, false],
  [{ outcome: 'already-settled', status: 'completed' }, true],
  [{ outcome: 'already-settled', status: 'failed' }, false],
  [{ outcome: 'cancelled', status: 'cancelled' }, false],
  [{ outcome: 'requested', status: 'cancelling' }, false],
])('G13: after a stop that was answered %o there is something to resume: %s', async (answer, isKept) => {
  const api = await serve((asked, response) => {
    if (asked.url?.endsWith('/cancel')) response.end(JSON.stringify({ ...answer, message: 'told' }))
    else if (asked.url === '/jobs') response.writeHead(201).end('{"job_id":"j"}')
    else send(response, { type: 'text-start', id: 'text' })
  })
  const told: string[] = []
  let tell = (_: StopAnswer): void => {}
  const stopped = new Promise<StopAnswer>((resolve) => {
    tell = resolve
  })
  const transport = new GenerationChatTransport({
    api,
    onStopping: () => void told.push('stopping'),
    onStopped: (said) => tell(said),
  })
  const abort = new AbortController()
  await transport.sendMessages({ ...question, abortSignal: abort.signal })
  abort.abort()
  expect(await stopped).toMatchObject({ ...answer, message: 'told' })
  const resumed = await transport.reconnectToStream({ chatId: 'c' })
  await resumed?.cancel()
  expect([told, resumed !== null]).toEqual([['stopping'], isKept])
})
