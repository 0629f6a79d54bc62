import type { CancelKind } from 'generation-jobs'

/** An event as the wire carries it. */
export type WireBody = { readonly type: string } & Readonly<Record<string, unknown>>

/**
 * What goes wrong with one request. `hang`: no answer, ever. `drop`: the connection breaks before the server has read it.
 * `lost`: the server does its work, and the answer is lost. A function answers in the server's place.
 */
export type Fault = 'hang' | 'drop' | 'lost' | ((request: SeenRequest) => Response | Promise<Response>)

export type RouteName = 'create' | 'stream' | 'cancel' | 'status'

export interface SeenRequest {
  readonly route: RouteName
  readonly url: URL
  readonly headers: Headers
  readonly body: string
  readonly signal: AbortSignal
}

/** One job of the faulty server; its log and its streams are in the hands of the test. */
export interface FakeJob {
  readonly id: string
  status: string
  kind: CancelKind
  readonly log: WireBody[]
  /** Appends to the log and sends to all open streams. */
  emit(...bodies: WireBody[]): void
  /** Sends bytes to all open streams that are in no log. */
  sendRaw(text: string): void
  /** Ends all open streams as a server does that thinks it is done. */
  endStreams(): void
  /** Breaks all open streams. */
  cutStreams(): void
  openStreams(): number
}

export interface FaultyJobServer {
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
  readonly requests: SeenRequest[]
  readonly jobs: Map<string, FakeJob>
  /** Faults of the next requests to a route, one each; after that all is well. */
  readonly faults: Record<RouteName, Fault[]>
  count(route: RouteName): number
  job(id?: string): FakeJob
  addJob(id: string, log?: readonly WireBody[]): FakeJob
}

const encoder = new TextEncoder()

export function frame(seq: number, body: WireBody): string {
  return `id: ${seq}\ndata: ${JSON.stringify(body)}\n\n`
}

export function streamResponse(body: ReadableStream<Uint8Array>): Response {
  return new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } })
}

/** A server of the wire format, made for what goes wrong. Its `fetch` heeds the signal, as real ones do. */
export function faultyJobServer(): FaultyJobServer {
  const jobs = new Map<string, FakeJob>()
  const keys = new Map<string, FakeJob>()
  const requests: SeenRequest[] = []
  const faults: FaultyJobServer['faults'] = { create: [], stream: [], cancel: [], status: [] }
  const opens = new Map<FakeJob, Map<ReadableStreamDefaultController<Uint8Array>, () => void>>()

  function addJob(id: string, log: readonly WireBody[] = []): FakeJob {
    const streams = new Map<ReadableStreamDefaultController<Uint8Array>, () => void>()
    const each = (fn: (controller: ReadableStreamDefaultController<Uint8Array>) => void, ends: boolean): void => {
      for (const [controller, leave] of [...streams]) {
        if (ends) leave()
        fn(controller)
      }
    }
    const job: FakeJob = {
      id,
      status: 'running',
      kind: 'user',
      log: [...log],
      emit(...bodies) {
        const text = bodies.map((body) => frame(job.log.push(body), body)).join('')
        each((controller) => controller.enqueue(encoder.encode(text)), false)
      },
      sendRaw: (text) => each((controller) => controller.enqueue(encoder.encode(text)), false),
      endStreams: () => each((controller) => controller.close(), true),
      cutStreams: () => each((controller) => controller.error(new TypeError('network error')), true),
      openStreams: () => streams.size,
    }
    jobs.set(id, job)
    opens.set(job, streams)
    return job
  }

  function openStream(job: FakeJob, after: number, signal: AbortSignal): Response {
    const streams = opens.get(job) ?? new Map()
    let mine: ReadableStreamDefaultController<Uint8Array>
    const leave = (): void => {
      streams.delete(mine)
      signal.removeEventListener('abort', onAbort)
    }
    const onAbort = (): void => {
      leave()
      mine.error(signal.reason)
    }
    return streamResponse(
      new ReadableStream<Uint8Array>({
        start(controller) {
          mine = controller
          streams.set(controller, leave)
          signal.addEventListener('abort', onAbort)
          const missed = job.log.slice(after).map((body, index) => frame(after + index + 1, body))
          controller.enqueue(encoder.encode(`retry: 1000\n\n${missed.join('')}`))
          if (job.log.some(({ type }) => ['complete', 'cancelled', 'error'].includes(type))) {
            leave()
            controller.close()
          }
        },
        cancel: leave,
      }),
    )
  }

  function answer({ route, url, headers, signal }: SeenRequest): Response {
    if (route === 'create') {
      const key = headers.get('idempotency-key') ?? ''
      const known = keys.get(key)
      const job = known ?? addJob(`job-${jobs.size + 1}`)
      keys.set(key, job)
      return Response.json({ job_id: job.id, stream_url: '', status: 'pending' }, { status: known ? 200 : 201 })
    }
    const job = jobs.get(url.pathname.split('/').at(route === 'status' ? -1 : -2) ?? '')
    if (!job)
      return Response.json({ error: { code: 'job.not-found', message: 'Génération introuvable' } }, { status: 404 })
    if (route === 'cancel') {
      job.status = 'cancelled'
      return Response.json({ job_id: job.id, outcome: 'cancelled', status: 'cancelled', kind: job.kind, forced: false })
    }
    if (route === 'status') return Response.json({ job_id: job.id, status: job.status, result: 'recorded' })
    const after = Number(url.searchParams.get('after') ?? 0)
    const isSettled = ['completed', 'failed', 'cancelled'].includes(job.status)
    return isSettled && after >= job.log.length ? new Response(null, { status: 204 }) : openStream(job, after, signal)
  }

  async function handle(request: SeenRequest): Promise<Response> {
    const fault = faults[request.route].shift()
    if (typeof fault === 'function') return fault(request)
    if (fault === 'hang') return new Promise(() => {})
    if (fault === 'drop') throw new TypeError('fetch failed')
    const response = answer(request)
    if (fault === 'lost') throw new TypeError('fetch failed')
    return response
  }

  return {
    requests,
    jobs,
    faults,
    addJob,
    count: (route) => requests.filter((request) => request.route === route).length,
    job(id = 'job-1') {
      const job = jobs.get(id)
      if (!job) throw new Error(`no job ${id}`)
      return job
    },
    fetch(url, init = {}) {
      const signal = init.signal ?? new AbortController().signal
      const request = {
        route: routeOf(new URL(url).pathname, init.method),
        url: new URL(url),
        headers: new Headers(init.headers),
        body: String(init.body ?? ''),
        signal,
      }
      requests.push(request)
      return new Promise((resolve, reject) => {
        const onAbort = (): void => reject(signal.reason)
        if (signal.aborted) return onAbort()
        signal.addEventListener('abort', onAbort, { once: true })
        handle(request)
          .then(resolve, reject)
          .finally(() => signal.removeEventListener('abort', onAbort))
      })
    },
  }
}

function routeOf(path: string, method = 'GET'): RouteName {
  if (path.endsWith('/cancel')) return 'cancel'
  if (path.endsWith('/stream')) return 'stream'
  return method === 'POST' ? 'create' : 'status'
}
