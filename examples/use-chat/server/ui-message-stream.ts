import type { UIMessageChunk } from 'ai'
import { type JobEvent, MESSAGES } from 'generation-jobs'

/** What a message of the chat says about its generation, in `message.metadata`. */
export interface AnswerMetadata {
  readonly jobId?: string
  /** How it ended, when it was not by itself: in a second tab nobody has pressed Stop. */
  readonly ended?: string
}

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
  'x-vercel-ai-ui-message-stream': 'v1',
}
const HEARTBEAT_MS = 15_000
/** A job has one text, so its part needs no name of its own. */
const TEXT = 'text'
const messages = MESSAGES.fr

/**
 * The events of a job after the cursor as the UI message stream of the AI SDK. The last frame of each event carries the event's
 * number as its SSE id: with it as cursor, a reader that lost its connection gets the rest and nothing twice.
 */
export function uiMessageStreamResponse(events: AsyncIterable<JobEvent>, jobId: string, after: number): Response {
  const iterator = events[Symbol.asyncIterator]()
  let heartbeat: NodeJS.Timeout | undefined
  const body = new ReadableStream<string>({
    start(controller) {
      heartbeat = setInterval(() => controller.enqueue(':\n\n'), HEARTBEAT_MS).unref()
      if (after === 0) for (const chunk of opening(jobId)) controller.enqueue(frame(chunk))
    },
    async pull(controller) {
      const next = await iterator.next().catch(() => undefined) // broken off: the reader asks again by its cursor
      if (next && !next.done) return controller.enqueue(frames(next.value))
      clearInterval(heartbeat)
      if (next) controller.enqueue('data: [DONE]\n\n')
      controller.close()
    },
    async cancel() {
      clearInterval(heartbeat)
      await iterator.return?.()
    },
  })
  return new Response(body.pipeThrough(new TextEncoderStream()), { headers: HEADERS })
}

function opening(jobId: string): UIMessageChunk<AnswerMetadata>[] {
  return [
    { type: 'start', messageId: jobId, messageMetadata: { jobId } },
    { type: 'text-start', id: TEXT },
  ]
}

function frames(event: JobEvent): string {
  const chunks = chunksOf(event)
  return chunks.map((chunk, index) => frame(chunk, index === chunks.length - 1 ? event.seq : undefined)).join('')
}

/** Never empty: every event moves the cursor. */
function chunksOf(event: JobEvent): UIMessageChunk<AnswerMetadata>[] {
  switch (event.type) {
    case 'chunk':
      return [{ type: 'text-delta', id: TEXT, delta: event.content }]
    case 'data':
      return [{ type: `data-${event.name}`, data: event.data }]
    case 'metadata':
      return [{ type: 'data-metadata', data: event.data, transient: true }]
    case 'step':
      return [{ type: 'data-step', data: event.step, transient: true }]
    case 'cancelling':
      return [{ type: 'data-cancelling', data: messages.interrupting, transient: true }]
    case 'complete':
      return [
        { type: 'text-end', id: TEXT },
        { type: 'finish', finishReason: 'stop' },
      ]
    case 'cancelled': {
      const ended = event.kind === 'user' ? messages.interrupted : messages.cancelled[event.kind]
      return [
        { type: 'text-end', id: TEXT },
        { type: 'message-metadata', messageMetadata: { ended } },
        { type: 'abort', reason: ended },
      ]
    }
    case 'error':
      return [
        { type: 'text-end', id: TEXT },
        { type: 'error', errorText: event.message ?? errorText(event.code) },
      ]
  }
}

function errorText(code: string): string {
  return Object.entries(messages.errors).find(([known]) => known === code)?.[1] ?? messages.errors['producer.failed']
}

function frame(chunk: UIMessageChunk, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(chunk)}\n\n`
}
