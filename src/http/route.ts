import type { GenerationAction } from './options.js'

/** What a path names. `base` is everything before `/jobs`, as the client sees it. */
export interface Route {
  readonly action: GenerationAction
  readonly method: 'GET' | 'POST'
  readonly base: string
  /** Empty for `create`. */
  readonly jobId: string
}

/** The end of a path: `/jobs`, `/jobs/{id}`, `/jobs/{id}/stream`, `/jobs/{id}/cancel`. */
const TAILS: readonly { pattern: RegExp; action: GenerationAction; method: Route['method'] }[] = [
  { pattern: /^(.*)\/jobs\/?$/, action: 'create', method: 'POST' },
  { pattern: /^(.*)\/jobs\/([^/]+)$/, action: 'read', method: 'GET' },
  { pattern: /^(.*)\/jobs\/([^/]+)\/stream$/, action: 'stream', method: 'GET' },
  { pattern: /^(.*)\/jobs\/([^/]+)\/cancel$/, action: 'cancel', method: 'POST' },
]

/** Finds the route of a path, under the base path, under a longer one (a proxy), or under its end (a framework took the rest). */
export function matchRoute(pathname: string, basePath: string): Route | undefined {
  for (const { pattern, action, method } of TAILS) {
    const match = pattern.exec(pathname)
    if (!match) continue
    const [, prefix = '', encodedId = ''] = match
    const jobId = decoded(encodedId)
    if (jobId === undefined) continue
    if (prefix.endsWith(basePath)) return { action, method, base: prefix, jobId }
    if (basePath.endsWith(prefix)) return { action, method, base: basePath, jobId }
  }
  return undefined
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined // a broken escape names nothing
  }
}
