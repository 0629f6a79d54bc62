import { IDEMPOTENCY_KEY_HEADER, LAST_EVENT_ID_HEADER, WIRE_VERSION_HEADER } from '../protocol/wire.js'

/** Seconds for which a browser remembers a preflight. */
const PREFLIGHT_SECONDS = '600'
const REQUEST_HEADERS = `authorization, content-type, ${IDEMPOTENCY_KEY_HEADER}, ${LAST_EVENT_ID_HEADER}`

/**
 * Where a request comes from. A page of a strange site can send a cancel without asking first, because it is a simple request; so
 * an `Origin` that is neither the server's own host nor listed is refused on every route. `null` is nobody's origin.
 */
export type OriginVerdict =
  | { readonly isAllowed: false }
  /** `cors` goes on the answer; nothing if the request names no origin, or the server's own. */
  | { readonly isAllowed: true; readonly cors: Readonly<Record<string, string>> }

export function judgeOrigin(request: Request, allowedOrigins: ReadonlySet<string>): OriginVerdict {
  const origin = request.headers.get('origin')
  const vary: Record<string, string> = allowedOrigins.size > 0 ? { vary: 'origin' } : {}
  if (origin === null || isOwnHost(request, origin)) return { isAllowed: true, cors: vary }
  if (!allowedOrigins.has(origin)) return { isAllowed: false }
  return {
    isAllowed: true,
    cors: {
      ...vary,
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': `${WIRE_VERSION_HEADER}, retry-after`,
    },
  }
}

/** The answer to a preflight; headers of the application's own authentication are let through for a listed origin. */
export function preflightResponse(request: Request): Response {
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? REQUEST_HEADERS,
      'access-control-max-age': PREFLIGHT_SECONDS,
    },
  })
}

export function isPreflight(request: Request): boolean {
  return request.method === 'OPTIONS' && request.headers.has('origin')
}

/** By host and port alone: behind a proxy that ends TLS the server does not know its scheme. */
function isOwnHost(request: Request, origin: string): boolean {
  if (!URL.canParse(origin)) return false
  const { protocol, host } = new URL(origin)
  const own = `${protocol}//${request.headers.get('host') ?? new URL(request.url).host}`
  return host !== '' && URL.canParse(own) && new URL(own).host === host
}
