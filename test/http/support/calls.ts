import type { GenerationHandler } from 'generation-jobs/http'
import { BASE } from './generation-server.js'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown> & { readonly error?: { code: string; message: string; issues?: unknown[] } }
}

/** What a client of one owner sends, over sockets (`fetch` and a URL) or to a handler without any. */
export function caller(send: (path: string, init: RequestInit) => Promise<Response>, user: string | undefined) {
  const who = user === undefined ? undefined : { 'x-user': user }
  const call = (path: string, init: RequestInit = {}) => send(path, { ...init, headers: { ...who, ...init.headers } })
  const post = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    call(path, {
      method: 'POST',
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  return {
    call,
    post,
    create: (headers?: Record<string, string>, body: unknown = { prompt: 'a dragon' }) =>
      post('/jobs', body, headers).then(answerOf),
    /** Creates a job and gives its id. */
    async createdId(body?: unknown): Promise<string> {
      const { status, body: answer } = await answerOf(await post('/jobs', body ?? { prompt: 'a dragon' }))
      if (status !== 201) throw new Error(`create: ${status} ${JSON.stringify(answer)}`)
      return String(answer.job_id)
    },
    status: (id: string, headers = {}) => call(`/jobs/${encodeURIComponent(id)}`, { headers }).then(answerOf),
    stream: (id: string, query = '', init: RequestInit = {}) =>
      call(`/jobs/${encodeURIComponent(id)}/stream${query}`, init),
    cancel: (id: string, headers = {}) =>
      post(`/jobs/${encodeURIComponent(id)}/cancel`, undefined, headers).then(answerOf),
  }
}

export type Caller = ReturnType<typeof caller>

export function overSockets({ url }: { url: string }, user?: string | null): Caller {
  return caller((path, init) => fetch(url + path, init), user === null ? undefined : (user ?? 'ann'))
}

export function direct({ handler }: { handler: GenerationHandler }, user?: string | null, base = BASE): Caller {
  const send = (path: string, init: RequestInit) => handler(new Request(`http://server.example${base}${path}`, init))
  return caller(send, user === null ? undefined : (user ?? 'ann'))
}

/** Status, headers and JSON body of a response. */
export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}
