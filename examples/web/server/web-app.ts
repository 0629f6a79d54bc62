import type { GenerationJobManager } from 'generation-jobs'
import { UnityDialogueOrchestrator } from 'generation-jobs/dialogue'
import { createGenerationHandler, type GenerationHandler } from 'generation-jobs/http'
import type { BuiltPage } from './built-page.ts'
import { openArchive } from './dialogue-archive.ts'
import type { ChooseDialogueModel } from './dialogue-model.ts'
import { dialogueRequest } from './dialogue-request.ts'
import { guestOf, newGuestCookie } from './guest-session.ts'
import { pageResponse } from './page-response.ts'

export interface WebAppOptions {
  readonly manager: GenerationJobManager
  readonly page: BuiltPage
  readonly directory: string
  readonly chooseModel: ChooseDialogueModel
}

const DIALOGUES = '/api/v1/dialogues'
const GENERATIONS = `${DIALOGUES}/generate`

/** The whole server as one function: generations, saved dialogues, and the page. */
export function createWebApp({ manager, page, directory, chooseModel }: WebAppOptions): GenerationHandler {
  const generations = createGenerationHandler({
    manager,
    params: dialogueRequest,
    basePath: GENERATIONS,
    authorize: (request) => ownerOf(request),
    start: (request, { owner }) => {
      const { instructions, characters } = request
      const { model, buildPrompt } = chooseModel(request)
      const { store } = openArchive(directory, owner)
      return new UnityDialogueOrchestrator({ model, buildPrompt, store }).producer({ instructions, characters })
    },
  })

  async function routed(...[request, context]: Parameters<GenerationHandler>): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname.startsWith(`${GENERATIONS}/`)) return generations(request, context)
    if (pathname === DIALOGUES) return savedDialogues(directory, request)
    const response = pageResponse(page, request)
    if (pathname === '/' && !guestOf(request)) response.headers.set('set-cookie', newGuestCookie())
    return response
  }

  return (request, context) =>
    routed(request, context).catch((error: unknown) => {
      console.error(error)
      return new Response(null, { status: 500 })
    })
}

function ownerOf(request: Request): { owner: string } | null {
  const owner = guestOf(request)
  return owner ? { owner } : null
}

async function savedDialogues(directory: string, request: Request): Promise<Response> {
  const guest = guestOf(request)
  if (!guest) return new Response(null, { status: 401 })
  return Response.json(await openArchive(directory, guest).list(), { headers: { 'cache-control': 'no-store' } })
}
