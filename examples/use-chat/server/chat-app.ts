import type { LanguageModel } from 'ai'
import { type GenerationJobManager, InvalidOptionsError } from 'generation-jobs'
import { createGenerationHandler, type GenerationHandler } from 'generation-jobs/http'
import type { BuiltPage } from '../../web/server/built-page.ts'
import { guestOf, newGuestCookie } from '../../web/server/guest-session.ts'
import { pageResponse } from '../../web/server/page-response.ts'
import type { ChatArchive } from './chat-archive.ts'
import { answerProducer, chatRequest } from './chat-generation.ts'
import { uiMessageStreamResponse } from './ui-message-stream.ts'

export interface ChatAppOptions {
  readonly manager: GenerationJobManager
  readonly page: BuiltPage
  readonly archive: ChatArchive
  readonly model: LanguageModel
}

const BASE = '/api/chat'
const NO_STORE = { 'cache-control': 'no-store' }

/**
 * The whole server as one function. The library's handler creates and cancels the jobs; what `useChat` needs besides are two
 * routes to read: a job in the AI SDK's encoding, and a chat as it is now.
 */
export function createChatApp({ manager, page, archive, model }: ChatAppOptions): GenerationHandler {
  const jobs = createGenerationHandler({
    manager,
    params: chatRequest,
    basePath: BASE,
    authorize: (request) => {
      const owner = guestOf(request)
      return owner ? { owner } : null
    },
    start: (request, { owner }) => ({
      producer: answerProducer(request, { model, archive, owner }),
      // A question asked while the last answer is still being stopped, or in another tab, waits for its end.
      options: { group: request.chatId, onConflict: 'replace' },
    }),
  })

  async function stream(owner: string, jobId: string, after: number): Promise<Response> {
    const job = await manager.get(jobId)
    if (job?.owner !== owner || !Number.isSafeInteger(after) || after < 0) return new Response(null, { status: 404 })
    return uiMessageStreamResponse(manager.events(jobId, { after, viewer: true }), jobId, after)
  }

  /** Its messages, and the job that a page which shows them has to read: the newest, unless it was cancelled or is among them. */
  async function chat(owner: string, group: string): Promise<Response> {
    const known = (await manager.list({ owner, group })).sort((a, b) => b.createdAt - a.createdAt)
    const messages = archive.read(owner, group)
    const newest = known.find(({ status }) => status !== 'cancelled' && status !== 'cancelling')
    const jobId = newest === known[0] && !messages.some(({ id }) => id === newest?.jobId) ? newest?.jobId : undefined
    return Response.json({ messages, jobId }, { headers: NO_STORE })
  }

  async function routed(...[request, context]: Parameters<GenerationHandler>): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const owner = guestOf(request)
    const [kind = '', id = '', verb] = pathname.startsWith(`${BASE}/`) ? pathname.split('/').slice(3) : []
    if (kind === 'jobs' && verb !== 'ui-message-stream') return jobs(request, context)
    if (kind && (request.method !== 'GET' || !owner)) return new Response(null, { status: owner ? 405 : 401 })
    if (kind === 'jobs' && owner) return stream(owner, decodeURIComponent(id), Number(searchParams.get('after') ?? 0))
    if (kind === 'chats' && owner) return chat(owner, decodeURIComponent(id))
    const response = pageResponse(page, request)
    if (pathname === '/' && !owner) response.headers.set('set-cookie', newGuestCookie())
    return response
  }

  return (request, context) =>
    routed(request, context).catch((error: unknown) => {
      // A path or an id that nothing can be called is the caller's fault.
      if (error instanceof URIError || error instanceof InvalidOptionsError) return new Response(null, { status: 400 })
      console.error(error)
      return new Response(null, { status: 500 })
    })
}
