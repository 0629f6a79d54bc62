import type { JobSnapshot } from '../protocol/job-snapshot.js'
import { isSettled } from '../protocol/job-status.js'
import { LAST_EVENT_ID_HEADER } from '../protocol/wire.js'
import { HttpError } from './http-error.js'
import type { HandlerContext } from './options.js'
import { streamResponse, writerOf } from './stream-response.js'
import type { Streams } from './streams.js'

export interface StreamRequest {
  readonly request: Request
  readonly url: URL
  readonly job: JobSnapshot
  readonly context: HandlerContext
}

/**
 * `GET /jobs/{id}/stream`: the job's events after the cursor, then live, to the terminal one. 204 for a cursor at the end of a
 * settled job: it ends the reconnects of an `EventSource`.
 */
export async function streamJob(
  streams: Streams,
  { request, url, job, context }: StreamRequest,
  maxBufferBytes: number,
): Promise<Response> {
  const { jobId, lastSeq } = job
  const after = cursorOf(request, url)
  if (isSettled(job.status) && after >= lastSeq) return new Response(null, { status: 204 })
  const gone = writerOf(context) ? undefined : request.signal
  const onAbort = () => viewer.close()
  const viewer = streams.enter(jobId, after, () => {
    gone?.removeEventListener('abort', onAbort) // holds the request too: its signal lives no longer than it
  })
  // What there is to read comes at once, or the reason why it cannot be read, which needs a status of its own.
  if (after < lastSeq) await viewer.catchUp()
  else viewer.join()
  if (gone?.aborted) viewer.close()
  else gone?.addEventListener('abort', onAbort)
  return streamResponse(viewer, maxBufferBytes, context)
}

/** The larger of `Last-Event-ID` and `?after=`: a browser that reconnects repeats the query of its first request. */
function cursorOf(request: Request, url: URL): number {
  const header = request.headers.get(LAST_EVENT_ID_HEADER) ?? ''
  const query = url.searchParams.get('after') ?? ''
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
