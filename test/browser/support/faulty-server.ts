// The server of examples/web with scripted models, faults that can be switched on, and a look inside. Tests start it as a program
// of its own, so that they can stop, kill and restart it. PORT and DIALOGUES as the example.
import { GenerationJobManager } from 'generation-jobs'
import type { GenerationHandler } from 'generation-jobs/http'
import { createJsonLogger } from '../../../examples/generate-dialogue/view/log.ts'
import { buildPage } from '../../../examples/web/server/built-page.ts'
import { listen } from '../../../examples/web/server/listen.ts'
import { readSettings } from '../../../examples/web/server/settings.ts'
import { createWebApp } from '../../../examples/web/server/web-app.ts'
import { chooseScriptedModel, openCalls } from './scripted-models.ts'

/** What the tests see of the inside. */
export interface Inside {
  readonly stats: ReturnType<GenerationJobManager['stats']>
  readonly openCalls: number
  /** Every request so far, `POST /path → status`; without a status it was never answered. */
  readonly requests: readonly string[]
}

export interface Faults {
  /** The cancel route takes requests and answers none, until the fault is gone: then with 503. */
  readonly cancelHangs?: boolean
}

const manager = new GenerationJobManager({
  logger: createJsonLogger((line) => void process.stderr.write(`${line}\n`)),
  gracePeriodMs: 1_000,
})
const { port, directory } = readSettings(process.env)
const page = await buildPage(new URL('../../../examples/web/page', import.meta.url))
const app = createWebApp({ manager, page, directory, chooseModel: chooseScriptedModel })
const requests: string[] = []
let faults: Faults = {}
const unanswered: (() => void)[] = []

const faulty: GenerationHandler = async (request, context) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/inside') return Response.json({ stats: manager.stats(), openCalls: openCalls.count, requests })
  if (pathname === '/faults') {
    faults = (await request.json()) as Faults
    if (!faults.cancelHangs) for (const answer of unanswered.splice(0)) answer()
    return new Response(null, { status: 204 })
  }
  const index = requests.push(`${request.method} ${pathname}`) - 1
  if (faults.cancelHangs && pathname.endsWith('/cancel')) return hanging()
  const response = await app(request, context)
  requests[index] += ` → ${response.status}`
  return response
}

function hanging(): Promise<Response> {
  return new Promise((resolve) => unanswered.push(() => resolve(new Response(null, { status: 503 }))))
}

const server = await listen(faulty, port)
console.log(`Ouvrez ${server.url}`)
