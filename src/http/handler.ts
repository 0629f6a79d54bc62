import { safeErrorFields } from '../core/error-description.js'
import type { JobSnapshot } from '../protocol/job-snapshot.js'
import { WIRE_VERSION, WIRE_VERSION_HEADER } from '../protocol/wire.js'
import { cancelJob } from './cancel-route.js'
import { createJob } from './create-route.js'
import { errorResponse, toHttpError } from './error-response.js'
import { HttpError } from './http-error.js'
import {
  type GenerationHandlerOptions,
  type HandlerContext,
  type ResolvedHandlerOptions,
  resolveHandlerOptions,
} from './options.js'
import { isPreflight, judgeOrigin, preflightResponse } from './origin-policy.js'
import { matchRoute, type Route } from './route.js'
import { jobStatus } from './status-route.js'
import { streamJob } from './stream-route.js'
import { STREAM_TOKEN_PARAMETER, StreamTokens } from './stream-token.js'
import { Streams } from './streams.js'

/** Answers one request; never rejects. Works wherever a fetch handler does; node:http takes it through `generation-jobs/node`. */
export type GenerationHandler = (request: Request, context?: HandlerContext) => Promise<Response>

/**
 * Serves generations over HTTP: create, status, SSE stream and cancel.
 *
 * @throws {InvalidOptionsError} when an option is wrong, `authorize` is missing among them
 */
export function createGenerationHandler<Params>(options: GenerationHandlerOptions<Params>): GenerationHandler {
  const routes = new Routes(resolveHandlerOptions(options))
  return (request, context = {}) => routes.answer(request, context)
}

class Routes {
  readonly #options: ResolvedHandlerOptions
  readonly #streams: Streams
  readonly #tokens: StreamTokens | undefined

  constructor(options: ResolvedHandlerOptions) {
    this.#options = options
    this.#streams = new Streams(options)
    this.#tokens = options.streamToken && new StreamTokens(options.streamToken, options.clock)
  }

  async answer(request: Request, context: HandlerContext): Promise<Response> {
    const origin = judgeOrigin(request, this.#options.allowedOrigins)
    const response = origin.isAllowed
      ? await this.#routed(request, context).catch((error) => this.#failed(error))
      : this.#failed(new HttpError(403, 'request.forbidden-origin'))
    response.headers.set(WIRE_VERSION_HEADER, WIRE_VERSION)
    if (origin.isAllowed) for (const [name, value] of Object.entries(origin.cors)) response.headers.set(name, value)
    return response
  }

  async #routed(request: Request, context: HandlerContext): Promise<Response> {
    if (isPreflight(request)) return preflightResponse(request)
    const url = new URL(request.url)
    const route = matchRoute(url.pathname, this.#options.basePath)
    if (!route) throw new HttpError(404, 'request.not-found')
    if (route.method !== request.method)
      throw new HttpError(405, 'request.method', { headers: { allow: route.method } })
    const { native } = context
    if (route.action === 'create') {
      const owner = await this.#ownerOf(request, { action: 'create', native })
      return createJob(this.#options, { owner, request, native }, (jobId) => this.#streamUrl(route, jobId, owner))
    }
    const { job, owner } = await this.#ownJob(request, route, native, url.searchParams.get(STREAM_TOKEN_PARAMETER))
    if (route.action === 'read') return jobStatus(this.#options, job)
    if (route.action === 'stream') {
      return streamJob(this.#streams, { request, url, job, context }, this.#options.maxViewerBufferBytes)
    }
    return cancelJob(this.#options, job.jobId, owner)
  }

  /** The named job, if it belongs to who asks. A stranger's job is answered exactly as one that never was. */
  async #ownJob(
    request: Request,
    { action, jobId }: Route,
    native: unknown,
    token: string | null,
  ): Promise<{ job: JobSnapshot; owner: string }> {
    const job = isJobId(jobId) ? await this.#options.manager.get(jobId) : undefined
    if (action === 'stream' && token !== null && job?.owner !== undefined) {
      if (await this.#tokens?.verify(token, jobId, job.owner)) return { job, owner: job.owner }
    }
    const { authorize } = this.#options
    const identity = (await authorize(request, { action, job, native })) ?? undefined
    if (job && identity && isOwner(identity.owner, job)) return { job, owner: identity.owner }
    if (!identity && job) await this.#ownerOf(request, { action, native }) // as if there were no such job
    if (!identity && !job) throw new HttpError(401, 'request.unauthorized')
    throw new HttpError(404, 'job.not-found')
  }

  async #ownerOf(request: Request, context: { action: Route['action']; native: unknown }): Promise<string> {
    const identity = await this.#options.authorize(request, context)
    if (!identity) throw new HttpError(401, 'request.unauthorized')
    return identity.owner
  }

  async #streamUrl({ base }: Route, jobId: string, owner: string): Promise<string> {
    const path = `${base}/jobs/${encodeURIComponent(jobId)}/stream`
    const token = await this.#tokens?.issue(jobId, owner)
    return token === undefined ? path : `${path}?${STREAM_TOKEN_PARAMETER}=${token}`
  }

  /** Errors answer themselves; one that nobody foresaw is told to the operator, without what may be in its message. */
  #failed(error: unknown): Response {
    const answer = toHttpError(error)
    if (answer.status === 500) {
      this.#options.logger().error({ event: 'http.failed', ...safeErrorFields(error) }, 'A request failed')
    }
    return errorResponse(answer, this.#options.messages)
  }
}

function isOwner(owner: string, job: JobSnapshot): boolean {
  return typeof owner === 'string' && owner !== '' && owner === job.owner
}

/** What a manager takes as an id; anything else names no job. */
function isJobId(jobId: string): boolean {
  return /^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}]{1,256}$/u.test(jobId)
}
