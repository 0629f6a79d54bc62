import type { JobSnapshot } from '../protocol/job-snapshot.js'
import { isSettled } from '../protocol/job-status.js'
import { LAST_EVENT_ID_HEADER } from '../protocol/wire.js'
import { EventBatches } from './event-batches.js'
import { EventStream } from './event-stream.js'
import type { FrameCache } from './frame-cache.js'
import { HttpError } from './http-error.js'
import type { HandlerContext, ResolvedHandlerOptions } from './options.js'
import type { SharedTurn } from './shared-turn.js'

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/**
 * `GET /jobs/{id}/stream`: the job's events after the cursor, then live, to the terminal one. 204 for a cursor at the end of a
 * settled job: it ends the reconnects of an `EventSource`.
 */
export async function streamJob(
  options: ResolvedHandlerOptions,
  shared: { readonly frames: FrameCache; readonly turn: SharedTurn },
  request: Request,
  job: JobSnapshot,
  disconnect: HandlerContext['disconnect'],
): Promise<Response> {
  const { manager, clock, heartbeatMs, maxViewerBufferBytes: maxBufferBytes } = options
  const { jobId, lastSeq } = job
  const after = cursorOf(request)
  if (isSettled(job.status) && after >= lastSeq) return new Response(null, { status: 204 })
  const batches = new EventBatches(manager.events(jobId, { after, viewer: true }))
  // What there is to read comes at once, or the reason why it cannot be read, which needs a status of its own.
  const first = after < lastSeq ? await batches.next() : []
  const frames = shared.frames.enter(jobId)
  const onAbort = () => stream.close()
  const stream = new EventStream({
    batches,
    first,
    frames,
    clock,
    turn: shared.turn,
    heartbeatMs,
    maxBufferBytes,
    disconnect,
    onEnd() {
      request.signal.removeEventListener('abort', onAbort) // holds the request too: its signal lives no longer than it
      shared.frames.leave(jobId, frames)
    },
  })
  if (request.signal.aborted) stream.close()
  else request.signal.addEventListener('abort', onAbort)
  return new Response(stream.body, { headers: HEADERS })
}

/** The larger of `Last-Event-ID` and `?after=`: a browser that reconnects repeats the query of its first request. */
function cursorOf(request: Request): number {
  const header = request.headers.get(LAST_EVENT_ID_HEADER) ?? ''
  const query = new URL(request.url).searchParams.get('after') ?? ''
  return Math.max(wholeNumber(header, LAST_EVENT_ID_HEADER), wholeNumber(query, 'after'))
}

function wholeNumber(text: string, name: string): number {
  if (text === '') return 0
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(number)) {
    throw new HttpError(400, 'options.invalid', { issues: [{ message: 'expected a whole number', path: [name] }] })
  }
  return number
}
