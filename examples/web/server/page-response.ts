import type { BuiltPage } from './built-page.ts'

/** Nothing but the page's own files runs or is loaded, whatever a model may write. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const FOR_EVER = 'public, max-age=31536000, immutable'

/** A file of the page; `/` is its HTML. */
export function pageResponse(page: BuiltPage, request: Request): Response {
  const { pathname } = new URL(request.url)
  const file = page.get(pathname === '/' ? '/index.html' : pathname)
  if (!file || request.method !== 'GET') return new Response(null, { status: 404 })
  const isGzipped = request.headers.get('accept-encoding')?.includes('gzip') ?? false
  return new Response(isGzipped ? file.gzipped : file.content, {
    headers: {
      'content-type': file.contentType,
      'cache-control': file.isHashed ? FOR_EVER : 'no-cache',
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      vary: 'accept-encoding',
      ...(isGzipped && { 'content-encoding': 'gzip' }),
    },
  })
}
